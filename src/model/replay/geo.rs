//! Places on a map, which are members of a sorted set: a score is a longitude and a latitude of 26 bits each, interleaved.
//!
//! Source: Redis 7.0 `geohash.c` `geohashEncode()`, `geo.c` `geoaddCommand()`.

use super::args::{Arguments, Done, Halt};
use super::keyspace::Space;
use super::scores::{self, NOT_A_FLOAT};
use super::zsets::{CONTRADICTION, Condition, put_all};

const MAX_LONGITUDE: f64 = 180.0;
const MAX_LATITUDE: f64 = 85.051_128_78;

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

/// The score of a place.
fn score(longitude: &[u8], latitude: &[u8]) -> Result<f64, Halt> {
    let longitude = scores::parse(longitude).ok_or(NOT_A_FLOAT)?;
    let latitude = scores::parse(latitude).ok_or(NOT_A_FLOAT)?;
    if longitude.abs() > MAX_LONGITUDE || latitude.abs() > MAX_LATITUDE {
        return Err(Halt::Answer("a longitude or latitude out of range"));
    }
    let bits = spread(cell(latitude, MAX_LATITUDE)) | spread(cell(longitude, MAX_LONGITUDE)) << 1;
    Ok(bits as f64)
}

/// In which of 2^26 parts of its range a number is; the end of the range is behind the last one.
fn cell(number: f64, max: f64) -> u32 {
    const PARTS: f64 = 67_108_864.0;
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
