//! Crashes, all of them: what the writers leave on a disk that may lose, tear and reorder whatever was not synced.
//!
//! A [`Recorder`](disk::Recorder) is a disk in memory that writes down every operation. Behind each of them a crash may
//! leave many [`states`]: each is opened as a program would, checked, written to and opened once more
//! ([`survey`]). Nothing that was acknowledged may be missing, what is there must be what was accepted from the
//! first unit on without a gap, and nothing may be there by half.
//! Each workload grows until so many different states were opened as `AIKV_CRASH_STATES` says.
//! Protocols with a mistake ([`mutant`]) show that mistakes are found.

mod disk;
mod file;
mod folder;
mod mutant;
mod snapshot;
mod states;
mod survey;
mod units;
