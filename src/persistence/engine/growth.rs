//! When a log is rewritten of its own accord.
//!
//! Source: Redis 8.0 `server.c` `serverCron()`, `aof.c` `aofRewriteLimited()`.

use std::time::{Duration, Instant};

/// Failures in a row behind which servers begin to wait.
const FAILURES: u32 = 3;

/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Whether a log of so many bytes has outgrown what it was behind its last rewrite.
pub(super) fn has_outgrown(bytes: u64, before: u64, percentage: u64, min_bytes: u64) -> bool {
    let grown = u128::from(bytes) * 100 / u128::from(before.max(1));
    percentage > 0 && bytes > min_bytes && grown >= 100 + u128::from(percentage)
}

/// How long rewrites are put off that fail again and again: from the third failure on a minute, then twice as long each time.
#[derive(Default)]
pub(super) struct Patience {
    failures: u32,
    wait: Duration,
    until: Option<Instant>,
}

impl Patience {
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.wait = if self.wait.is_zero() { Duration::from_secs(60) } else { (self.wait * 2).min(MAX_WAIT) };
            self.until = Some(now + self.wait);
        }
    }

    /// Whether a rewrite may be tried.
    pub(super) fn allows(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `auto-aof-rewrite-percentage 100`, `auto-aof-rewrite-min-size 64mb`.
    #[test]
    fn a_log_is_rewritten_where_servers_would() {
        const MIN: u64 = 64 << 20;
        for (bytes, before, is_so) in [
            (MIN, 1, false),
            (MIN + 1, 1, true),
            (MIN + 1, MIN, false),
            (2 * MIN - 1, MIN, false),
            (2 * MIN, MIN, true),
            (MIN + 1, 0, true),
        ] {
            assert_eq!(has_outgrown(bytes, before, 100, MIN), is_so, "{bytes} behind {before}");
        }
        assert!(!has_outgrown(u64::MAX, 1, 0, 0), "0 turns it off");
        assert!(has_outgrown(u64::MAX, 1, 100, 0));
    }

    #[test]
    fn failures_are_waited_out_longer_and_longer() {
        let mut now = Instant::now();
        let mut patience = Patience::default();
        for _ in 0..2 {
            patience.failed(now);
            assert!(patience.allows(now));
        }
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            patience.failed(now);
            let wait = Duration::from_secs(minutes * 60);
            assert!(!patience.allows(now + wait - Duration::from_secs(1)), "{minutes}");
            now += wait;
            assert!(patience.allows(now), "{minutes}");
        }
        patience.succeeded();
        patience.failed(now);
        assert!(patience.allows(now));
    }
}
