//! What became of a deployment or a rollback, in words.

use super::answers::{Deployed, ErrorAnswer, RolledBack, Shadow};
use super::difference;
use crate::cli::terminal::{MESSAGE, Terminal, fit};

/// What a command ends with.
pub(super) struct Outcome {
    pub(super) text: String,
    /// Whether what was asked for is so now.
    pub(super) done: bool,
}

const FORCE: &str = "with --force it serves all the same";

// === impl Outcome ===

impl Outcome {
    pub(super) fn done(text: String) -> Self {
        Self { text, done: true }
    }
}

pub(super) fn deployed(deployed: &Deployed, terminal: &Terminal) -> Outcome {
    let Deployed { generation, published, unchanged, dry_run, .. } = *deployed;
    let (name, digest) = (fit(&deployed.name, 64), short(&deployed.digest));
    let would_publish = deployed.would_publish.unwrap_or(true);
    let (line, done) = if unchanged {
        (format!("unchanged: {name} is {digest} already, generation {generation}"), true)
    } else if dry_run && would_publish {
        (format!("dry run: {digest} would be published as {name}"), true)
    } else if dry_run {
        (format!("dry run: {digest} would be refused as {name}; {FORCE}"), false)
    } else if published {
        (format!("published generation {generation} of {name}, {digest}"), true)
    } else {
        (format!("{digest} was not published as {name}"), false)
    };
    Outcome { text: with_shadow(line, deployed.shadow.as_ref(), terminal), done }
}

pub(super) fn refused(refusal: &ErrorAnswer, terminal: &Terminal) -> Outcome {
    let stage = refusal.error.stage.as_deref().unwrap_or("an unknown stage");
    let line = format!("refused at {}: {}", fit(stage, 32), fit(&refusal.error.message, MESSAGE));
    let hint = if refusal.shadow.is_some() { format!("; {FORCE}") } else { String::new() };
    Outcome { text: with_shadow(line + &hint, refusal.shadow.as_ref(), terminal), done: false }
}

pub(super) fn rolled_back(back: &RolledBack) -> String {
    let from = back.rolled_back.map(|from| format!(", back from {from}")).unwrap_or_default();
    format!("generation {} of {} serves again, {}{from}", back.generation, fit(&back.name, 64), short(&back.digest))
}

/// As much of a digest as people compare.
pub(super) fn short(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    if hex.is_empty() { "-".to_owned() } else { fit(hex.get(..12).unwrap_or(hex), 12) }
}

fn with_shadow(line: String, shadow: Option<&Shadow>, terminal: &Terminal) -> String {
    match shadow {
        Some(shadow) => format!("{line}\n{}", difference::describe(shadow, terminal)),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &str) -> (String, bool) {
        let outcome = deployed(&serde_json::from_str(answer).expect("an answer"), &Terminal::plain(80));
        (outcome.text, outcome.done)
    }

    #[test]
    fn what_became_of_a_deployment_is_one_line() {
        for (rest, line, done) in [
            (r#""published":true,"dry_run":false"#, "published generation 4 of json, 0123456789ab", true),
            (r#""unchanged":true"#, "unchanged: json is 0123456789ab already, generation 4", true),
            (r#""dry_run":true,"would_publish":true"#, "dry run: 0123456789ab would be published as json", true),
            (
                r#""dry_run":true,"would_publish":false"#,
                "dry run: 0123456789ab would be refused as json; with --force it serves all the same",
                false,
            ),
            (r#""published":false"#, "0123456789ab was not published as json", false),
        ] {
            let answer = format!(r#"{{"name":"json","generation":4,"digest":"sha256:0123456789abcdef",{rest}}}"#);
            assert_eq!(told(&answer), (line.to_owned(), done));
        }
    }

    #[test]
    fn a_refusal_names_its_stage() {
        let refusal = r#"{"error":{"code":"refused","stage":"parse","message":"not a\ncomponent"}}"#;
        let outcome = refused(&serde_json::from_str(refusal).expect("an answer"), &Terminal::plain(80));
        assert_eq!((outcome.text.as_str(), outcome.done), ("refused at parse: not a\\ncomponent", false));
    }

    #[test]
    fn a_rollback_says_what_serves_now() {
        let answer = r#"{"name":"json","generation":2,"digest":"sha256:0123456789abcdef","rolled_back":3}"#;
        let back = serde_json::from_str(answer).expect("an answer");
        assert_eq!(rolled_back(&back), "generation 2 of json serves again, 0123456789ab, back from 3");
    }
}
