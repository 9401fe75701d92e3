//! Keys by the beginnings of their names, held against the names that servers listed.

mod common;

use aikv::model::{PrefixLevel, PrefixOrder, Separators};
use common::index;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// The keys a server listed, as bytes.
fn listed(name: &str) -> Vec<Vec<u8>> {
    use base64::Engine;
    let text = fs::read_to_string(common::data().join(name).with_extension("json")).unwrap();
    let facts: Value = serde_json::from_str(&text).unwrap();
    let bytes = |key: &Value| match key {
        Value::String(text) => text.as_bytes().to_vec(),
        other => base64::engine::general_purpose::STANDARD.decode(other["$b64"].as_str().unwrap()).unwrap(),
    };
    facts["keys"].as_array().unwrap().iter().map(|fact| bytes(&fact["key"])).collect()
}

#[test]
fn prefixes_hold_the_keys_that_servers_listed() {
    let files = ["redis-2.8/names", "redis-7.0/strings", "valkey-8.1/cluster", "valkey-9.1/names", "valkey-9.1/strings"];
    for name in files {
        let keys = listed(name);
        let index = index(&fs::read(common::data().join(name).with_extension("rdb")).unwrap());
        for prefix in ["", "binary:", "name:", "int:", "{"] {
            for separator in [":", "_", "-", "}", "::"] {
                let parts = Separators::new(vec![separator.into()]);
                let mut level = PrefixLevel::new(&index, prefix.into(), parts, PrefixOrder::Bytes, usize::MAX, [1, 2]);
                while !level.advance(&index, 1000, |_| true).unwrap() {}
                let (mut branches, mut leaves) = (BTreeMap::<Vec<u8>, u32>::new(), 0);
                for rest in keys.iter().filter_map(|key| key.strip_prefix(prefix.as_bytes())) {
                    match rest.windows(separator.len()).position(|part| part == separator.as_bytes()) {
                        Some(at) => *branches.entry(rest[..at + separator.len()].to_vec()).or_default() += 1,
                        None => leaves += 1,
                    }
                }
                let found: BTreeMap<Vec<u8>, u32> =
                    level.branches().iter().map(|branch| (level.piece(&index, branch).to_vec(), branch.tally.keys)).collect();
                assert_eq!(found, branches, "{name} {prefix} {separator}");
                assert_eq!(level.in_leaves().keys, leaves, "{name} {prefix} {separator}");
            }
        }
    }
}
