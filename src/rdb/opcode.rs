//! Opcode bytes: what may stand where a value type is expected.
//!
//! 243 means one thing to Redis and another to Valkey, so `record` asks the version.
//! Source: Redis 8.0, 8.6 and trunk (RDB 15), Valkey 9.1: `rdb.h`; librdb `parser.c` for Redis Enterprise.

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
/// `length slot, length keys, length expires`: a hint (RDB >= 12).
pub(crate) const SLOT_INFO: u8 = 244;
/// Redis: metadata of the key that follows (RDB >= 13).
pub(crate) const KEY_META: u8 = 243;
/// Valkey: a slot import in progress (RDB >= 80).
pub(crate) const SLOT_IMPORT: u8 = 243;
/// `length id, length fields, fields x string`: field names that hashes refer to (Redis, RDB >= 15).
pub(crate) const HASH_TEMPLATE: u8 = 242;
/// `length`: slot of the keys that follow (Redis Enterprise).
pub(crate) const SLOT_NUM: u8 = 121;
/// `length`: LRU of the key that follows (Redis Enterprise).
pub(crate) const RAM_LRU: u8 = 107;
