//! The table of keys as a JSON schema, draft 2020-12: editors complete keys by it, and tell mistakes.
//!
//! It takes what the readers in `units.rs` take. What two keys must be to each other, and bounds of values with a unit, only the
//! gateway checks.

use serde_json::{Map, Value, json};

use super::key::{ANY_NAME, Key, Keys, Kind, Missing, Rule, Shape};
use super::table::TABLE;
use super::units::{MOST_BYTES, SIZES, SPANS};
use super::written::in_plain_words;

/// Of the whole file.
pub(super) fn whole() -> Value {
    let mut schema = object("");
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Configuration of Tallygate");
    schema
}

/// Of a section, with the sections in it.
fn object(section: &str) -> Value {
    let own = TABLE.iter().find(|keys| keys.section == section);
    let mut properties = Map::new();
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    for key in own.iter().flat_map(|keys| keys.keys) {
        properties.insert(key.name.to_owned(), property(key));
    }
    for name in below(section) {
        let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        let is_array = TABLE.iter().any(|keys| keys.section == path && keys.shape == Shape::Array);
        if name == ANY_NAME {
            schema["additionalProperties"] = object(&path);
            schema["propertyNames"] = json!({ "pattern": "^[A-Za-z0-9_-]{1,64}$" });
        } else if is_array {
            properties.insert(name.to_owned(), json!({ "type": "array", "items": object(&path) }));
        } else {
            properties.insert(name.to_owned(), object(&path));
        }
    }
    if !properties.is_empty() {
        schema["properties"] = Value::Object(properties);
    }
    if let Some(keys) = own {
        constrain(&mut schema, keys);
    }
    schema
}

/// The names of the sections that stand in a section.
fn below(section: &str) -> Vec<&'static str> {
    let within = |keys: &&Keys| match section {
        "" => Some(keys.section),
        _ => keys.section.strip_prefix(section)?.strip_prefix('.'),
    };
    let mut names: Vec<_> = TABLE.iter().filter_map(within).filter_map(|rest| rest.split('.').next()).collect();
    names.retain(|name| !name.is_empty());
    names.dedup();
    names
}

fn constrain(schema: &mut Value, keys: &Keys) {
    if !keys.intro.is_empty() && keys.example.is_empty() {
        schema["description"] = json!(keys.intro);
    }
    let required: Vec<_> =
        keys.keys.iter().filter(|key| matches!(key.missing, Missing::Wrong)).map(|key| key.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    // A table without anything in it is none.
    let given = |name: &&str| json!({ "required": [name], "properties": { *name: { "minProperties": 1 } } });
    let rule = |rule: &Rule| match rule {
        Rule::NotBoth(one, other) => json!({ "not": { "required": [one, other] } }),
        Rule::AtLeastOneOf(names) => json!({ "anyOf": names.iter().map(given).collect::<Vec<_>>() }),
    };
    if !keys.rules.is_empty() {
        schema["allOf"] = keys.rules.iter().map(rule).collect();
    }
}

fn property(key: &Key) -> Value {
    let mut schema = of_kind(key.kind);
    schema["description"] = json!(in_plain_words(key));
    if let Missing::Is(text) = key.missing {
        let mut table: toml::Table = format!("value = {text}").parse().expect("a default is TOML");
        schema["default"] = json!(table.remove("value"));
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match kind {
        Kind::Size => either(json!({ "type": "integer", "minimum": 1, "maximum": MOST_BYTES }), with_unit(&SIZES, 1)),
        Kind::Duration => text(&with_unit(&SPANS, 1)),
        Kind::DurationOrZero => text(&with_unit(&SPANS, 0)),
        Kind::Count => either(json!({ "type": "integer", "minimum": 1 }), with_unit(&[("", 1)], 1)),
        Kind::CountOrZero => either(json!({ "type": "integer", "minimum": 0 }), with_unit(&[("", 1)], 0)),
        Kind::Count32 => {
            either(json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }), with_unit(&[("", 1)], 1))
        }
        Kind::Boolean => json!({ "enum": [true, false, "true", "false"] }),
        Kind::Share => either(
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            r"^\s*\+?(0+\.?[0-9]*|0*\.[0-9]+|0*1\.?0*|[0-9]*\.?[0-9]*[eE]-[0-9]+)\s*$".to_owned(),
        ),
        Kind::Path | Kind::PathFromWorkingDirectory | Kind::SecretFile => json!({ "type": "string", "minLength": 1 }),
        Kind::Secret => text("^[!-~]+$"),
        Kind::Address => text(r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]):[0-9]{1,5}$"),
        // The words are offered; the reader takes them in any case, and as numbers.
        Kind::LogLevel => json!({ "anyOf": [
            { "enum": ["error", "warn", "info", "debug", "trace"] },
            { "type": "string", "pattern": pattern_of(&["error", "warn", "info", "debug", "trace", "1", "2", "3", "4", "5"]) },
        ] }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Settings => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "integer", "boolean"] } })
        }
        Kind::RoutePath => text("^/[^?# ]*$"),
        Kind::MediaType => text("^[^;]*/[^;]*$"),
        Kind::Headers => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
            "additionalProperties": { "type": "string", "pattern": "^[\\t -~]*$" },
        }),
        Kind::OnePlugin => {
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 1 })
        }
    }
}

fn either(number: Value, pattern: String) -> Value {
    json!({ "anyOf": [number, { "type": "string", "pattern": pattern }] })
}

/// A whole number of at least `least`, which is 0 or 1, and one of the units.
fn with_unit(units: &[(&str, u64)], least: u64) -> String {
    let number = if least == 0 { "[0-9]+" } else { "0*[1-9][0-9]*" };
    let units: Vec<_> = units.iter().map(|(unit, _)| in_any_case(unit)).collect();
    format!(r"^\s*{number}\s*({})\s*$", units.join("|"))
}

fn pattern_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| in_any_case(word)).collect();
    format!("^({})$", words.join("|"))
}

fn in_any_case(word: &str) -> String {
    let either = |letter: char| match letter {
        'a'..='z' => format!("[{letter}{}]", letter.to_ascii_uppercase()),
        _ => letter.to_string(),
    };
    word.chars().map(either).collect()
}
