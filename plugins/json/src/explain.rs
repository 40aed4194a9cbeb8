//! Why a record was rejected, or what was read out of it, in words.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use tallygate_guest::{NO_TIME, Reject, Stops, Text, excerpt, with_slack};

use crate::{
    Json,
    found::{Kind, Says},
    parser::{Collector, Malformed, Parser},
};

/// What the plugin makes of a record.
pub(crate) fn explain(json: &mut Json, record: &[u8]) -> Result<String, String> {
    let copy = with_slack(record);
    let Some(text) = Text::new(&copy) else { return Err(String::new()) };
    let stops = Stops::new(text);
    json.found.clear();
    let mut collector = Collector { text, found: &mut json.found };
    if let Err(malformed) = Parser::parse((text, &stops), &json.fields, (0, record.len()), &mut collector) {
        return Err(explain_malformed(record, malformed));
    }
    match json.found.address(text) {
        Ok((address, slot)) => {
            let time = explain_time(json, text);
            Ok(format!("client {address} from `{}`; {time}", json.fields.name(slot)))
        }
        Err(Reject::NotAnAddress) => Err(explain_address(json, text)),
        Err(_) => Err(explain_missing(json, record)),
    }
}

fn explain_malformed(record: &[u8], Malformed { at, what }: Malformed) -> String {
    format!("not JSON: {what} at byte {at}, found {}", excerpt(record, at))
}

fn explain_missing(json: &Json, record: &[u8]) -> String {
    if record.trim_ascii_start().first().is_some_and(|byte| !matches!(byte, b'{' | 0xef)) {
        return "the record is JSON but no object, so it has no fields".to_string();
    }
    let names = list(json.fields.names(false));
    format!(
        "none of the fields looked for holds anything: {names}; if the client's address is in another one, name it in \
         the setting `fields`"
    )
}

fn explain_address(json: &Json, text: Text<'_>) -> String {
    let mut held = Vec::new();
    for (slot, value) in json.found.addresses() {
        let name = json.fields.name(slot);
        match (value.says(text), value.kind()) {
            (Says::Nothing | Says::Address(_), _) => {}
            (Says::SomethingElse, Kind::Object) => held.push(format!("`{name}` holds an object")),
            (Says::SomethingElse, _) => held.push(format!("`{name}` holds {}", excerpt(value.raw(text), 0))),
        }
    }
    format!("no field holds an IP address: {}", held.join(", "))
}

fn explain_time(json: &mut Json, text: Text<'_>) -> String {
    let (time, slot) = json.found.time(text, &mut json.times);
    if time != NO_TIME {
        return format!("event time {time} ms since 1970 from `{}`", json.fields.name(slot));
    }
    match json.found.times().next() {
        Some((slot, value)) => {
            let name = json.fields.name(slot);
            format!("no event time: `{name}` holds {}, which is no time with an offset", excerpt(value.raw(text), 0))
        }
        None => format!("no event time: the record has none of {}", list(json.fields.names(true))),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
