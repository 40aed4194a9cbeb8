//! Answers of a running gateway.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::Empty;

use super::answerer::Ends;
use super::body::List;
use crate::cli::client::{Client, Coming, Reply};
use crate::query::{Format, Left, TopAsked};

const TEXT: &str = "text/plain";
/// How many addresses of an export are left out.
const LEFT_OUT: &str = "x-tallygate-ipv6-left-out";

pub(super) fn visited(
    client: &Client,
    ends: Ends<'_>,
    list: Box<dyn Read + Send>,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (list, failure) = List::read(list);
    let path = path("/v1/visited", ends, &[]);
    let refusal = client.stream((Method::POST, &path, TEXT), list, |coming| match coming {
        Coming::Head(_) => Ok(()),
        Coming::Piece(answers) => take(answers),
    })?;
    expect_none(client, refusal)?;
    failure.take().map_or(Ok(()), |error| Err(error).context("cannot read the addresses"))
}

pub(super) fn distinct(client: &Client, ends: Ends<'_>, by: Option<&'static str>) -> Result<Vec<u8>> {
    let by = by.map(|by| ("by", by.to_owned()));
    ask(client, &path("/v1/distinct", ends, by.as_slice()))
}

pub(super) fn top(client: &Client, ends: Ends<'_>, asked: TopAsked) -> Result<Vec<u8>> {
    let TopAsked { prefix, prefix6, limit } = asked;
    let more = [("prefix", prefix.to_string()), ("prefix6", prefix6.to_string()), ("limit", limit.to_string())];
    ask(client, &path("/v1/top", ends, &more))
}

pub(super) fn export(client: &Client, ends: Ends<'_>, format: Format, out: &mut dyn Write) -> Result<Left> {
    let path = path("/v1/export", ends, &[("format", format.name().to_owned())]);
    let mut left = Left::default();
    let refusal = client.stream((Method::GET, &path, TEXT), Empty::new(), |coming| match coming {
        Coming::Head(headers) => {
            let told = headers.get(LEFT_OUT).and_then(|value| value.to_str().ok()?.parse().ok());
            left.ipv6 = told.unwrap_or(0);
            Ok(())
        }
        Coming::Piece(piece) => out.write_all(piece).context("cannot write the export"),
    })?;
    expect_none(client, refusal)?;
    Ok(left)
}

fn ask(client: &Client, path: &str) -> Result<Vec<u8>> {
    let reply = client.send(Method::GET, path, (TEXT, Bytes::new()))?;
    match reply.json() {
        Some(json) if reply.status == StatusCode::OK => Ok(format!("{json}\n").into_bytes()),
        _ => bail!("{}", failure(client, &reply)),
    }
}

fn expect_none(client: &Client, refusal: Option<Reply>) -> Result<()> {
    refusal.map_or(Ok(()), |reply| bail!("{}", failure(client, &reply)))
}

fn failure(client: &Client, reply: &Reply) -> String {
    match (reply.status, reply.json()) {
        (StatusCode::NOT_FOUND, None) => {
            format!(
                "there is nobody to ask at {}: is it the operations port of a gateway that keeps visits?",
                client.target
            )
        }
        _ => reply.failure(&client.target),
    }
}

/// A path with parameters, fit for a URL.
fn path(path: &str, ends: Ends<'_>, more: &[(&str, String)]) -> String {
    let ends = [("from", ends.from), ("to", ends.to)];
    let ends = ends.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let more = more.iter().map(|(name, value)| (*name, value.as_str()));
    // Times have no other character that a URL does not take as it is.
    let pair = |(name, value): (&str, &str)| format!("{name}={}", value.replace('+', "%2B").replace(' ', "%20"));
    let pairs: Vec<_> = ends.chain(more).map(pair).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}", pairs.join("&"))
}
