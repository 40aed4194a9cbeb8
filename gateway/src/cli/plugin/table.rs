//! The plugins of a gateway as a table, and below it what went wrong with them last.

use super::answers::{LastError, Plugin, Plugins};
use super::deployed::short;
use super::difference;
use crate::cli::table;
use crate::cli::terminal::{MESSAGE, Terminal, fit};

const HEADER: [&str; 10] =
    ["name", "generation", "state", "source", "version", "digest", "since", "accepted", "rejected", "traps"];
/// Columns of numbers, which stand at the right.
const NUMBERS: [&str; 4] = ["generation", "accepted", "rejected", "traps"];
/// What a plugin can say about itself is no longer than that here.
const CELL: usize = 32;

pub(super) fn list(plugins: &Plugins, terminal: &Terminal) -> String {
    let rows: Vec<_> = plugins.plugins.iter().map(row).collect();
    let mut text = table::lines(&HEADER, &NUMBERS, &rows).join("\n");
    for plugin in &plugins.plugins {
        if let Some(error) = &plugin.last_error {
            text += &format!("\n\n{}", last_error(&plugin.name, error, terminal));
        }
    }
    text
}

fn row(plugin: &Plugin) -> [String; 10] {
    let cell = |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), |text| fit(text, CELL));
    [
        fit(&plugin.name, 64),
        plugin.generation.to_string(),
        cell(&plugin.state),
        cell(&plugin.source),
        cell(&plugin.version),
        short(&plugin.digest),
        cell(&plugin.since),
        plugin.accepted.to_string(),
        plugin.rejected.to_string(),
        plugin.traps.to_string(),
    ]
}

fn last_error(plugin: &str, error: &LastError, terminal: &Terminal) -> String {
    let at = error.at.as_deref().map(|at| format!(" ({})", fit(at, CELL))).unwrap_or_default();
    let (stage, message) = (fit(&error.stage, CELL), fit(&error.message, MESSAGE));
    let text = format!("{}: {stage}: {message}{at}", fit(plugin, 64));
    match &error.shadow {
        Some(shadow) => format!("{text}\n{}", difference::describe(shadow, terminal)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(answer: &str) -> String {
        list(&serde_json::from_str(answer).expect("an answer"), &Terminal::plain(80))
    }

    #[test]
    fn columns_are_aligned_and_the_last_errors_stand_below() {
        let text = list_of(
            r#"{"plugins":[
                {"name":"access-log","generation":12,"digest":"sha256:00112233445566778899","version":"0.1.0","wit":"0.1.0",
                 "source":"shipped","state":"serving","since":"2026-01-31T05:00:00Z","accepted":1234567,"rejected":0,"traps":0,
                 "previous":null,"last_error":null,"more":"to come"},
                {"name":"json","generation":3,"digest":"sha256:ffeeddccbbaa9988","version":"0.1.0-long\u001b[2J","source":"upload",
                 "state":"probation","since":"2026-01-31T05:00:00Z","accepted":5,"rejected":17,"traps":2,
                 "previous":{"generation":2,"digest":"sha256:00"},
                 "last_error":{"stage":"parse","message":"not a component\nat 0","at":"2026-01-31T04:00:00Z"}}]}"#,
        );
        let expected = "\
name        generation  state      source   version              digest        since                 accepted  rejected  traps
access-log          12  serving    shipped  0.1.0                001122334455  2026-01-31T05:00:00Z   1234567         0      0
json                 3  probation  upload   0.1.0-long\\u{1b}[2J  ffeeddccbbaa  2026-01-31T05:00:00Z         5        17      2

json: parse: not a component\\nat 0 (2026-01-31T04:00:00Z)";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_gateway_does_not_tell_is_a_dash() {
        let expected = "\
name  generation  state  source  version  digest  since  accepted  rejected  traps
json           0  -      -       -        -       -             0         0      0";
        assert_eq!(list_of(r#"{"plugins":[{"name":"json"}]}"#), expected);
        assert_eq!(list_of(r#"{"plugins":[]}"#).lines().count(), 1);
    }

    #[test]
    fn the_records_that_an_automatic_deployment_failed_on_are_shown() {
        let text = list_of(
            r#"{"plugins":[{"name":"json","last_error":{"stage":"shadow","message":"1 of 2 differ","at":null,
                "shadow":{"replayed":2,"different":1,"bound":0.01,
                "examples":[{"route":"/logs","record":"{}","old":{"ip":"1.2.3.4"},"new":{"code":"malformed"}}]}}}]}"#,
        );
        let below = "\
json: shadow: 1 of 2 differ
replayed 2 records, 1 different (50 %), bound 1 %
  /logs  {}
    - 1.2.3.4
    + malformed";
        assert_eq!(text.split_once("\n\n").map(|(_, below)| below), Some(below));
    }
}
