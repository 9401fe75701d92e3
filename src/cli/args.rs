//! What may be typed.

use super::failure::Failure;
use super::print::now_ms;
use super::units;
use crate::jobs::{Filter, Pattern};
use crate::model::{OnLoss, ReplayOptions};
use crate::rdb::{Kind, Target};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::prelude::rust_2024::*;

#[derive(Debug, Parser)]
#[command(
    name = "aikv",
    version,
    about = "Look into, check and export the files of Redis and Valkey: RDB snapshots and AOF logs"
)]
#[command(
    after_help = "FILE is an RDB snapshot, an AOF log, the folder or manifest of a multi-part AOF log, a JSON Lines export, or - for stdin;\n\
what it is, is decided by its bytes.\n\
Exit codes: 0 done, nothing wrong; 1 done, and there is something to report; 2 wrong usage; 3 the input cannot be read;\n\
4 refused, and no output file was written."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What a file is and what it holds
    Info(ReadArgs),
    /// A line for each key: db, type, encoding, elements, bytes, expiry, key
    Keys(KeysArgs),
    /// One value
    Show(ShowArgs),
    /// Everything that is wrong with a file
    Check(ReadArgs),
    /// Keys and values in another format
    Export(ExportArgs),
    /// A snapshot or log that another server loads
    Convert(ConvertArgs),
    /// A new snapshot of the same version with only what matches
    Filter(RewriteArgs),
    /// What two files have apart, by value
    Diff(DiffArgs),
    /// A snapshot cut into several by slot, database or prefix
    Split(SplitArgs),
    /// Several snapshots made one
    Merge(MergeArgs),
    /// A new file of all that is whole
    Repair(RepairArgs),
    /// Serve the viewer on 127.0.0.1
    #[cfg(not(target_family = "wasm"))]
    View(ViewArgs),
}

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    #[command(flatten)]
    pub(super) replay: ReplayArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) replay: ReplayArgs,
    /// The key, byte for byte
    pub(super) key: OsString,
    /// Its database; without it, the first that has the key
    #[arg(short, long, value_name = "N")]
    pub(super) db: Option<u64>,
    /// Print the line that export prints
    #[arg(long)]
    pub(super) json: bool,
    /// Print the bytes of a string, or the text of a JSON document, and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(super) raw: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) replay: ReplayArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// The format to write
    #[arg(long, value_name = "F", default_value = "jsonl")]
    pub(super) format: ExportFormat,
    /// csv: no apostrophe in front of text that a spreadsheet would take for a formula
    #[arg(long)]
    pub(super) raw: bool,
    /// resp: the server that takes the commands; without it, one that writes what FILE is
    #[arg(long, value_name = "TARGET", value_parser = target)]
    pub(super) to: Option<Target>,
}

/// One file in, one file out.
#[derive(Debug, Args)]
pub(super) struct RewriteArgs {
    /// The file, or - for stdin
    #[arg(value_name = "IN")]
    pub(super) file: PathBuf,
    /// Where to write, or - for stdout; the file appears whole or not at all
    #[arg(value_name = "OUT")]
    pub(super) output: PathBuf,
    /// Read on where the framing is whole, and tell on stderr what was passed over
    #[arg(long)]
    pub(super) lenient: bool,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The first file, or the folder of a multi-part log
    #[arg(value_name = "A")]
    pub(super) first: PathBuf,
    /// The second
    #[arg(value_name = "B")]
    pub(super) second: PathBuf,
    /// Where to write; the file appears whole or not at all
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// Print JSON: an object for each difference, then one with their numbers
    #[arg(long)]
    pub(super) json: bool,
    /// Read on where the framing is whole, and tell on stderr what was passed over
    #[arg(long)]
    pub(super) lenient: bool,
    #[command(flatten)]
    pub(super) replay: ReplayArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
}

#[derive(Debug, Args)]
pub(super) struct SplitArgs {
    /// The snapshot, or - for stdin
    #[arg(value_name = "IN")]
    pub(super) file: PathBuf,
    /// The folder of the new snapshots, which is not there yet or empty; they appear all or not at all
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// What keys are told apart by: slot (with --slots or --slots-from), db, prefix, or a number of files
    #[arg(long, value_name = "slot|db|prefix|N")]
    pub(super) by: SplitRule,
    /// With --by slot: a file for each range, as in "0-5460 5461-10922 10923-16383"; ranges for one file have commas between them
    #[arg(long, value_name = "RANGES", conflicts_with = "slots_from")]
    pub(super) slots: Option<String>,
    /// With --by slot: a file with such ranges, or with what a server answers to CLUSTER NODES
    #[arg(long, value_name = "FILE")]
    pub(super) slots_from: Option<PathBuf>,
    /// With --by prefix: what ends a prefix
    #[arg(long, value_name = "TEXT", default_value = ":", allow_hyphen_values = true)]
    pub(super) separator: OsString,
    /// Read on where the framing is whole, and tell on stderr what was passed over
    #[arg(long)]
    pub(super) lenient: bool,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The snapshots, and behind them where to write; the file appears whole or not at all
    #[arg(value_names = ["IN", "OUT"], num_args = 2.., required = true)]
    pub(super) files: Vec<PathBuf>,
    /// What becomes of keys that several have
    #[arg(long, value_name = "RULE", default_value = "fail")]
    pub(super) on_conflict: ConflictRule,
    /// The server that loads OUT, or a version of RDB, as for convert. Without it that of the newest snapshot is written; where
    /// they are of both dialects, the last version that both have in common, rdb-11
    #[arg(long, value_name = "TARGET", value_parser = target)]
    pub(super) to: Option<Target>,
    /// What becomes of what the version of OUT has no form for, as for convert
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(super) on_loss: OnLossArg,
    /// Print the conflicts as JSON, where they are why nothing was written, and the losses of converting
    #[arg(long)]
    pub(super) json: bool,
    /// Read on where the framing is whole, and tell on stderr what was passed over
    #[arg(long)]
    pub(super) lenient: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ConflictRule {
    /// Nothing is written, and all of them are listed
    Fail,
    /// That of the first snapshot stands
    First,
    /// That of the last snapshot stands
    Last,
    /// That which expires last stands, one that never expires before all others
    NewestExpiry,
}

#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// The damaged file, which is only read
    #[arg(value_name = "IN")]
    pub(super) file: PathBuf,
    /// The new file, which appears whole or not at all
    #[arg(value_name = "OUT")]
    pub(super) output: PathBuf,
    /// Keep lists, sets, sorted sets and hashes that are broken inside, with the elements in front of the first fault
    #[arg(long)]
    pub(super) keep_readable: bool,
    /// Print what is kept and dropped as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What keys are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SplitRule {
    Slot,
    Db,
    Prefix,
    Parts(u16),
}

impl std::str::FromStr for SplitRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "slot" => Ok(Self::Slot),
            "db" => Ok(Self::Db),
            "prefix" => Ok(Self::Prefix),
            number => match number.parse() {
                Ok(parts @ 1..=1024) => Ok(Self::Parts(parts)),
                _ => Err("expected slot, db, prefix or a number from 1 to 1024"),
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// JSON Lines: an object for each key
    Jsonl,
    /// One JSON document: an array of those objects
    Json,
    /// A table for spreadsheets: a row for each element
    Csv,
    /// The commands that make the keys, for a pipe into a server
    Resp,
}

#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// The file, the folder of a multi-part log, or - for stdin
    #[arg(value_name = "IN")]
    pub(super) file: PathBuf,
    /// What to write, by its name: NAME.rdb a snapshot, NAME.aof or NAME.resp commands, NAME/ the folder of a multi-part log,
    /// NAME.jsonl JSON Lines; it appears whole or not at all
    #[arg(value_name = "OUT")]
    pub(super) output: PathBuf,
    /// The server that loads it, such as redis-7.2 or valkey-9.0, or a version of RDB, such as rdb-11
    #[arg(long, value_name = "TARGET", value_parser = target)]
    pub(super) to: Option<Target>,
    /// What becomes of what the target has no form for
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(super) on_loss: OnLossArg,
    #[command(flatten)]
    pub(super) replay: ReplayArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Read on where the framing is whole, and tell on stderr what was passed over
    #[arg(long)]
    pub(super) lenient: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnLossArg {
    /// Write nothing, and list every loss
    Fail,
    /// Leave out the smallest item that holds it: the field, the pending entry, the key
    Drop,
    /// Keep the item in its nearest form
    Degrade,
}

impl From<OnLossArg> for OnLoss {
    fn from(typed: OnLossArg) -> Self {
        match typed {
            OnLossArg::Fail => Self::Fail,
            OnLossArg::Drop => Self::Drop,
            OnLossArg::Degrade => Self::Degrade,
        }
    }
}

fn target(name: &str) -> Result<Target, String> {
    Target::from_name(&name.to_ascii_lowercase()).ok_or_else(|| format!("expected one of {}", Target::names()))
}

#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Args)]
pub(super) struct ViewArgs {
    /// The file that is open in the page, or the folder or manifest of a log; without it, the sample
    pub(super) file: Option<PathBuf>,
    /// The folder of the page; a binary that was built with the page needs none
    #[arg(long, value_name = "DIR")]
    pub(super) www: Option<PathBuf>,
    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) port: u16,
    /// Do not open a browser
    #[arg(long)]
    pub(super) no_open: bool,
}

#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// The file, the folder of a multi-part log, or - for stdin
    pub(super) file: PathBuf,
    /// Where to write; the file appears whole or not at all
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// Read on where the framing is whole, and tell on stderr what was passed over
    #[arg(long)]
    pub(super) lenient: bool,
}

/// How the commands of a log are applied.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Of a log: how many databases its server has, as its `databases` says; 16 without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=ReplayOptions::MAX_DATABASES))]
    pub(super) databases: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which keys")]
pub(super) struct FilterArgs {
    /// Keys that match a regular expression
    #[arg(short, long, value_name = "REGEX", allow_hyphen_values = true)]
    key: Option<String>,
    /// Keys that match a glob of the servers: * ? [abc] [^a] [a-z] \
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    glob: Option<OsString>,
    /// Keys that do not match a regular expression
    #[arg(short = 'K', long, value_name = "REGEX", allow_hyphen_values = true)]
    not_key: Option<String>,
    /// Keys of this database; may stand several times
    #[arg(short = 'd', long = "db", value_name = "N")]
    dbs: Vec<u64>,
    /// Keys of this type: string list set zset hash stream module array; may stand several times
    #[arg(short = 't', long = "type", value_name = "T", value_parser = kind)]
    kinds: Vec<Kind>,
    /// Keys that expire then: none, any, or FROM~TO with times as Unix ms, ISO 8601 or 7d, -1h
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    expiry: Option<String>,
    /// Keys of this size in the file: MIN~MAX, such as 1MiB~ or ~10KB
    #[arg(long, value_name = "MIN~MAX")]
    bytes: Option<String>,
}

fn kind(name: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::name).join(", ");
    Kind::from_name(&name.to_ascii_lowercase()).ok_or_else(|| format!("expected one of {}", known()))
}

impl FilterArgs {
    /// Whether any rule was given.
    pub(super) fn is_empty(&self) -> bool {
        self.key.is_none()
            && self.glob.is_none()
            && self.not_key.is_none()
            && self.dbs.is_empty()
            && self.kinds.is_empty()
            && self.expiry.is_none()
            && self.bytes.is_none()
    }

    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        let usage = |option: &str, error: String| Failure::Usage(format!("{option}: {error}"));
        let regex = |option: &str, pattern: &str| Pattern::regex(pattern).map_err(|error| usage(option, error.to_string()));
        let mut filter = Filter { dbs: self.dbs.clone(), kinds: self.kinds.clone(), ..Filter::default() };
        if let Some(pattern) = &self.key {
            filter.keys.push(regex("--key", pattern)?);
        }
        if let Some(pattern) = &self.glob {
            filter.keys.push(Pattern::glob(pattern.as_encoded_bytes()));
        }
        if let Some(pattern) = &self.not_key {
            filter.not_keys.push(regex("--not-key", pattern)?);
        }
        if let Some(text) = &self.expiry {
            filter.expiry = Some(units::expiry_rule(text, now_ms()).map_err(|error| usage("--expiry", error))?);
        }
        if let Some(text) = &self.bytes {
            filter.size = units::size_rule(text).map_err(|error| usage("--bytes", error))?;
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn filters_are_the_same_everywhere() {
        for command in ["info", "keys", "check", "export", "filter", "diff", "split"] {
            let typed =
                ["aikv", command, "f", "-k", "a", "--glob", "b*", "-K", "c", "-d", "0", "-d", "1", "-t", "ZSet", "-t", "str"];
            let output: &[&str] = match command {
                "filter" | "diff" => &["g"],
                "split" => &["g", "--by", "db"],
                _ => &[],
            };
            let cli = Cli::try_parse_from(typed.iter().chain(&["--expiry", "-1h~", "--bytes", "1KiB~"]).chain(output)).unwrap();
            let filter = match cli.command {
                Command::Info(args) | Command::Check(args) => args.filter,
                Command::Keys(args) => args.read.filter,
                Command::Export(args) => args.filter,
                Command::Filter(args) => args.filter,
                Command::Diff(args) => args.filter,
                Command::Split(args) => args.filter,
                Command::Convert(_) | Command::Merge(_) | Command::Repair(_) | Command::Show(_) | Command::View(_) => continue,
            };
            let filter = filter.filter().unwrap();
            assert_eq!((filter.keys.len(), filter.not_keys.len()), (2, 1));
            assert_eq!((filter.dbs, filter.kinds), (vec![0, 1], vec![Kind::Zset, Kind::String]));
            assert!(filter.expiry.is_some());
            assert_eq!(filter.size.min, Some(1024));
        }
    }
}
