//! Opcode bytes: what may stand where a value type is expected.
//!
//! Source: Redis 8.0 `rdb.h`.

/// End of the snapshot; a checksum follows from RDB 5.
pub(crate) const EOF: u8 = 255;
/// `length db`.
pub(crate) const SELECT_DB: u8 = 254;
/// `i32 LE` seconds: expiry of the key that follows.
pub(crate) const EXPIRE_S: u8 = 253;
/// `i64 LE` milliseconds: expiry of the key that follows (RDB >= 3).
pub(crate) const EXPIRE_MS: u8 = 252;
/// `length keys, length expires`: a hint (RDB >= 7).
pub(crate) const RESIZE_DB: u8 = 251;
/// `string key, string value` (RDB >= 7).
pub(crate) const AUX: u8 = 250;
/// One raw byte: LFU counter of the key that follows (RDB >= 9).
pub(crate) const FREQ: u8 = 249;
/// `length` seconds: LRU idle time of the key that follows (RDB >= 9).
pub(crate) const IDLE: u8 = 248;
/// Module data outside of keys (RDB >= 9).
pub(crate) const MODULE_AUX: u8 = 247;
/// A function of Redis 7.0 RC1 and RC2 (RDB 10).
pub(crate) const FUNCTION_PRE_GA: u8 = 246;
/// `string`: the source of a function library (RDB >= 10).
pub(crate) const FUNCTION: u8 = 245;
