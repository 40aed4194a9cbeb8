use std::{borrow::ToOwned as _, format, string::String, vec, vec::Vec};

use super::*;
use crate::log::tests::SENT;

/// The messages that come of such writes in one call.
fn check(writes: &[&[u8]], expect: &[&str]) {
    let mut gathered = Gathered::EMPTY;
    // What a call has left behind must not reach the next one.
    for _ in 0..2 {
        writes.iter().for_each(|written| gathered.add(written, Level::Error));
        gathered.finish(Level::Error);
        assert!(gathered.is_empty());
        let sent: Vec<(Level, String)> = SENT.take();
        assert_eq!(sent, expect.iter().map(|text| (Level::Error, text[..].to_owned())).collect::<Vec<_>>());
    }
}

#[test]
fn a_line_is_a_message_in_however_many_pieces_it_comes() {
    check(&[b"[", b"1", b", ", b"2", b"]", b"\n"], &["[1, 2]"]);
    check(&[b"one\ntwo\n\n  three \r\nfo", b"ur"], &["one", "two", "  three", "four"]);
    check(&[b"", b"\n", b" \n"], &[]);
}

#[test]
fn a_long_line_is_several_messages() {
    let full = "x".repeat(ROOM - 3);
    check(&[(full.repeat(2) + "yyyyy\n").as_bytes()], &[&full, &full, "yyyyy"]);
    check(&[full.as_bytes(), b"\ny\n"], &[&full, "y"]);
}

#[test]
fn characters_stay_whole_and_what_is_no_text_is_marked() {
    let line = "x".to_owned() + &"€".repeat(400);
    check(&[line.as_bytes()], &[&line[..1 + 340 * 3], &line[1 + 340 * 3..]]);
    let wide = "🦀".repeat(ROOM / 4);
    check(&[wide.repeat(2).as_bytes()], &[&wide, &wide]);
    check(&[b"\xe2\x82", b"\xac\n"], &["€"]);
    check(&[b"a\xffb\xe2\x82c\xe2\n", b"d"], &["a?b??c?", "d"]);
    let wrong = vec![0x80; 2 * ROOM];
    check(&[&wrong], &["?".repeat(ROOM).as_str(); 2]);
}

#[test]
fn a_panic_is_one_message() {
    let note = b"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
    let place: &[u8] = b"\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\n";
    let told = "panicked at src/lib.rs:3:5: left: 1 right: 2";
    check(&[b"before", place, b"left: 1\nright: 2\n", note], &["before", told]);
    let pieces: [&[u8]; 7] = [b"\nthread '", b"<unnamed>", b"' (", b"1", b") panicked at ", b"src/lib.rs", b":3:5:\n"];
    check(&[&pieces[..], &[b"left: 1", b"\n", b"right: 2", note]].concat(), &[told]);
    // Its beginning says where.
    let long = "y".repeat(100_000);
    let begin = "thread 'a' panicked at b:\n";
    let expect = format!("panicked at b: {}", &long[..ROOM - 3 - begin.len()]);
    check(&[begin.as_bytes(), long.as_bytes()], &[&expect]);
    check(&[b"thread 'a' begins\nthread 'b' ends\n"], &["thread 'a' begins", "thread 'b' ends"]);
}
