//! What a value can be: readers for single keys. An error says what was expected and what was found.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::document::{Node, Value};
use super::key::Kind;
use super::secret::Secret;

/// How the value of a key is read, and what is said of that to people and editors.
pub(super) struct Unit<T> {
    pub(super) kind: Kind,
    pub(super) read: fn(&Value) -> Read<T>,
}

pub(crate) type Read<T> = Result<T, String>;

pub(super) const SIZE: Unit<usize> = Unit { kind: Kind::Size, read: size };
pub(super) const DURATION: Unit<Duration> = Unit { kind: Kind::Duration, read: duration };
pub(super) const DURATION_OR_ZERO: Unit<Duration> = Unit { kind: Kind::DurationOrZero, read: duration_or_zero };
pub(super) const COUNT: Unit<usize> = Unit { kind: Kind::Count, read: count };
pub(super) const COUNT_OR_ZERO: Unit<usize> = Unit { kind: Kind::CountOrZero, read: count_or_zero };
pub(super) const COUNT_32: Unit<NonZeroU32> = Unit { kind: Kind::Count32, read: count_32 };
pub(super) const BOOLEAN: Unit<bool> = Unit { kind: Kind::Boolean, read: boolean };
pub(super) const SHARE: Unit<f64> = Unit { kind: Kind::Share, read: share };
pub(super) const PATH: Unit<PathBuf> = Unit { kind: Kind::Path, read: path };
pub(super) const PATH_FROM_WORKING_DIRECTORY: Unit<PathBuf> = Unit { kind: Kind::PathFromWorkingDirectory, read: path };
pub(super) const SECRET: Unit<Secret> = Unit { kind: Kind::Secret, read: secret };
pub(super) const SECRET_FILE: Unit<Secret> = Unit { kind: Kind::SecretFile, read: secret_file };
pub(super) const ADDRESS: Unit<SocketAddr> = Unit { kind: Kind::Address, read: address };
pub(super) const LOG_LEVEL: Unit<tracing::Level> = Unit { kind: Kind::LogLevel, read: log_level };
pub(super) const SETTINGS: Unit<Vec<(String, String)>> = Unit { kind: Kind::Settings, read: settings };
pub(super) const ROUTE_PATH: Unit<String> = Unit { kind: Kind::RoutePath, read: route_path };
pub(super) const MEDIA_TYPE: Unit<String> = Unit { kind: Kind::MediaType, read: media_type };
pub(super) const HEADERS: Unit<Vec<(HeaderName, HeaderValue)>> = Unit { kind: Kind::Headers, read: headers };
pub(super) const ONE_PLUGIN: Unit<String> = Unit { kind: Kind::OnePlugin, read: one_plugin };

/// The units of sizes, with their bytes. Case does not count.
pub(super) const SIZES: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
];
pub(super) const MOST_BYTES: u64 = 1 << 40;

/// The units of time spans, with their milliseconds. Case does not count.
pub(super) const SPANS: [(&str, u64); 8] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
];

fn boolean(value: &Value) -> Read<bool> {
    match value {
        Value::Boolean(value) => Ok(*value),
        // As the environment writes it.
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err(expected("true or false", value)),
    }
}

/// Whether it is the second of two words.
pub(super) fn second_of(value: &Value, words: &[&str; 2]) -> Read<bool> {
    let text = if let Value::String(text) = value { text.as_str() } else { "" };
    match words.iter().position(|word| *word == text) {
        Some(at) => Ok(at == 1),
        None => Err(expected(&format!("\"{}\" or \"{}\"", words[0], words[1]), value)),
    }
}

pub(super) fn expected(what: &str, found: &Value) -> String {
    let found = match found {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::String(text) => format!("\"{}\"", text.chars().take(80).collect::<String>()),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Other(name) => (*name).to_owned(),
    };
    format!("expected {what}, found {found}")
}

/// A size as it is written on a command line.
pub(crate) fn size_from(text: &str) -> Read<usize> {
    size(&Value::String(text.to_owned()))
}

/// A time span as it is written on a command line.
pub(crate) fn duration_from(text: &str) -> Read<Duration> {
    duration(&Value::String(text.to_owned()))
}

/// Bytes: a number, or a number with a unit.
fn size(value: &Value) -> Read<usize> {
    let wrong = || expected("a size such as \"16 MiB\", at most 1 TiB", value);
    let bytes = with_unit(value, &SIZES).ok_or_else(wrong)?;
    if bytes == 0 || bytes > MOST_BYTES {
        return Err(wrong());
    }
    usize::try_from(bytes).map_err(|_| wrong())
}

/// A time span of some length: a number with a unit.
fn duration(value: &Value) -> Read<Duration> {
    match span(value) {
        Some(span) if span > Duration::ZERO => Ok(span),
        _ => Err(expected("a time such as \"10 s\" or \"100 ms\"", value)),
    }
}

/// A time span, or none: "0 s".
fn duration_or_zero(value: &Value) -> Read<Duration> {
    span(value).ok_or_else(|| expected("a time such as \"10 s\", or \"0 s\"", value))
}

fn span(value: &Value) -> Option<Duration> {
    with_unit(value, &SPANS).map(Duration::from_millis)
}

fn count(value: &Value) -> Read<usize> {
    match count_or_zero(value) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(expected("a number of at least 1", value)),
    }
}

fn count_or_zero(value: &Value) -> Read<usize> {
    with_unit(value, &[("", 1)])
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| expected("a number", value))
}

/// A part of a whole.
#[allow(clippy::cast_precision_loss, reason = "an integer that cannot be told apart from its neighbours is no share")]
fn share(value: &Value) -> Read<f64> {
    let number = match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| expected("a share from 0 to 1", value))
}

fn count_32(value: &Value) -> Read<NonZeroU32> {
    let number = with_unit(value, &[("", 1)]).and_then(|number| u32::try_from(number).ok());
    number.and_then(NonZeroU32::new).ok_or_else(|| expected("a number from 1 to 4294967295", value))
}

fn path(value: &Value) -> Read<PathBuf> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(PathBuf::from(text)),
        _ => Err(expected("a path", value)),
    }
}

/// What was found is not told: it would show in a log.
fn secret(value: &Value) -> Read<Secret> {
    match value {
        Value::String(text) => Secret::new(text),
        _ => Err("expected a string".to_owned()),
    }
}

/// A secret that a file holds, with blanks and line ends around it that do not count.
fn secret_file(value: &Value) -> Read<Secret> {
    let path = path(value)?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Secret::new(text.trim()).map_err(|message| format!("{}: {message}", path.display()))
}

fn address(value: &Value) -> Read<SocketAddr> {
    let parsed = if let Value::String(text) = value { text.parse().ok() } else { None };
    parsed.ok_or_else(|| expected("an address with a port, such as \"0.0.0.0:5000\" or \"[::]:5000\"", value))
}

fn log_level(value: &Value) -> Read<tracing::Level> {
    let parsed = if let Value::String(text) = value { text.parse().ok() } else { None };
    parsed.ok_or_else(|| expected("one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"", value))
}

/// A table of a plugin's own settings; numbers and booleans are handed over as text.
fn settings(value: &Value) -> Read<Vec<(String, String)>> {
    let Value::Table(table) = value else { return Err(expected("a table of settings", value)) };
    let setting = |(key, node): (&String, &Node)| match &node.value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Integer(number) => Ok((key.clone(), number.to_string())),
        Value::Boolean(boolean) => Ok((key.clone(), boolean.to_string())),
        other => Err(format!("{key}: {}", expected("a string, an integer or a boolean", other))),
    };
    table.iter().map(setting).collect()
}

fn route_path(value: &Value) -> Read<String> {
    match value {
        Value::String(text) if text.starts_with('/') && !text.contains(['?', '#', ' ']) => Ok(text.clone()),
        _ => Err(expected("a path that begins with \"/\", without a query", value)),
    }
}

fn media_type(value: &Value) -> Read<String> {
    match value {
        Value::String(text) if text.contains('/') && !text.contains(';') => Ok(text.trim().to_ascii_lowercase()),
        _ => Err(expected("a media type without parameters, such as \"text/plain\"", value)),
    }
}

fn headers(value: &Value) -> Read<Vec<(HeaderName, HeaderValue)>> {
    let Value::Table(table) = value else { return Err(expected("a table of header names and values", value)) };
    let header = |(name, node): (&String, &Node)| {
        let Value::String(text) = &node.value else { return Err(format!("{name}: {}", expected("a string", value))) };
        match (name.parse(), text.parse()) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            (Err(_), _) => Err(format!("\"{name}\" is not a header name")),
            (_, Err(_)) => Err(format!("{name}: \"{text}\" cannot stand in a header")),
        }
    };
    table.iter().map(header).collect()
}

/// The plugins of a route: one.
fn one_plugin(value: &Value) -> Read<String> {
    let Value::Array(nodes) = value else { return Err(expected("an array with the name of a plugin", value)) };
    match nodes.as_slice() {
        [node] => match &node.value {
            Value::String(name) => Ok(name.clone()),
            other => Err(expected("the name of a plugin", other)),
        },
        nodes => Err(format!("expected exactly one plugin, found {}", nodes.len())),
    }
}

/// A number with one of the units, as a multiple of the smallest. Without a unit only where "" is among them.
fn with_unit(value: &Value, units: &[(&str, u64)]) -> Option<u64> {
    let text = match value {
        Value::Integer(number) => number.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}
