//! Replays of commands on sorted sets and streams. What is expected is what Redis 8.6.3 has after it loaded the same log.

use super::tests::{entry, held};
use crate::model::{Dataset, Stream, Value};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Members and scores of a sorted set in their order; `-` if there is none.
fn ranked(dataset: &Dataset, key: &str) -> String {
    let Some(Value::Zset(mut members)) = entry(dataset, key).map(|entry| entry.value.clone()) else { return "-".into() };
    members.sort_by(|a, b| a.score.partial_cmp(&b.score).unwrap().then_with(|| a.member.cmp(&b.member)));
    // `+ 0.0`: the server shows no sign of a zero.
    let show = |scored: &crate::model::ScoredMember| format!("{}={}", scored.member.escape_ascii(), scored.score + 0.0);
    members.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_ranked(dataset: &Dataset, expected: &str) {
    for (key, members) in expected.split("; ").map(|shown| shown.split_once(": ").unwrap()) {
        assert_eq!(ranked(dataset, key), members, "{key}");
    }
}

#[test]
fn sorted_sets_are_as_servers_leave_them() {
    let dataset = held(
        "ZADD z 1 a 2 b 3 c; ZADD z NX 9 a 4 d; ZADD z XX CH 5 a 1 x; ZADD z GT 1 b 7 e; ZADD z LT 1 c; ZADD z INCR 0.5 c; \
         ZADD z 1 f nan g; ZINCRBY z inf h; ZINCRBY z -inf h; ZREM z d nobody; ZADD z NX XX 1 i; ZADD z -0 k; \
         ZUNIONSTORE u 2 z m WEIGHTS 2 0; SADD m a q; ZUNIONSTORE v 3 z m z WEIGHTS 1 inf -inf; \
         ZINTERSTORE w 2 z m AGGREGATE MIN; ZDIFFSTORE x 2 z m; ZRANGESTORE r z (1 inf BYSCORE LIMIT 1 2; \
         ZRANGESTORE s z 0 1 REV; ZADD y 0 a 0 b 0 c 0 d; ZREMRANGEBYLEX y (a [c; ZADD p 1 a 2 b 3 c; ZPOPMAX p 2; \
         ZMPOP 2 q p MIN; ZREMRANGEBYRANK z 0 0; GEOADD g 13.361389 38.115556 Palermo 181 0 Nowhere; \
         GEOADD g 13.361389 38.115556 Palermo; ZADD g INCR 1 a 2 b",
    );
    assert_ranked(
        &dataset,
        "z: c=1.5 b=2 a=5 e=7 h=inf; u: k=0 c=3 b=4 a=10 e=14 h=inf; v: b=-inf c=-inf e=-inf a=0 h=0 k=0 q=inf; w: a=1; \
         x: k=0 c=1.5 b=2 e=7 h=inf; r: b=2 a=5; s: e=7 h=inf; y: a=0 d=0; g: Palermo=3479099956230698; p: -",
    );
}

fn stream(dataset: &Dataset) -> Stream {
    let entry = entry(dataset, "x").unwrap();
    let Value::Stream(stream) = &entry.value else { panic!("{entry:?}") };
    (**stream).clone()
}

fn ids(stream: &Stream) -> String {
    stream.entries.iter().map(|entry| format!("{}", entry.id)).collect::<Vec<_>>().join(" ")
}

#[test]
fn groups_of_streams_are_as_servers_leave_them() {
    let dataset = held(
        "XADD x 1-1 a 1; XADD x 1-1 b 1; XADD x MAXLEN = 2 2 c 1; XADD x 3-* d 1; XADD x 0-0 e 1; XADD n NOMKSTREAM 1-1 a 1; \
         XGROUP CREATE x g 0; XGROUP CREATE x g 0; XGROUP CREATE x h $ ENTRIESREAD 99; XGROUP CREATE m g $ MKSTREAM; \
         XCLAIM x g alice 0 1-1 TIME 5 RETRYCOUNT 7 FORCE JUSTID LASTID 2-0; \
         XCLAIM x g alice 0 2-0 TIME 5 RETRYCOUNT 7 FORCE JUSTID LASTID 2-0; XCLAIM x g bob 0 3-0 TIME 6 FORCE; \
         XCLAIM x g bob 0 2-0 TIME 7; XCLAIM x g carol 0 9-9 FORCE; XDEL x 3-0; XCLAIM x g carol 0 3-0; XADD x 4-1 f 1; \
         XDEL x 4-1; XSETID x 3-5; XSETID x 9-1 ENTRIESADDED 20 MAXDELETEDID 8-8; XGROUP DELCONSUMER x g alice; XACK x h 2-0",
    );
    assert!(entry(&dataset, "n").is_none());
    assert_eq!(entry(&dataset, "m").map(|entry| matches!(entry.value, Value::Stream(_))), Some(true));
    let stream = stream(&dataset);
    assert_eq!(ids(&stream), "1-1 2-0");
    let counters = (stream.last_id, stream.max_deleted_id, stream.entries_added);
    assert_eq!(format!("{} {} {}", counters.0, counters.1, counters.2), "9-1 8-8 20");
    let mut groups = stream.groups;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let shown = groups.iter().map(|group| {
        let mut consumers = group.consumers.clone();
        consumers.sort_by(|a, b| a.name.cmp(&b.name));
        let consumers = consumers.iter().map(|consumer| {
            let pending = consumer.pending.iter().map(|one| format!(" {}@{}x{}", one.id, one.delivered_at_ms, one.deliveries));
            format!(", {}{}", consumer.name.escape_ascii(), pending.collect::<String>())
        });
        format!("{} {} {:?}{}", group.name.escape_ascii(), group.last_id, group.entries_read, consumers.collect::<String>())
    });
    assert_eq!(shown.collect::<Vec<_>>(), ["g 2-0 None, bob 2-0@7x8, carol", "h 3-0 Some(3)"]);
}

#[test]
fn references_and_producers_of_streams_are_as_servers_leave_them() {
    let dataset = held(
        "XADD x 1-1 a 1; XADD x 1-2 a 1; XADD x 1-3 a 1; XGROUP CREATE x g 0; \
         XCLAIM x g c 0 1-1 TIME 5 FORCE JUSTID LASTID 1-2; XDELEX x ACKED IDS 3 1-1 1-2 1-3; \
         XACKDEL x g DELREF IDS 2 1-1 1-3; XADD x ACKED MAXLEN = 0 2-1 b 1; XADD x IDMP p i 3-1 c 1; XADD x IDMP p i * d 1; \
         XCFGSET x IDMP-MAXSIZE 1; XADD x IDMP p j 4-1 c 1; XADD x IDMP p k 5-1 c 1; XADD x IDMP p j 6-1 c 1; \
         XIDMPRECORD x q l 9-9; XIDMPRECORD x q l 6-1",
    );
    let stream = stream(&dataset);
    assert_eq!(ids(&stream), "1-3 2-1 3-1 4-1 5-1 6-1");
    assert_eq!(format!("{} {}", stream.max_deleted_id, stream.entries_added), "1-2 8");
    assert!(stream.groups[0].consumers[0].pending.is_empty());
    let producers = stream.idempotency.unwrap();
    assert_eq!((producers.max_ids, producers.added, producers.duplicates), (1, 5, 1));
    let ids = producers.producers.iter().map(|producer| (producer.name.to_vec(), producer.ids[0].0.to_vec()));
    assert_eq!(ids.collect::<Vec<_>>(), [(b"p".to_vec(), b"j".to_vec()), (b"q".to_vec(), b"l".to_vec())]);
}

#[test]
fn a_stream_that_never_had_an_entry_is_rewritten_by_redis_5_as_one_that_is_trimmed() {
    let dataset = held("XADD x MAXLEN 0 0-0 x y; XSETID x 0-0; XGROUP CREATE x g 0-0");
    assert_eq!(stream(&dataset).groups.len(), 1);
}
