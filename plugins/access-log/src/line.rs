//! The parts of a line: which bytes are its time, and which stand before ident and user. The grammar, with the
//! reason for each rule, is in `README.md`.

use tallygate_guest::{Address, NO_TIME, Reject, Says, Text, Times, Trusted, UNREAD_TIME, is_plausible};

use crate::front::{self, Front};

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

/// The time in brackets, and where what follows it begins.
struct Bracket {
    /// Where the opening bracket is.
    open: usize,
    behind: usize,
    time: i64,
    /// Whether the request that follows has no quotes.
    bare: bool,
}

// === impl Line ===

impl Line {
    /// Reads the line from `start` to `end`.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(crate) fn read(
        text: Text<'_>,
        (start, end): Span,
        trusted: &Trusted,
        times: &mut Times,
    ) -> Result<Self, Refusal> {
        if let Some(line) = usual(text, (start, end), trusted, times) {
            return line;
        }
        let start = front::begin(text.slice(start, end)) + start;
        let bracket = time(text, start, end, times)?;
        if !bracket.bare {
            request(text, bracket.behind, end)?;
        }
        let address = client(text, (start, bracket.open), trusted)?;
        let time = match second_reading(text, bracket.behind, end, times) {
            true => UNREAD_TIME,
            false => bracket.time,
        };
        Ok(Self { address, time })
    }
}

/// Reads what nearly all lines are: an address, ` - - [` with nobody logged in, a time of the usual length, a request.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn usual(text: Text<'_>, (start, end): Span, trusted: &Trusted, times: &mut Times) -> Option<Result<Line, Refusal>> {
    let space = find(text, b' ', start, end)?;
    let behind = space + 33;
    if text.slice(space, space + 6) != b" - - [" || behind + 2 > end || text.slice(behind - 1, behind + 2) != b"] \"" {
        return None;
    }
    let time = times.clf(text, space + 6, behind - 1).filter(|time| is_plausible(*time))?;
    if !trusted.is_empty() || second_reading(text, behind, end, times) {
        return None;
    }
    let address = Address::read(text, start, space)?;
    Some(request(text, behind, end).map(|()| Line { address, time }))
}

#[cold]
#[inline(never)]
fn client(text: Text<'_>, (start, end): Span, trusted: &Trusted) -> Result<Address, Refusal> {
    match Front::read(text.slice(start, end), trusted) {
        Front::Says(Says::Address(address) | Says::Trusted(address)) => Ok(address),
        Front::Says(Says::SomethingElse) => {
            Err(Refusal { reject: Reject::NotAnAddress, at: start, what: "the client field holds no address" })
        }
        Front::Says(Says::Nothing) => {
            Err(Refusal { reject: Reject::FieldMissing, at: start, what: "the client field is `-`" })
        }
        Front::TooFew => Err(malformed(start, "expected client, identity and user in front of the time")),
        Front::TwoReadings => Err(Refusal {
            reject: Reject::NotAnAddress,
            at: start,
            what: "what stands in front of the time can be read in two ways",
        }),
    }
}

/// Finds the last time in brackets before the request.
#[cold]
#[inline(never)]
fn time(text: Text<'_>, start: usize, end: usize, times: &mut Times) -> Result<Bracket, Refusal> {
    let mut at = start;
    while let Some(quote) = find(text, b'"', at, end) {
        at = quote + 1;
        if text.byte(quote.saturating_sub(1)) != b' ' || quote == start {
            continue;
        }
        if let Some(bracket) = before(text, start, quote - 1, times) {
            // The quote may stand behind a request that has none.
            let bare = is_bare_request(text.slice(bracket.behind, quote - 1));
            return Ok(Bracket { bare, ..bracket });
        }
    }
    bare(text, start, end, times)
}

/// Finds the time of a line whose request has no quotes or was cut off.
fn bare(text: Text<'_>, start: usize, end: usize, times: &mut Times) -> Result<Bracket, Refusal> {
    let expected = "expected a time in brackets, as in `[10/Oct/2000:13:55:36 -0700]`";
    let mut last = Err(malformed(start, expected));
    let mut at = start;
    while let Some(close) = find(text, b']', at, end) {
        at = close + 1;
        let Some(bracket) = before(text, start, at, times) else { continue };
        if is_bare_request(text.slice(at, end)) {
            return Ok(Bracket { bare: true, ..bracket });
        }
        last = Ok(bracket);
    }
    let bracket = last?;
    // What was cut off behind the time has a word there at most.
    match text.slice(bracket.behind, end).trim_ascii_end() {
        [] => Ok(bracket),
        [b' ', word @ ..] if !word.iter().any(|byte| b" []\"".contains(byte)) => Ok(bracket),
        _ => Err(malformed(bracket.behind, "expected a request behind the time")),
    }
}

/// Whether a request without quotes follows, with only words free of quotes and brackets before its method.
fn is_bare_request(rest: &[u8]) -> bool {
    let mut words = rest.split(|byte| *byte == b' ').skip(1).peekable();
    while let Some(word) = words.next() {
        if word.iter().any(|byte| b"[]\"".contains(byte)) {
            return false;
        }
        let method = (3..=20).contains(&word.len()) && word.iter().all(|byte| byte.is_ascii_uppercase());
        let target = words.peek().copied().unwrap_or_default();
        let known = matches!(target, [b'/', ..] | [b'h', b't', b't', b'p', ..] | [b'*']);
        if method && (known || word == b"CONNECT" && !target.is_empty()) {
            return true;
        }
    }
    false
}

/// The brackets with only words free of quotes and brackets between them and `end`.
fn before(text: Text<'_>, start: usize, end: usize, times: &mut Times) -> Option<Bracket> {
    let line = text.slice(start, end);
    let close = line.iter().rposition(|byte| b"[]\"".contains(byte)).filter(|at| line.get(*at) == Some(&b']'))?;
    if !matches!(line.get(close + 1), None | Some(b' ')) {
        return None;
    }
    let earliest = close.saturating_sub(LONGEST_TIME);
    let open = earliest + line.get(earliest..close)?.iter().rposition(|byte| *byte == b'[')?;
    if open == 0 || line.get(open - 1) != Some(&b' ') {
        return None;
    }
    let read = times.read(text, start + open + 1, start + close);
    let is_empty = matches!(line.get(open + 1..close)?.trim_ascii(), b"" | b"-");
    let time = match read {
        time if is_plausible(time) => time,
        _ if is_empty => NO_TIME,
        _ => UNREAD_TIME,
    };
    Some(Bracket { open: start + open, behind: start + close + 1, time, bare: false })
}

/// Whether a time that can be read stands in front of another request further on. Then one of the two is what a
/// client wrote, as a user or as an agent, and neither is believed; who the client is stands before both.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn second_reading(text: Text<'_>, from: usize, end: usize, times: &mut Times) -> bool {
    let mut at = from;
    while let Some(close) = find(text, b']', at, end) {
        at = close + 1;
        // Only a quote that follows at once: what stands between may be a word of the client as well.
        if text.slice(at, end.min(at + 2)) == b" \""
            && before(text, from, at, times).is_some_and(|bracket| is_plausible(bracket.time))
        {
            return true;
        }
    }
    false
}

/// Checks what follows the time, as far as the line goes: the request, and the status behind one in quotes.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn request(text: Text<'_>, from: usize, end: usize) -> Result<(), Refusal> {
    let Some(open) = find(text, b'"', from, end) else { return Ok(()) };
    let mut at = open + 1;
    let mut stray = None;
    while let Some(quote) = find(text, b'"', at, end) {
        at = quote + 1;
        if status_follows(text, at, end) {
            return Ok(());
        }
        // Not every server escapes: a quote behind a backslash may end the request all the same.
        if !is_escaped(text, open + 1, quote) {
            stray = Some(at);
        }
    }
    // A line without any closing quote was cut off within the request.
    stray.map_or(Ok(()), |at| Err(malformed(at, "expected a status behind the request")))
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
        [b' ', a, b, c, b' ' | b'\r'] | [b' ', a, b, c] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => true,
        [b' ', b'-' | b'0', b' ' | b'\r', ..] | [b' ', b'-' | b'0'] => true,
        [b' ' | b'\r'] | [] => true,
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
