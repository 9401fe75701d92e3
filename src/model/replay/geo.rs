//! Places on a map, which are members of a sorted set: a score is a longitude and a latitude of 26 bits each, interleaved.
//!
//! Source: Redis 7.0 `geohash.c` `geohashEncode()`, `geo.c` `geoaddCommand()`.

use super::args::{Arguments, Done, Halt};
use super::geo_search::Point;
use super::keyspace::Space;
use super::scores::{self, NOT_A_FLOAT};
use super::zsets::{CONTRADICTION, Condition, put_all};

pub(super) const MAX_LONGITUDE: f64 = 180.0;
pub(super) const MAX_LATITUDE: f64 = 85.051_128_78;
/// Cells along each of them.
const PARTS: f64 = 67_108_864.0;

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ..]`
pub(super) fn geoadd(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let mut condition = Condition::default();
    loop {
        if args.word("NX") {
            condition.nx = true;
        } else if args.word("XX") {
            condition.xx = true;
        } else if !args.word("CH") {
            break;
        }
    }
    args.at_least(3)?;
    if !args.left().is_multiple_of(3) {
        return Err(Halt::Form("longitude, latitude and member"));
    }
    if condition.nx && condition.xx {
        return Err(CONTRADICTION);
    }
    let mut checked = args.clone();
    while let (Some(longitude), Some(latitude), Some(_)) = (checked.next(), checked.next(), checked.next()) {
        score(longitude, latitude)?;
    }
    put_all(space, key, condition, || {
        let (longitude, latitude, member) = (args.next()?, args.next()?, args.next()?);
        Some((score(longitude, latitude).ok()?, member))
    })
}

/// A place that arguments say.
pub(super) fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point, Halt> {
    let longitude = scores::parse(longitude).ok_or(NOT_A_FLOAT)?;
    let latitude = scores::parse(latitude).ok_or(NOT_A_FLOAT)?;
    if longitude.abs() > MAX_LONGITUDE || latitude.abs() > MAX_LATITUDE {
        return Err(Halt::Answer("a longitude or latitude out of range"));
    }
    Ok(Point { longitude, latitude })
}

/// The score of a place.
fn score(longitude: &[u8], latitude: &[u8]) -> Result<f64, Halt> {
    let Point { longitude, latitude } = point(longitude, latitude)?;
    let bits = spread(cell(latitude, MAX_LATITUDE)) | spread(cell(longitude, MAX_LONGITUDE)) << 1;
    Ok(bits as f64)
}

/// The place of a score: the middle of its cell.
pub(super) fn place_of(score: f64) -> Option<Point> {
    /// Scores of places are below this: the end of a range has a bit more.
    const END: f64 = (1u64 << 54) as f64;
    if !(0.0..END).contains(&score) {
        return None;
    }
    // Below 2^54.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bits = score as u64;
    let middle = |cell: u64, max: f64| {
        let edge = |cell: u64| cell as f64 / PARTS * (max + max) - max;
        let middle = (edge(cell) + edge(cell.saturating_add(1))) / 2.0;
        middle.clamp(-max, max)
    };
    Some(Point { longitude: middle(gather(bits >> 1), MAX_LONGITUDE), latitude: middle(gather(bits), MAX_LATITUDE) })
}

/// Every second bit, from the lowest on.
fn gather(bits: u64) -> u64 {
    (0..32u32).fold(0, |gathered, bit| gathered | (bits >> bit & 1 << bit))
}

/// In which of 2^26 parts of its range a number is; the end of the range is behind the last one.
fn cell(number: f64, max: f64) -> u32 {
    // At most 2^26.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let cell = ((number + max) / (max + max) * PARTS) as u32;
    cell
}

/// The bits of a number with room for another between each two.
fn spread(bits: u32) -> u64 {
    const STEPS: [(u32, u64); 5] = [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ];
    STEPS.iter().fold(u64::from(bits), |bits, (shift, mask)| (bits | bits << shift) & mask)
}
