//! The file as a tree of values that know where they stand, with overrides laid over it.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::root;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// A line of the file, counted from one.
    Line(usize),
    /// An environment variable or a command-line flag.
    Override(String),
    /// No place in particular.
    Whole,
}

/// A value from outside the file: it wins over the file's.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    /// The name of the variable or the flag.
    pub(crate) name: String,
    /// The key, from the root.
    pub(crate) key: Vec<String>,
    pub(crate) value: String,
}

pub(super) type Table = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(Table),
    Array(Vec<Node>),
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A kind of value that no key takes, by its name.
    Other(&'static str),
}

const PREFIX: &str = "TALLYGATE_";
const SEPARATOR: &str = "__";

// === impl Override ===

impl Override {
    /// Those among environment variables that override a key.
    ///
    /// Keys at the root may be overridden without the separator that all others have. Whatever else begins with the
    /// prefix is left alone: Kubernetes sets variables like `TALLYGATE_PORT` for a service of this name.
    pub(crate) fn from_environment(variables: impl Iterator<Item = (String, String)>) -> Vec<Self> {
        let is_at_root = |key: &str| root::KEYS.keys.iter().any(|known| known.name.to_ascii_uppercase() == key);
        let mut overrides: Vec<_> = variables
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(PREFIX)?;
                if !key.contains(SEPARATOR) && !is_at_root(key) {
                    return None;
                }
                let key = key.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
                Some(Self { name, key, value })
            })
            .collect();
        overrides.sort_by(|a, b| a.name.cmp(&b.name));
        overrides
    }
}

/// The document of a file's text and of overrides. Errors of syntax, all of them, go to `problems`. `of_file` may change what the
/// file has before overrides are laid over it.
pub(super) fn parse(
    text: &str,
    overrides: &[Override],
    problems: &mut Vec<Problem>,
    of_file: &mut dyn FnMut(&mut Table),
) -> Table {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let origin = error.span().map_or(Origin::Whole, |span| lines.origin(span.start));
        problems.push(Problem { origin, message: error.message().replace('\n', ", ") });
    }
    let mut document = lines.table(table.get_ref());
    of_file(&mut document);
    for over in overrides {
        lay(&mut document, &over.key, over, problems);
    }
    document
}

/// A single value, as it is written in a file. `None` if it is none.
pub(super) fn value(text: &str) -> Option<Value> {
    let text = format!("value = {text}");
    let table = DeTable::parse(&text).ok()?;
    Lines::of(&text).table(table.get_ref()).remove("value").map(|node| node.value)
}

/// Puts one override into the tree.
fn lay(table: &mut Table, key: &[String], over: &Override, problems: &mut Vec<Problem>) {
    let origin = Origin::Override(over.name.clone());
    let Some((first, rest)) = key.split_first() else { return };
    if rest.is_empty() {
        table.insert(first.clone(), Node { value: Value::String(over.value.clone()), origin });
        return;
    }
    let empty = || Node { value: Value::Table(Table::new()), origin: origin.clone() };
    match &mut table.entry(first.clone()).or_insert_with(empty).value {
        Value::Table(inner) => lay(inner, rest, over, problems),
        _ => problems.push(Problem { origin, message: format!("{first} is not a table in the file") }),
    }
}

/// Finds the line of a place in the text.
struct Lines {
    starts: Vec<usize>,
}

// === impl Lines ===

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(breaks).collect() }
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin::Line(self.starts.partition_point(|start| *start <= offset))
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            // A key tells its line even where its value is a table that is spread over the file.
            let node = Node { value: self.value(value.get_ref()), origin: self.origin(key.span().start) };
            (key.get_ref().to_string(), node)
        };
        table.iter().map(entry).collect()
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Other("an integer beyond 64 bits"),
            },
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => Value::Other("a float"),
            },
            DeValue::Datetime(_) => Value::Other("a date"),
            DeValue::Array(values) => {
                let node = |value: &Spanned<DeValue<'_>>| Node {
                    value: self.value(value.get_ref()),
                    origin: self.origin(value.span().start),
                };
                Value::Array(values.iter().map(node).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }
}
