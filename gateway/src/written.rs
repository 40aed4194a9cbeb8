//! Documents that are made from tables in the code and committed: tests compare them, or write them anew.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Set to 1, it lets the tests write what they would compare.
const UPDATE: &str = "UPDATE_DOCUMENTS";

/// Tests run beside each other, and several of them may write to one file.
static TURN: Mutex<()> = Mutex::new(());

/// Compares a whole file of the repository.
pub(crate) fn check_file(path: &str, made: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    // One that is missing differs.
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    if committed == made {
        return;
    }
    if std::env::var_os(UPDATE).is_some_and(|value| value == "1") {
        return std::fs::write(&file, made).expect("the repository can be written to");
    }
    let differs = |(_, (old, new)): &(usize, (&str, &str))| old != new;
    let ends = "(the end)";
    let lines = committed.lines().chain([ends]).zip(made.lines().chain([ends]));
    let (at, (old, new)) = lines.enumerate().find(differs).unwrap_or((0, ("other line ends", "")));
    panic!(
        "{path} is not what the tables in the code say; write it anew with {UPDATE}=1 cargo test -p tallygate --lib written\n\
         line {}, committed: {old}\nline {0}, made:      {new}",
        at + 1
    );
}

/// Compares what stands in a Markdown file between the comments that begin and end the region of this name.
pub(crate) fn check_region(path: &str, region: &str, made: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let committed = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (start, end) = (format!("<!-- {region}: "), format!("<!-- /{region} -->"));
    let parts = committed.split_once(&start).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("{path} has no region {region}"));
    let how = format!("made from the code with {UPDATE}=1 cargo test -p tallygate --lib written -->");
    check_file(path, &format!("{before}{start}{how}\n\n{made}\n{end}{after}"));
}

/// A table in Markdown.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells = row.map(|cell| if cell.is_empty() { " ".to_owned() } else { format!(" {cell} ") });
        writeln!(text, "|{}|", cells.join("|")).expect("writing to a string cannot fail");
    }
    text
}
