//! The parts of a line.

use tallygate_guest::{Address, NO_TIME, Reject, Text, Times};

/// Why a line is rejected, and at which byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) reject: Reject,
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) address: Address,
    pub(crate) time: i64,
}

/// The longest time in brackets, in bytes.
const LONGEST_TIME: usize = 64;

/// A stretch of the text.
type Span = (usize, usize);

// === impl Line ===

impl Line {
    /// Reads the line from `start` to `end`.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn read(text: Text<'_>, (start, end): Span, times: &mut Times) -> Result<Self, Refusal> {
        let client = match find(text, b' ', start, end) {
            Some(space) if space > start => (start, space),
            _ => return Err(malformed(start, "expected a client address and a space behind it")),
        };
        let (bracket, close, time) = time(text, client.1, end, times)?;
        request(text, close + 1, end)?;
        let address = address(text, client, bracket)?;
        Ok(Self { address, time })
    }
}

/// The address of the client: the first field, or the second where the first is a virtual host.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn address(text: Text<'_>, client: Span, bracket: usize) -> Result<Address, Refusal> {
    let (start, end) = client;
    let plain = Address::read(text, start, end);
    // `- ` is what nearly all lines have for the identity, and then there is nothing to decide.
    if let (Some(address), b"- ") = (plain, text.slice(end + 1, end + 3)) {
        return Ok(address);
    }
    odd_address(text, client, bracket, plain)
}

#[cold]
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn odd_address(text: Text<'_>, client: Span, bracket: usize, plain: Option<Address>) -> Result<Address, Refusal> {
    let first = text.slice(client.0, client.1);
    if let [list @ .., b','] = first {
        // A list as `X-Forwarded-For` has it: the leftmost is the client.
        let leftmost = list.split(|byte| *byte == b',').find_map(Address::parse);
        return leftmost.ok_or(not_an_address(client.0));
    }
    let mut rest = text.slice(client.1 + 1, bracket).split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let second = rest.next().and_then(Address::parse);
    // Identity and user have to be there as well, or the second field is the identity.
    if let (Some(address), Some(_), Some(_)) = (second, rest.next(), rest.next()) {
        return Ok(address);
    }
    match plain {
        Some(address) => Ok(address),
        None if first == b"-" => {
            Err(Refusal { reject: Reject::FieldMissing, at: client.0, what: "the client field is `-`" })
        }
        None => Err(not_an_address(client.0)),
    }
}

/// Finds the time in brackets: where its opening and closing brackets are, and what it is.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn time(text: Text<'_>, from: usize, end: usize, times: &mut Times) -> Result<(usize, usize, i64), Refusal> {
    // ` - - [` with nobody logged in, and a time of the usual length.
    if text.slice(from, from + 6) == b" - - ["
        && from + 32 < end
        && text.byte(from + 32) == b']'
        && let Some(time) = times.clf(text, from + 6, from + 32)
    {
        return Ok((from + 5, from + 32, time));
    }
    odd_time(text, from, end, times)
}

#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn odd_time(text: Text<'_>, from: usize, end: usize, times: &mut Times) -> Result<(usize, usize, i64), Refusal> {
    let mut unreadable = None;
    let mut at = from;
    while let Some(bracket) = find(text, b'[', at, end) {
        at = bracket + 1;
        // No time is longer; an unbounded search would take a square of the time a line of brackets deserves.
        let Some(close) = find(text, b']', at, end.min(at + LONGEST_TIME)) else { continue };
        if text.byte(bracket - 1) != b' ' {
            continue;
        }
        let time = times.read(text, at, close);
        if time != NO_TIME {
            return checked(text, from, (bracket, close, time));
        }
        // A user may be called `[x]`, so the first brackets need not be those of the time.
        unreadable = unreadable.or(Some((bracket, close, NO_TIME)));
    }
    match unreadable {
        Some(found) => checked(text, from, found),
        None => Err(malformed(at, "expected a time in brackets, as in `[10/Oct/2000:13:55:36 -0700]`")),
    }
}

/// Client, identity and user precede the time.
fn checked(text: Text<'_>, from: usize, found: (usize, usize, i64)) -> Result<(usize, usize, i64), Refusal> {
    let fields = text.slice(from, found.0).split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    if fields.count() < 2 {
        return Err(malformed(from, "expected identity and user between the client and the time"));
    }
    Ok(found)
}

/// Checks what follows the time, as far as the line goes: the request in quotes, and the status.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn request(text: Text<'_>, from: usize, end: usize) -> Result<(), Refusal> {
    if from >= end {
        return Ok(());
    }
    if text.slice(from, end.min(from + 2)) != b" \"" {
        // A line cut off right behind the space is as good as one cut off before it.
        return if from + 1 == end && text.byte(from) == b' ' {
            Ok(())
        } else {
            Err(malformed(from, "expected the request in double quotes behind the time"))
        };
    }
    let mut at = from + 2;
    let mut stray = None;
    while let Some(quote) = find(text, b'"', at, end) {
        at = quote + 1;
        if is_escaped(text, from + 2, quote) {
            continue;
        }
        if status_follows(text, at, end) {
            return Ok(());
        }
        stray = Some(at);
    }
    // A line without any closing quote was cut off within the request.
    stray.map_or(Ok(()), |at| Err(malformed(at, "expected a status of three digits behind the request")))
}

#[inline]
fn is_escaped(text: Text<'_>, start: usize, quote: usize) -> bool {
    if text.byte(quote - 1) != b'\\' {
        return false;
    }
    text.slice(start, quote).iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Whether a status follows, or as much of one as the line has. It tells the quote that ends the request from one
/// within, since some servers write the request as it came.
#[inline]
fn status_follows(text: Text<'_>, at: usize, end: usize) -> bool {
    match text.slice(at, end.min(at + 5)) {
        [b' ', a, b, c, b' ' | b'\r'] | [b' ', a, b, c] => [a, b, c].iter().all(|digit| digit.is_ascii_digit()),
        [b' ', b'-', ..] | [b' ' | b'\r'] | [] => true,
        [b' ', cut @ ..] => cut.len() < 3 && cut.iter().all(|digit| digit.is_ascii_digit()),
        _ => false,
    }
}

/// The first `byte` from `at` on, before `end`.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn find(text: Text<'_>, byte: u8, mut at: usize, end: usize) -> Option<usize> {
    while at < end {
        let mask = text.sixteen(at).equal(byte).mask();
        if mask != 0 {
            let place = at + mask.trailing_zeros() as usize;
            return (place < end).then_some(place);
        }
        at += 16;
    }
    None
}

#[cold]
fn malformed(at: usize, what: &'static str) -> Refusal {
    Refusal { reject: Reject::Malformed, at, what }
}

#[cold]
fn not_an_address(at: usize) -> Refusal {
    Refusal { reject: Reject::NotAnAddress, at, what: "the client field holds no address" }
}
