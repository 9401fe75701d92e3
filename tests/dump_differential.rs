//! `DUMP` payloads with one or two bytes changed, read here and by real servers
//! that look closely (`sanitize-dump-payload yes`).
//!
//! What is accepted here, the server accepts as we write it; what the server
//! refuses is refused here. Every other outcome has a cause, and the causes that
//! are known stand in `docs/differential.md`: any other fails the test.
//! `AIKV_MUTATIONS` says how many payloads of each type each server gets.

#![cfg(unix)]

mod common;

use aikv::Error;
use aikv::jobs::{Check, Job, Severity};
use aikv::rdb::{Decoder, DumpEncoder, DumpPayload, Element, Event, Part, StreamPart, Version, ZeroChecksum, seal};
use common::{Client, Reply, SERVERS, Server, TempDir, data, server};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The servers that are asked, and the version each dumps.
const ASKED: [(&str, Version); 5] = [
    ("redis-7.0", Version::redis(10)),
    ("redis-8.0", Version::redis(12)),
    ("redis-8.6", Version::redis(13)),
    ("valkey-8.1", Version::redis(11)),
    ("valkey-9.1", Version::valkey(80)),
];
const MUTATIONS: u64 = 200;
/// Longer payloads cost time and hold nothing that shorter ones lack.
const MAX_BYTES: usize = 1024;
/// Payloads of a type that are changed.
const MAX_SEEDS: usize = 24;
/// Longer than any payload of this size takes a server that is not caught in it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The numbers of `xorshift64*`.
struct Random(u64);

impl Random {
    /// Another sequence for every name.
    fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        Self(seed | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

/// Payloads by name of their type, each with its version.
type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// The values of all fixtures, as each server wrote them. What a server dumps is the same but
/// for the order of tables, which differs from run to run.
fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    for name in SERVERS {
        for case in ["strings", "lists", "sets", "zsets", "hashes", "streams", "field_expiry", "vectors", "nocompress"] {
            let fixture = data().join(name).join(case).with_extension("rdb");
            if fixture.exists() {
                values(&fs::read(&fixture).unwrap(), &mut seeds);
            }
        }
    }
    for payloads in seeds.values_mut() {
        payloads.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        payloads.dedup();
        // Short and long ones alike.
        let kept = payloads.len().min(MAX_SEEDS);
        *payloads = (0..kept).map(|i| payloads[i * payloads.len() / kept].clone()).collect();
    }
    seeds
}

/// Adds the values of a snapshot.
fn values(snapshot: &[u8], seeds: &mut Seeds) {
    let mut decoder = Decoder::new();
    let (mut version, mut name, mut body) = (None, "", Vec::new());
    let mut rest = snapshot;
    while !decoder.is_done() {
        let step = decoder.step(rest).unwrap();
        rest = &rest[step.consumed..];
        match step.event {
            Some(Event::Start(found)) => version = Some(found),
            Some(Event::Key(key)) => (name, body) = (key.value_type.name(), vec![key.value_type.byte()]),
            Some(Event::Value(_)) => body.extend_from_slice(step.raw),
            Some(Event::KeyEnd { .. }) if body.len() <= MAX_BYTES => {
                seal(&mut body, version.expect("the header came first"));
                seeds.entry(name).or_default().push(std::mem::take(&mut body));
            }
            _ => {}
        }
    }
}

/// Changes one byte, or two, of a payload's body and puts the checksum right.
fn mutated(payload: &[u8], random: &mut Random) -> Vec<u8> {
    let parsed = DumpPayload::parse(payload, ZeroChecksum::Compared).unwrap();
    let mut body = parsed.body().to_vec();
    for _ in 0..1 + random.below(2) {
        let at = random.below(body.len());
        body[at] = match random.below(4) {
            0 => body[at] ^ 1 << random.below(8),
            1 => body[at].wrapping_add(1),
            2 => body[at].wrapping_sub(1),
            _ => random.below(256) as u8,
        };
    }
    seal(&mut body, parsed.version());
    body
}

/// What we make of a payload.
enum Ours {
    /// Its type, and the payload as `target` dumps it; nothing where `target` has no such type.
    Accepted(&'static str, Option<Vec<u8>>),
    /// Code and expectation.
    Refused(String),
}

fn ours(payload: &[u8], target: Version) -> Ours {
    let mut encoder = Some(DumpEncoder::new(target));
    let mut written = Vec::new();
    let mut check = Check::new([1, 2], 1 << 20);
    let mut name = "";
    let read = DumpPayload::parse(payload, ZeroChecksum::Compared).and_then(|payload| {
        payload.each(|event, raw| {
            if let Event::Key(key) = event {
                name = key.value_type.name();
            }
            if let Some(writing) = &mut encoder
                && let Err(error) = writing.write(event, &mut written)
            {
                assert_eq!(error.code(), "unrepresentable", "{error}: {payload:02x?}");
                encoder = None;
            }
            check.push(event, raw).expect("the elements were checked");
            Ok(())
        })
    });
    if let Err(error) = read {
        return Ours::Refused(cause(error.code(), &error.kind().to_string()));
    }
    let finding = check.take_findings().into_iter().find(|finding| finding.severity == Severity::Error);
    if let Some(finding) = finding {
        return Ours::Refused(cause(finding.code, &finding.text));
    }
    Ours::Accepted(
        name,
        encoder.map(|encoder| {
            encoder.finish(&mut written).unwrap();
            written
        }),
    )
}

/// What an error says, without what was found.
fn cause(code: &str, text: &str) -> String {
    let text = text.split_once(", found").map_or(text, |(expected, _)| expected);
    let text = if code == "truncated" { "" } else { text };
    match text.strip_prefix("expected ") {
        Some(expected) => format!("{code}: {expected}"),
        None => code.to_owned(),
    }
}

/// What a value holds, as facts that do not depend on how it is laid out. Nothing of what
/// only some versions of a server know, and nothing of module values.
fn content(payload: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut facts = Vec::new();
    let (mut group, mut consumer) = (Vec::new(), Vec::new());
    DumpPayload::parse(payload, ZeroChecksum::Compared)?.each(|event, _| {
        let Event::Value(part) = event else { return Ok(()) };
        match part {
            Part::Bytes { piece, .. } => facts.push(piece.to_vec()),
            Part::Elements { elements, .. } => {
                let each = elements.each(|element| {
                    let at = facts.len();
                    facts.push(match element {
                        Element::Item(item) => fact(&[&format!("{at:9}"), &item.to_vec()]),
                        Element::Member(member) => member.to_vec(),
                        Element::Scored { member, score } => fact(&[&member.to_vec(), &score.to_bits().to_be_bytes()]),
                        Element::Field { field, value } => fact(&[&field.to_vec(), &value.to_vec()]),
                        Element::ExpiringField { field, value, expires_at_ms } => {
                            fact(&[&field.to_vec(), &value.to_vec(), &expires_at_ms.to_string()])
                        }
                        Element::Slot { .. } => panic!("none of the servers knows arrays"),
                    });
                });
                each.expect("the elements were checked");
            }
            Part::Stream(StreamPart::Node(node)) => {
                for entry in node.entries().map(Result::unwrap).filter(|entry| !entry.is_deleted) {
                    let fields: Vec<Vec<u8>> = entry.fields.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect();
                    facts.push(fact(&[&format!("entry {}", entry.id), &format!("{fields:?}")]));
                }
            }
            Part::Stream(StreamPart::Meta(meta)) => facts.push(fact(&[&format!("last {}", meta.last_id)])),
            Part::Stream(StreamPart::Group(found)) => {
                group = found.name.to_vec();
                facts.push(fact(&[&"group", &group, &found.last_id.to_string()]));
            }
            Part::Stream(StreamPart::Pending(found)) => facts.push(fact(&[&"pending", &group, &format!("{found:?}")])),
            Part::Stream(StreamPart::Consumer(found)) => {
                consumer = found.name.to_vec();
                facts.push(fact(&[&"consumer", &group, &consumer]));
            }
            Part::Stream(StreamPart::Owned(id)) => facts.push(fact(&[&"owned", &group, &consumer, &id.to_string()])),
            _ => {}
        }
        Ok(())
    })?;
    facts.sort();
    Ok(facts)
}

fn fact(parts: &[&dyn AsRef<[u8]>]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.as_ref().len() as u64).to_be_bytes(), part.as_ref()].concat()).collect()
}

/// What a server makes of a payload.
#[derive(Debug, PartialEq)]
enum Theirs {
    /// And dumps it like this.
    Accepted(Vec<u8>),
    /// With what it logs.
    Refused(String),
    /// It ended, or did not answer.
    Died,
}

/// A message without the names in it.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, (_, behind))) =
        rest.split_once(" '").and_then(|(before, name)| Some((before, name.split_once('\'')?)))
    {
        out += &format!("{before} ...");
        rest = behind;
    }
    out + rest
}

/// A server that is started anew whenever a payload kills it.
struct Asked {
    program: PathBuf,
    folder: TempDir,
    running: Option<(Server, Client)>,
    logged: usize,
    /// How often it died of a payload that it took, or refused, before the one it was asked.
    late_deaths: u64,
}

impl Asked {
    fn new(program: PathBuf) -> Self {
        Self { program, folder: TempDir::new(), running: None, logged: 0, late_deaths: 0 }
    }

    fn client(&mut self) -> &mut Client {
        if self.running.is_none() {
            let options =
                ["--sanitize-dump-payload yes", "--loglevel verbose", "--crash-log-enabled no", "--enable-debug-command yes"];
            let options: Vec<&str> = options.iter().flat_map(|option| option.split(' ')).collect();
            let server = Server::start(&self.program, self.folder.path(), &options).unwrap();
            let mut client = server.client();
            client.wait_at_most(PATIENCE);
            // Fields that expire would be gone sooner or later.
            assert_eq!(client.ask(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]), Reply::Status("OK".to_owned()));
            self.logged = server.log().len();
            self.running = Some((server, client));
        }
        &mut self.running.as_mut().expect("it was started").1
    }

    /// Restores a payload. A server that dies of it once may do so of one before it: then
    /// it is asked again.
    fn ask(&mut self, payload: &[u8]) -> Theirs {
        let is_new = self.running.is_none();
        match self.restore(payload) {
            Theirs::Died if !is_new => match self.restore(payload) {
                Theirs::Died => Theirs::Died,
                theirs => {
                    self.late_deaths += 1;
                    theirs
                }
            },
            theirs => theirs,
        }
    }

    fn restore(&mut self, payload: &[u8]) -> Theirs {
        match self.client().try_ask(&[b"RESTORE", &b"k"[..], b"0", payload, b"REPLACE"]) {
            Ok(Reply::Status(_)) => {
                // What it took it must be able to walk and to free.
                let dumped = self.client().try_ask(&["DUMP", "k"]);
                if let (Ok(Reply::Bytes(dumped)), Ok(_)) = (dumped, self.client().try_ask(&["DEL", "k"])) {
                    return Theirs::Accepted(dumped);
                }
            }
            Ok(Reply::Error(message)) => {
                let log = self.running.as_ref().map(|(server, _)| server.log()).unwrap_or_default();
                let cause = log.get(self.logged..).unwrap_or_default().lines().rev().find_map(|line| line.split_once(" -> "));
                let cause = unquoted(cause.map_or(&message, |(_, cause)| cause));
                self.logged = log.len();
                return Theirs::Refused(cause);
            }
            Ok(other) => panic!("{other:?} to RESTORE"),
            Err(_) => {}
        }
        self.running = None;
        Theirs::Died
    }
}

/// How often something came, and the payload that showed it first.
#[derive(Default)]
struct Group {
    count: u64,
    servers: Vec<&'static str>,
    example: Vec<u8>,
}

#[derive(Default)]
struct Tally {
    asked: u64,
    both_accept: u64,
    both_refuse: u64,
    not_comparable: u64,
    groups: BTreeMap<String, Group>,
}

impl Tally {
    fn group(&mut self, cause: String, server: &'static str, payload: &[u8]) {
        let group = self.groups.entry(cause).or_insert_with(|| Group { example: payload.to_vec(), ..Group::default() });
        group.count += 1;
        if !group.servers.contains(&server) {
            group.servers.push(server);
        }
    }

    fn compare(&mut self, payload: &[u8], asked: &mut Asked, name: &'static str, version: Version) {
        self.asked += 1;
        let theirs = asked.ask(payload);
        match (ours(payload, version), theirs) {
            (Ours::Accepted(_, None), _) => self.not_comparable += 1,
            (Ours::Accepted(value_type, Some(written)), Theirs::Accepted(dumped)) => {
                self.both_accept += 1;
                let expected = content(payload).expect("it was accepted");
                match content(&dumped) {
                    Ok(found) if found == expected => {}
                    Ok(_) => self.group(format!("read otherwise: {value_type}"), name, payload),
                    Err(error) => {
                        let cause = cause(error.code(), &error.kind().to_string());
                        self.group(format!("dumped by the server, refused here: {value_type}: {cause}"), name, payload);
                    }
                }
                match asked.ask(&written) {
                    Theirs::Accepted(again) if content(&again) == content(&dumped) => {}
                    other => panic!("{name}: {payload:02x?} written as {written:02x?}: {other:02x?}"),
                }
            }
            (Ours::Refused(_), Theirs::Refused(_)) => self.both_refuse += 1,
            (Ours::Refused(cause), Theirs::Accepted(_)) => self.group(format!("refused here: {cause}"), name, payload),
            (Ours::Refused(_), Theirs::Died) => self.group("refused here: the server dies".to_owned(), name, payload),
            (Ours::Accepted(value_type, _), Theirs::Died) => {
                self.group(format!("accepted here: {value_type}: the server dies"), name, payload);
            }
            (Ours::Accepted(value_type, _), Theirs::Refused(cause)) => {
                self.group(format!("accepted here: {value_type}: {cause}"), name, payload);
            }
        }
    }
}

/// The causes of the documentation: the first column of its tables, in backticks.
fn documented() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differential.md");
    let text = fs::read_to_string(path).unwrap();
    let cause = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    text.lines().filter_map(cause).collect()
}

#[test]
fn changed_payloads_are_read_as_servers_read_them() {
    let mutations = match std::env::var("AIKV_MUTATIONS") {
        Ok(number) => number.parse().expect("AIKV_MUTATIONS is a number"),
        Err(_) => MUTATIONS,
    };
    let seeds = seeds();
    let mut tally = Tally::default();
    for (name, version) in ASKED {
        let Some(program) = server(name) else { continue };
        let mut asked = Asked::new(program);
        for (value_type, payloads) in &seeds {
            let readable = |payload: &&Vec<u8>| matches!(asked.ask(payload), Theirs::Accepted(_));
            let payloads: Vec<&Vec<u8>> = payloads.iter().filter(readable).collect();
            if payloads.is_empty() {
                continue;
            }
            let mut random = Random::new(&format!("{name} {value_type}"));
            for _ in 0..mutations {
                let payload = mutated(payloads[random.below(payloads.len())], &mut random);
                tally.compare(&payload, &mut asked, name, version);
            }
        }
        println!("{name}: died {} times of an earlier payload", asked.late_deaths);
    }
    let Tally { asked, both_accept, both_refuse, not_comparable, groups } = tally;
    println!(
        "{asked} payloads: {both_accept} accepted by both, {both_refuse} refused by both, {not_comparable} of a type the server lacks"
    );
    let documented = documented();
    let mut unknown = Vec::new();
    for (cause, Group { count, servers, example }) in &groups {
        println!("{count:6} {cause} ({})", servers.join(", "));
        if !documented.contains(cause) {
            let hex: String = example.iter().map(|byte| format!("{byte:02x}")).collect();
            unknown.push(format!("{cause} ({}): {hex}", servers.join(", ")));
        }
    }
    assert_eq!(seeds.is_empty(), asked == 0);
    assert!(unknown.is_empty(), "{} causes that docs/differential.md lacks:\n{}", unknown.len(), unknown.join("\n"));
}
