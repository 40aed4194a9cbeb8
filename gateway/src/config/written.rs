//! What is written about the keys: rows of the README, the file to start from, and its schema.

use super::key::{ANY_NAME, Effect, Key, Keys, Missing, Shape};
use super::table::TABLE;
use super::{schema, *};
use crate::written::{check_file, check_region, table};

const FILE: &str = "config/tallygate.toml";
const WIDTH: usize = 119;

const HEAD: &str = r#"#:schema ./tallygate.schema.json
# Tallygate: every key, with its default. No file is needed; this one changes nothing.
#
#   tallygate check --config config/tallygate.toml     tells every problem
#   tallygate serve --config config/tallygate.toml
#
# The first line is for editors that know TOML, such as those with Taplo: they complete keys and tell mistakes.
# Sizes are numbers of bytes or have a unit: B, KB, MB, GB (thousands), KiB, MiB, GiB (1024s).
# Times have a unit: ms, s, m or min, h, d.
# TALLYGATE_INGEST__LISTEN=… overrides ingest.listen, and so on; flags win over the environment.
# The gateway reads the file again when it changes and on SIGHUP. If it has a problem, the old configuration stays.
# Keys marked "restart" take effect at the next start only.
# Paths are relative to the folder of this file, except data_dir, which is relative to the working directory.
"#;

#[test]
fn the_readme_has_every_key() {
    let row = |keys: &Keys, key: &Key| {
        let name = if keys.section.is_empty() { key.name.to_owned() } else { format!("{}.{}", keys.section, key.name) };
        let default = match key.missing {
            Missing::Is(text) => format!("`{text}`"),
            Missing::Nothing { shown, .. } => shown.to_owned(),
            Missing::Wrong => "must be given".to_owned(),
        };
        [format!("`{name}`"), default, key.what.to_owned(), key.effect.shown().to_owned()]
    };
    let rows = TABLE.iter().flat_map(|keys| keys.keys.iter().map(|key| row(keys, key)));
    check_region("README.md", "keys", &table(["key", "default", "what it is", "takes effect"], rows));
}

#[test]
fn the_file_to_start_from_has_every_key() {
    check_file(FILE, &file());
}

#[test]
fn the_schema_has_every_key() {
    let schema = serde_json::to_string_pretty(&schema::whole()).expect("JSON can be written down");
    check_file("config/tallygate.schema.json", &(schema + "\n"));
}

#[test]
fn the_file_to_start_from_changes_nothing() {
    let folder = Path::new("");
    let config = Config::parse(&file(), folder, &[]).expect("it is good");
    assert_eq!(config, Config::parse("", folder, &[]).expect("no file is needed"));
}

/// The defaults of what is used without a configuration, too.
#[test]
fn defaults_are_the_same_wherever_they_stand() {
    let text = "[plugins.json]\n";
    let config = Config::parse(text, Path::new(""), &[]).expect("it is good");
    assert_eq!(config.plugins[0].limits, tallygate_plugin_host::Limits::default());
    assert_eq!(config.addresses, Ipv6Policy::default());
}

/// Whatever the table has is read: a date is a value that no key takes.
#[test]
fn every_key_of_the_table_is_read() {
    for keys in TABLE {
        let section = keys.section.replace(ANY_NAME, "json");
        let head = match (keys.shape, section.as_str()) {
            (_, "") => String::new(),
            (Shape::Table, section) => format!("[{section}]\n"),
            (Shape::Array, section) => format!("[[{section}]]\n"),
        };
        for key in keys.keys {
            let text = format!("{head}{} = 1979-05-27\n", key.name);
            let problems = Config::parse(&text, Path::new(""), &[]).expect_err(key.name);
            let name = if section.is_empty() { key.name.to_owned() } else { format!("{section}.{}", key.name) };
            let expected = format!("{name}: expected ");
            assert!(problems[0].message.starts_with(&expected), "{name}: {}", problems[0].message);
        }
    }
}

fn file() -> String {
    let mut text = HEAD.to_owned();
    for keys in TABLE {
        if !keys.example.is_empty() {
            let example: Vec<_> = keys.example.lines().map(|line| format!("# {line}").trim_end().to_owned()).collect();
            text += &format!("\n{}#\n{}\n", comment(keys.intro), example.join("\n"));
        } else if !keys.section.contains(ANY_NAME) {
            text += &section(keys);
        }
    }
    text
}

fn section(keys: &Keys) -> String {
    let mut text = String::new();
    if !keys.section.is_empty() {
        text += &format!("\n{}[{}]\n", comment(keys.intro), keys.section);
    }
    for key in keys.keys {
        let said = comment(&in_plain_words(key));
        let separator = if keys.section.is_empty() { "\n" } else { "" };
        text += &match key.missing {
            Missing::Is(default) => format!("{separator}{said}{} = {default}\n", key.name),
            Missing::Nothing { example, .. } => format!("{said}# {} = {example}\n", key.name),
            Missing::Wrong => said,
        };
    }
    text
}

/// What a key is and when it takes effect, without the marks of Markdown.
pub(super) fn in_plain_words(key: &Key) -> String {
    let what = key.comment.unwrap_or(key.what).replace('`', "");
    let when = match key.effect {
        Effect::Restart => " (restart)",
        Effect::NextConnection => " (for new connections)",
        _ => "",
    };
    what + when
}

/// The text as lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += &std::mem::replace(&mut line, String::from("#"));
            lines.push('\n');
        }
        line.push(' ');
        line += word;
    }
    if text.is_empty() { lines } else { lines + &line + "\n" }
}

// === impl Effect ===

impl Effect {
    fn shown(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::NextRequest => "next request",
            Self::NextConnection => "next connection",
            Self::NextRequestAndConnection => "next request; for answers, next connection",
            Self::NextPlugin => "next plugin",
            Self::Reload => "reload",
            Self::Restart => "restart",
        }
    }
}
