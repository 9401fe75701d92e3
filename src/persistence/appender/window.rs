//! How much a crash may take under `EverySecond`, in a time that the test makes: slow disks, slow syncs, and no clock.

use super::fake::Fake;
use super::state::SYNC_INTERVAL;
use super::*;
use std::collections::VecDeque;
use std::time::Instant;

/// Threads are scheduled this late at most.
const STEP: Duration = Duration::from_millis(10);

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(limit)) as u32
    }
}

/// What a run has shown.
#[derive(Debug, Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    longest_age: Duration,
    longest_sync: Duration,
}

/// A minute of a log on which every sync takes up to `sync_steps` steps and every write up to `write_steps`.
fn minute(seed: u64, sync_steps: u32, write_steps: u32) -> Seen {
    let mut random = Random(seed);
    let start = Start { file: Box::new(Fake::default()), path: "test.aof".into(), len: 0, db: None, unmarked: None };
    let mut state = State::new(start, AofSyncPolicy::EverySecond);
    let mut seen = Seen::default();
    let mut now = Instant::now();
    let end = now + Duration::from_secs(60);
    let mut write: Option<(Group, Instant)> = None;
    let mut sync: Option<(u64, Instant)> = None;
    // End and time of what is not durable, and of it the end of what a sync has begun to cover.
    let mut accepted: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut covered = 0;
    while now < end {
        if let Some((group, _)) = write.take_if(|(_, done)| *done <= now) {
            state.wrote(group);
        }
        if let Some((up_to, _)) = sync.take_if(|(_, done)| *done <= now) {
            state.synced(up_to);
            while accepted.front().is_some_and(|(end, _)| *end <= up_to) {
                accepted.pop_front();
            }
        }
        if let Some(group) = state.take() {
            write = Some((group, now + STEP * random.below(write_steps + 1)));
        }
        if state.next_sync(now) == Next::Sync {
            covered = state.begin_sync().expect("there is something to sync");
            let time = STEP * random.below(sync_steps + 1);
            seen.longest_sync = seen.longest_sync.max(time);
            sync = Some((covered, now + time));
        }
        for _ in 0..random.below(3) {
            let waits = accepted.iter().find(|(end, _)| *end > covered).map_or(Duration::ZERO, |(_, time)| now - *time);
            if state.has_to_wait(|| now) {
                assert!(waits >= SYNC_INTERVAL, "nobody waits without a reason");
                seen.refused += 1;
            } else {
                assert!(waits <= SYNC_INTERVAL, "the window grows: a byte has waited for {waits:?} for its sync to begin");
                state.accept(|records| records.push(&["PING"]), || now).unwrap();
                accepted.push_back((state.accepted, now));
                seen.accepted += 1;
            }
        }
        let age = accepted.front().map(|(_, time)| now - *time);
        assert_eq!(state.oldest_unsynced_age(now), age);
        seen.longest_age = seen.longest_age.max(age.unwrap_or_default());
        now += STEP;
    }
    seen
}

#[test]
fn no_byte_is_older_than_a_second_and_a_sync() {
    for seed in 0..40 {
        let seen = minute(seed, 90, 5);
        assert!(seen.longest_age <= SYNC_INTERVAL + seen.longest_sync + Duration::from_millis(100), "{seed}: {seen:?}");
        assert!(seen.accepted > 3000 && seen.longest_sync > Duration::from_millis(700), "{seed}: {seen:?}");
    }
}

/// What waits for a sync that is under way is synced behind it, and nothing comes after it.
#[test]
fn behind_a_sync_of_over_a_second_commands_wait() {
    for seed in 0..40 {
        let seen = minute(seed, 400, 5);
        assert!(seen.longest_age <= seen.longest_sync * 2 + Duration::from_millis(100), "{seed}: {seen:?}");
        assert!(seen.refused > 0 && seen.longest_sync > Duration::from_secs(2), "{seed}: {seen:?}");
    }
}

/// Writes that take long do not make the window grow either.
#[test]
fn behind_a_write_of_over_a_second_commands_wait() {
    for seed in 0..40 {
        let seen = minute(seed, 10, 300);
        assert!(seen.refused > 0 && seen.accepted > 0, "{seed}: {seen:?}");
        assert!(
            seen.longest_age <= Duration::from_secs(2 * 3) + seen.longest_sync + Duration::from_millis(100),
            "{seed}: {seen:?}"
        );
    }
}
