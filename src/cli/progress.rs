//! How far long work has come, told on stderr, and the end of it where a signal asks for that.

use super::failure::Failure;
use super::output::Output;
use bar::Bar;
use std::io::{self, IsTerminal};
use std::prelude::rust_2024::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tells on stderr how far long work has come, and stops it when a signal asks to.
pub(super) struct Progress {
    is_wanted: bool,
    started: Instant,
    len: Option<u64>,
    bar: Option<Bar>,
    interrupt: Option<Arc<AtomicBool>>,
}

impl Progress {
    /// Work is long after this.
    const DELAY: Duration = Duration::from_millis(500);

    /// Progress of work whose lines go to `output` while it runs.
    pub(super) fn new(output: &Output) -> Self {
        Self {
            is_wanted: io::stderr().is_terminal() && !output.is_terminal(),
            interrupt: output.interrupt(),
            ..Self::until_done()
        }
    }

    /// Progress of work whose result comes at the end.
    pub(super) fn until_done() -> Self {
        Self { is_wanted: io::stderr().is_terminal(), started: Instant::now(), len: None, bar: None, interrupt: None }
    }

    /// Work that a signal stops, by what [`watch_signals`] gave.
    pub(super) fn until_interrupted(interrupt: Arc<AtomicBool>) -> Self {
        Self { interrupt: Some(interrupt), ..Self::until_done() }
    }

    /// Work beside other work whose progress is shown.
    pub(super) fn hidden() -> Self {
        Self { is_wanted: false, ..Self::until_done() }
    }

    /// Work on `len` bytes begins.
    pub(super) fn start(&mut self, len: Option<u64>) {
        self.started = Instant::now();
        self.len = len;
    }

    /// So many bytes were read.
    pub(super) fn at(&mut self, bytes: u64) -> Result<(), Failure> {
        if self.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed)) {
            self.finish();
            return Err(Failure::Interrupted);
        }
        if self.is_wanted && self.bar.is_none() && self.started.elapsed() >= Self::DELAY {
            self.bar = Some(Bar::new(self.len));
        }
        if let Some(bar) = &self.bar {
            bar.at(bytes);
        }
        Ok(())
    }

    /// Says a line on stderr, beside the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.beside(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// The work is done.
    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod bar {
    use super::super::print::size;
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use std::prelude::rust_2024::*;

    /// A line that is drawn anew as the work goes on.
    pub(super) struct Bar(ProgressBar);

    impl Bar {
        pub(super) fn new(len: Option<u64>) -> Self {
            let (bar, template) = match len {
                Some(len) => (ProgressBar::new(len), "{percent:>3} % [{bar:40}] {binary_bytes_per_sec}, {eta} left"),
                None => (ProgressBar::no_length(), "{msg} read, {binary_bytes_per_sec}"),
            };
            bar.set_draw_target(ProgressDrawTarget::stderr());
            Self(match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            })
        }

        pub(super) fn at(&self, bytes: u64) {
            self.0.set_position(bytes);
            self.0.set_message(size(bytes));
        }

        pub(super) fn beside(&self, say: impl FnOnce()) {
            self.0.suspend(say);
        }

        pub(super) fn clear(&self) {
            self.0.finish_and_clear();
        }
    }
}

/// Nothing is drawn from within JavaScript.
#[cfg(target_family = "wasm")]
mod bar {
    use std::prelude::rust_2024::*;

    pub(super) struct Bar;

    impl Bar {
        pub(super) fn new(_len: Option<u64>) -> Self {
            Self
        }

        pub(super) fn at(&self, _bytes: u64) {}

        pub(super) fn beside(&self, say: impl FnOnce()) {
            say();
        }

        pub(super) fn clear(&self) {}
    }
}
