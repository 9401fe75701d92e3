//! Threads, locks and the clock of what runs in several threads. A model checker stands in for them
//! with `--cfg shuttle`: it decides who runs, and time passes there whenever it is looked at.

#[cfg(shuttle)]
pub(super) use model::{Condvar, JoinHandle, Mutex, MutexGuard, now, spawn, wait_for};
#[cfg(not(shuttle))]
pub(super) use real::{Condvar, JoinHandle, Mutex, MutexGuard, now, spawn, wait_for};

#[cfg(not(shuttle))]
mod real {
    pub(in super::super) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(in super::super) use std::thread::JoinHandle;

    use std::io;
    use std::string::String;
    use std::sync::PoisonError;
    use std::thread;
    use std::time::{Duration, Instant};

    pub(in super::super) fn now() -> Instant {
        Instant::now()
    }

    pub(in super::super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name(String::from(name)).spawn(run)
    }

    /// Waits until told, at most that long.
    pub(in super::super) fn wait_for<'a, T>(
        _mutex: &'a Mutex<T>,
        told: &Condvar,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> MutexGuard<'a, T> {
        told.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(shuttle)]
mod model {
    pub(in super::super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(in super::super) use shuttle::thread::JoinHandle;

    use std::io;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    /// How much later it is each time that somebody looks.
    const PASSED: Duration = Duration::from_millis(300);

    pub(in super::super) fn now() -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        static LOOKS: AtomicU32 = AtomicU32::new(0);
        *START + PASSED * LOOKS.fetch_add(1, Ordering::Relaxed)
    }

    pub(in super::super) fn spawn(_name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        Ok(shuttle::thread::spawn(run))
    }

    /// The time may be over as soon as another thread has run.
    pub(in super::super) fn wait_for<'a, T>(
        mutex: &'a Mutex<T>,
        _told: &Condvar,
        guard: MutexGuard<'a, T>,
        _time: Duration,
    ) -> MutexGuard<'a, T> {
        drop(guard);
        shuttle::thread::yield_now();
        mutex.lock().unwrap()
    }
}
