//! Places near another one, kept under a key: `GEOSEARCHSTORE`, and `GEORADIUS` with `STORE`.
//!
//! Every place is looked at. Servers look into cells around the middle, and miss some that lie across the date line or a pole.
//! A distance may differ in its last bit from that of a server, whose C library has another sine.
//!
//! Source: Redis 8.6 `geo.c` `georadiusGeneric()`, `geohash_helper.c` `geohashGetDistance()`.

use super::args::{Arguments, Done, Halt, SYNTAX, is_word};
use super::geo::{place_of, point};
use super::keyspace::Space;
use super::scores::{self, NOT_A_FLOAT};
use super::zset_ranges::store;
use super::zsets::{Scored, Zset};
use crate::error::Fault;
use alloc::vec::Vec;

const NO_PLACE: Halt = Halt::Answer("no such member");

/// A longitude and a latitude, in degrees.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// Metres along a great circle.
fn distance(from: Point, to: Point) -> f64 {
    let longitudes = libm::sin((radians(to.longitude) - radians(from.longitude)) / 2.0);
    if longitudes == 0.0 {
        return distance_of_latitudes(from, to);
    }
    let (from, to) = (radians(from.latitude), radians(to.latitude));
    let latitudes = libm::sin((to - from) / 2.0);
    let a = latitudes * latitudes + libm::cos(from) * libm::cos(to) * longitudes * longitudes;
    2.0 * EARTH_RADIUS_M * libm::asin(libm::sqrt(a))
}

const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

fn distance_of_latitudes(from: Point, to: Point) -> f64 {
    EARTH_RADIUS_M * (radians(to.latitude) - radians(from.latitude)).abs()
}

fn radians(degrees: f64) -> f64 {
    degrees * (core::f64::consts::PI / 180.0)
}

/// What is searched, in metres.
#[derive(Clone, Copy)]
enum Area {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

impl Area {
    /// How far a point in it is from the middle.
    fn distance(self, middle: Point, point: Point) -> Option<f64> {
        match self {
            Self::Circle { radius } => Some(distance(middle, point)).filter(|distance| *distance <= radius),
            Self::Box { width, height } => {
                let same_latitude = Point { longitude: middle.longitude, ..point };
                let is_in = distance_of_latitudes(point, middle) <= height / 2.0 && distance(point, same_latitude) <= width / 2.0;
                is_in.then(|| distance(middle, point))
            }
        }
    }
}

/// Where the middle is.
#[derive(Clone, Copy)]
enum Middle<'a> {
    Member(&'a [u8]),
    Point(Point),
}

/// What a command asks for.
struct Search<'a> {
    middle: Option<Middle<'a>>,
    area: Option<Area>,
    /// Metres of the unit in which distances are kept.
    unit: f64,
    is_descending: bool,
    is_sorted: bool,
    count: Option<usize>,
    takes_any: bool,
    keeps_distances: bool,
    target: Option<&'a [u8]>,
}

impl<'a> Search<'a> {
    fn new() -> Self {
        Self {
            middle: None,
            area: None,
            unit: 1.0,
            is_descending: false,
            is_sorted: false,
            count: None,
            takes_any: false,
            keeps_distances: false,
            target: None,
        }
    }

    /// `radius m | km | ft | mi`
    fn radius(&mut self, args: &mut Arguments<'a>) -> Done {
        let radius = length(args)?;
        self.unit = unit(args)?;
        self.area = Some(Area::Circle { radius: radius * self.unit });
        Ok(())
    }

    /// The options that all the commands have.
    fn option(&mut self, word: &[u8], args: &mut Arguments<'a>) -> Result<bool, Halt> {
        match () {
            () if is_word(word, "ASC") => (self.is_sorted, self.is_descending) = (true, false),
            () if is_word(word, "DESC") => (self.is_sorted, self.is_descending) = (true, true),
            () if is_word(word, "COUNT") => {
                self.count = Some(args.count()?);
                self.takes_any = args.word("ANY");
            }
            () => return Ok(false),
        }
        Ok(true)
    }

    /// Keeps what is found under a key.
    fn run(self, space: &mut Space, source: &[u8], target: &[u8]) -> Done {
        let (Some(middle), Some(area)) = (self.middle, self.area) else { return Err(SYNTAX) };
        let mut found = Vec::new();
        let mut bytes = 0usize;
        if let Some((zset, memory, hashing)) = space.find::<Zset>(source)? {
            let middle = match middle {
                Middle::Point(point) => Some(point),
                // Near a score that is no place there is nothing.
                Middle::Member(member) => place_of(zset.score(member, hashing).ok_or(NO_PLACE)?),
            };
            bytes = zset.len().saturating_mul(size_of::<(f64, Scored)>());
            memory.take(bytes)?;
            // Servers go through the cells around the middle, which is near enough to the members' order.
            for ranked in zset.order(memory)? {
                let point = middle.zip(place_of(ranked.0.score));
                if let Some(distance) = point.and_then(|(middle, point)| area.distance(middle, point)) {
                    found.push((distance / self.unit, ranked.0.clone()));
                }
            }
        }
        if self.is_sorted || self.count.is_some() && !self.takes_any {
            found.sort_by(|(a, _), (b, _)| if self.is_descending { b.total_cmp(a) } else { a.total_cmp(b) });
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        let keys = space.keys();
        let made = kept(&found, self.keeps_distances, |zset, member, score| zset.set(member, score, keys.hashing, keys.memory))?;
        keys.memory.give_back(bytes);
        store(space, target, made)
    }
}

/// The sorted set of what was found.
fn kept(
    found: &[(f64, Scored)],
    keeps_distances: bool,
    mut set: impl FnMut(&mut Zset, &[u8], f64) -> Result<(), Fault>,
) -> Result<Zset, Fault> {
    let mut zset = Zset::default();
    for (distance, Scored { member, score }) in found {
        set(&mut zset, member.as_slice(), if keeps_distances { *distance } else { *score })?;
    }
    Ok(zset)
}

/// A length, which is not negative.
fn length(args: &mut Arguments<'_>) -> Result<f64, Halt> {
    let length = scores::parse(args.text()?).ok_or(NOT_A_FLOAT)?;
    if length < 0.0 { Err(Halt::Answer("a negative length")) } else { Ok(length) }
}

/// Metres of a unit.
fn unit(args: &mut Arguments<'_>) -> Result<f64, Halt> {
    let word = args.text()?;
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let unit = units.into_iter().find(|(name, _)| is_word(word, name));
    unit.map(|(_, metres)| metres).ok_or(Halt::Answer("no unit of length"))
}

/// `GEORADIUS key longitude latitude radius unit [options] STORE | STOREDIST key`; without a target it changes nothing.
pub(super) fn georadius(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let source = args.key()?;
    let mut search = Search::new();
    search.middle = Some(Middle::Point(point(args.text()?, args.text()?)?));
    search.radius(args)?;
    keep(space, args, source, search)
}

/// `GEORADIUSBYMEMBER key member radius unit [options] STORE | STOREDIST key`
pub(super) fn georadiusbymember(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let source = args.key()?;
    let mut search = Search::new();
    search.middle = Some(Middle::Member(args.text()?));
    if space.contains(source) {
        search.radius(args)?;
    } else {
        // Nobody looks at it then.
        args.text()?;
        args.text()?;
        search.area = Some(Area::Circle { radius: 0.0 });
    }
    keep(space, args, source, search)
}

fn keep<'a>(space: &mut Space, args: &mut Arguments<'a>, source: &[u8], mut search: Search<'a>) -> Done {
    while let Some(word) = args.next() {
        if search.option(word, args)? {
            continue;
        }
        search.keeps_distances = is_word(word, "STOREDIST");
        match () {
            () if is_word(word, "STORE") || search.keeps_distances => search.target = Some(args.text()?),
            () if ["WITHDIST", "WITHHASH", "WITHCOORD"].iter().any(|with| is_word(word, with)) => {}
            () => return Err(SYNTAX),
        }
    }
    match search.target {
        Some(target) => search.run(space, source, target),
        None => Ok(()),
    }
}

/// `GEOSEARCHSTORE dst src FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit
/// [ASC | DESC] [COUNT count [ANY]] [STOREDIST]`
pub(super) fn geosearchstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (target, source) = (args.key()?, args.text()?);
    let mut search = Search::new();
    while let Some(word) = args.next() {
        if search.option(word, args)? {
            continue;
        }
        match () {
            () if is_word(word, "FROMMEMBER") => search.middle = Some(Middle::Member(args.text()?)),
            () if is_word(word, "FROMLONLAT") => search.middle = Some(Middle::Point(point(args.text()?, args.text()?)?)),
            () if is_word(word, "BYRADIUS") => search.radius(args)?,
            () if is_word(word, "BYBOX") => {
                let (width, height) = (length(args)?, length(args)?);
                search.unit = unit(args)?;
                search.area = Some(Area::Box { width: width * search.unit, height: height * search.unit });
            }
            () if is_word(word, "STOREDIST") => search.keeps_distances = true,
            () => return Err(SYNTAX),
        }
    }
    search.run(space, source, target)
}
