//! Why a record was rejected, or what was read out of it, in words.

use alloc::string::String;

use tallygate_sdk::{Listed, Message, NO_TIME, Stops, Text, Times, UNREAD_TIME, with_slack};

use crate::{
    Json,
    fields::Fields,
    found::{Found, Kind, Value},
    parser::{Collector, Input, Malformed, Parser},
};

/// What the plugin makes of a record.
pub(crate) fn explain(json: &mut Json, record: &[u8]) -> Result<String, String> {
    let copy = with_slack(record);
    let Some(text) = Text::new(&copy) else { return Err(String::new()) };
    let stops = Stops::new(text, json.strings);
    let Json { fields, found, times, stack, .. } = json;
    found.clear();
    let input = Input { text, stops: &stops, start: 0, end: record.len() };
    let mut collector = Collector { text, found };
    if let Err(Malformed { at, what }) = Parser::parse(&input, (fields, stack), &mut collector) {
        let message = Message::new("not JSON: ").text(what).text(" at byte ").number(at as i64);
        return Err(message.text(", found ").excerpt(record, at).finish());
    }
    let mut held = Message::default();
    let mut count = 0;
    let client = match found.address(&input) {
        Ok(Some(client)) => Some(client),
        Ok(None) => return Ok(accepted((fields, found, times), text, nobody(fields))),
        Err(_) => None,
    };
    for (slot, value) in found.addresses() {
        match value.says(text, &found.trusted) {
            Listed::Client(address) | Listed::AllTrusted(address) if client == Some(address) => {
                let name = called(fields, found, text, slot);
                let who = Message::new("client ").address(address).text(" from ").name(name);
                return Ok(accepted((fields, found, times), text, who));
            }
            Listed::Nothing | Listed::Client(_) | Listed::AllTrusted(_) => {}
            Listed::SomethingElse => {
                held = held.text(if count == 0 { "" } else { ", " }).name(called(fields, found, text, slot));
                held = holds(held, value, text);
                count += 1;
            }
        }
    }
    if count > 0 {
        return Err(Message::new("no field holds an IP address: ").text(&held.finish()).finish());
    }
    Err(found.address(&input).err().map_or_else(String::new, |reject| Message::new(reject.words()).finish()))
}

fn nobody(fields: &Fields) -> Message {
    Message::new("no client: none of the fields looked for holds anything: ")
        .names(fields.names(false))
        .text(" (if the client's address is in another one, name it in the setting `fields`)")
}

/// What became of an accepted record, of which `who` says the client.
fn accepted((fields, found, times): (&Fields, &Found, &mut Times), text: Text<'_>, who: Message) -> String {
    let message = who.text("; ");
    let mut unreadable = None;
    for (slot, value) in found.times() {
        let time = value.time(text, times);
        if time != NO_TIME {
            let message = message.text("event time ").time(time).text(" from ");
            return message.name(called(fields, found, text, slot)).finish();
        }
        if !value.is_nothing(text) {
            unreadable = unreadable.or(Some((slot, value)));
        }
    }
    match (unreadable, found.time_apart(text)) {
        (Some((slot, value)), UNREAD_TIME) => {
            let message = message.text("no event time: ").name(called(fields, found, text, slot));
            holds(message, value, text).text(", which is no time with an offset between 1990 and 2100").finish()
        }
        (Some(_), time) if time != NO_TIME => {
            message.text("event time ").time(time).text(" from a date and a time of day").finish()
        }
        _ => message.text("no event time: the record has none of ").names(fields.names(true)).finish(),
    }
}

/// What a person calls the field of a slot: the path that was named, or the key of one found by convention.
fn called<'a>(fields: &'a Fields, found: &Found, text: Text<'a>, slot: u8) -> &'a [u8] {
    let named = fields.name(slot);
    let Some(value) = found.get(slot).filter(|_| found.is_shared(slot)) else { return named };
    let before = text.slice(0, value.range().0);
    let key = before.strip_suffix(b"\"").unwrap_or(before).trim_ascii_end();
    let key = key.strip_suffix(b"[").unwrap_or(key).trim_ascii_end();
    let Some(key) = key.strip_suffix(b":").map(<[u8]>::trim_ascii_end) else { return named };
    let Some(key) = key.strip_suffix(b"\"") else { return named };
    key.rsplit(|byte| *byte == b'"').next().unwrap_or(named)
}

fn holds(message: Message, value: Value, text: Text<'_>) -> Message {
    let message = message.text(" holds ");
    match value.kind() {
        Kind::Object => message.text("an object"),
        Kind::Array => message.text("an array"),
        _ => message.excerpt(value.raw(text), 0),
    }
}
