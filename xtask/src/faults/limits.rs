//! A limit on the size of files: a real short write, then `EFBIG`.

use super::Cases;
use super::driver::{Driver, Said, TOLD};
use anyhow::ensure;
use std::fs;

/// Bytes that the log may have.
const LIMIT: u64 = 1024;

pub fn run(cases: &mut Cases<'_>, driver: &Driver) {
    cases.run("a log at the limit of file sizes ends whole, and goes on without the limit", |folder| {
        // A block of `ulimit` in `sh` has 512 bytes.
        let wrapper = ["sh", "-c", "ulimit -f 2; exec \"$0\" \"$@\""];
        let said = Said::by(&mut driver.under(&wrapper, &["append", "100"], folder))?;
        ensure!(said.code == Some(TOLD), "no error was told: {said:?}");
        ensure!(said.errors.iter().all(|error| error == "io"), "{:?}", said.errors);
        let written = fs::metadata(folder.join("a.aof"))?.len();
        // The longest record of the driver has less than 128 bytes.
        ensure!((LIMIT - 128..=LIMIT).contains(&written), "the log has {written} bytes");
        let acked = said.first();
        let there = driver.verify("verify", folder, &[acked], &["--whole"])?;
        ensure!(there == [acked], "{acked} acknowledged, {there:?} there");
        let more = Said::by(&mut driver.call(&["append", "3"], folder))?;
        // One more was written to verify.
        ensure!(more.code == Some(0) && more.first() == acked + 4, "{more:?}");
        driver.verify("verify", folder, &[acked + 4], &["--whole"])?;
        Ok(format!("{acked} acknowledged in {written} bytes"))
    });
}
