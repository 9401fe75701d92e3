//! Strings.

use super::args::{Arguments, Done, Halt, SYNTAX, is_word};
use super::keyspace::Space;
use super::text::Text;
use super::value::Value;

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
pub(super) fn set(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, value) = (args.key()?, args.text()?);
    let value = Value::String(Text::new(value, &mut space.memory)?);
    space.put(key, value, None)
}
