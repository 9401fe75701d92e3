//! Commands on keys and databases, whatever the keys hold.

use super::args::{Arguments, Done, Halt};
use super::keyspace::Space;
use crate::wire::number;

/// `SELECT index`
pub(super) fn select(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let number = database(space, args)?;
    args.end()?;
    space.select(number)
}

/// `SWAPDB index index`
pub(super) fn swapdb(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (first, second) = (database(space, args)?, database(space, args)?);
    args.end()?;
    space.swap(first, second)
}

/// The number of a database. What is none ends the replay: what follows is meant for a database that is not there.
fn database(space: &Space, args: &mut Arguments<'_>) -> Result<u64, Halt> {
    let number = number::parse_int(args.text()?).unwrap_or(-1);
    space.number(number)
}

/// `FLUSHDB [ASYNC | SYNC]`
pub(super) fn flushdb(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    flush_mode(args)?;
    space.flush();
    Ok(())
}

/// `FLUSHALL [ASYNC | SYNC]`
pub(super) fn flushall(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    flush_mode(args)?;
    space.flush_all()
}

fn flush_mode(args: &mut Arguments<'_>) -> Done {
    let _ = args.word("ASYNC") || args.word("SYNC");
    args.end()
}

/// `DEL key [key ..]`, `UNLINK key [key ..]`
pub(super) fn del(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    space.remove(args.key()?);
    while let Some(key) = args.next() {
        space.remove(key);
    }
    Ok(())
}
