use super::*;
use alloc::string::ToString;

#[test]
fn message_says_expected_found_where() {
    let place = Place { db: Some(0), key: Some(KeyPreview::new(b"user:1")), value_type: Some("hash-listpack"), element: None };
    let kind = ErrorKind::BadPacked { expected: "a listpack entry", found: Found::Text("its end byte") };
    let error = Error::new(kind, 8731, place);
    assert_eq!(
        error.to_string(),
        "expected a listpack entry, found its end byte: byte 8731, key \"user:1\" (hash-listpack), db 0"
    );
    assert_eq!(error.code(), "bad-packed");
}

#[test]
fn previews_escape_and_shorten() {
    let key = KeyPreview::new(b"a\x1b\"\xff\xe2\x80\xae");
    assert_eq!(key.to_string(), "a\\x1b\\\"\\xff\\u{202e}");
    let long = KeyPreview::new(&[b'k'; 40]);
    assert_eq!(long.bytes().len(), 32);
    assert!(long.to_string().ends_with("k..."));
}

#[test]
fn previews_are_their_key_whatever_stood_behind_it() {
    let window = *b"user:1 and what came in the chun";
    let preview = KeyPreview::from_window(&window, 6);
    assert_eq!(preview, KeyPreview::new(b"user:1"));
    assert_eq!(std::format!("{preview:?}"), "\"user:1\"");
}

#[test]
fn a_fault_is_two_words() {
    assert_eq!(size_of::<Fault>(), 16);
    assert_eq!(size_of::<Result<(), Fault>>(), 16);
}

#[test]
fn located_faults_keep_both_halves() {
    static CAUSE: Cause = Cause::inside(FaultKind::Packed, "x", Form::Byte);
    let fault = Fault::located(&CAUSE, 0x7fff_ffff, 0xab);
    assert_eq!(fault.blob_offset(), Some(0x7fff_ffff));
    assert_eq!(fault.word(), 0xab);
}
