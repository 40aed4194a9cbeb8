//! Taking a line apart into its fields. Nothing here copies, but for what [`unescape`] has to.
//!
//! A line that breaks off within quotes has a field up to its end: what a shipper cut is read as far as it goes.

use alloc::{borrow::Cow, vec::Vec};

/// The fields between single bytes, empty ones included.
///
/// ```
/// let fields: Vec<_> = tallygate_sdk::fields::by(b"a;;c", b';').collect();
/// assert_eq!(fields, [&b"a"[..], b"", b"c"]);
/// ```
pub fn by(line: &[u8], separator: u8) -> impl DoubleEndedIterator<Item = &[u8]> {
    line.split(move |byte| *byte == separator)
}

/// What stands between spaces and tabs, however many.
///
/// ```
/// let words: Vec<_> = tallygate_sdk::fields::words(b"  a \t b\r").collect();
/// assert_eq!(words, [&b"a"[..], b"b"]);
/// ```
pub fn words(line: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Fields separated by white space, where one in double quotes, or in square brackets, may hold white space itself; as
/// in access logs. The marks are taken off. Within quotes, a backslash takes the meaning of the byte behind it:
/// [`unescape`] resolves that.
///
/// ```
/// let line = br#"1.2.3.4 - [20/Nov/2026:05:00:00 +0000] "GET /\"x\" HTTP/1.1" 200"#;
/// let fields: Vec<_> = tallygate_sdk::fields::quoted(line).collect();
/// assert_eq!(fields[2], b"20/Nov/2026:05:00:00 +0000");
/// assert_eq!(fields[3], br#"GET /\"x\" HTTP/1.1"#);
/// assert_eq!(fields[4], b"200");
/// ```
#[must_use]
pub fn quoted(line: &[u8]) -> Quoted<'_> {
    Quoted { rest: line }
}

/// The fields that [`quoted`] finds.
#[derive(Clone, Debug)]
pub struct Quoted<'a> {
    rest: &'a [u8],
}

/// The fields of a line of comma-separated values (RFC 4180), or of ones separated by another byte. The quotes around a
/// field are taken off; two quotes within stand for one: [`undouble`] resolves that.
///
/// ```
/// let fields: Vec<_> = tallygate_sdk::fields::csv(br#"a,"b, ""c""",,d"#, b',').collect();
/// assert_eq!(fields, [&b"a"[..], br#"b, ""c"""#, b"", b"d"]);
/// ```
#[must_use]
pub fn csv(line: &[u8], separator: u8) -> Csv<'_> {
    Csv { rest: Some(line.strip_suffix(b"\r").unwrap_or(line)), separator }
}

/// The fields that [`csv`] finds.
#[derive(Clone, Debug)]
pub struct Csv<'a> {
    /// `None` behind the last field.
    rest: Option<&'a [u8]>,
    separator: u8,
}

/// The pairs of a line like `level=info msg="it works" user= debug`, separated by white space: names and values. The
/// quotes around a value are taken off, and what is escaped within stays so until [`unescape`]. A word without `=` has an
/// empty value.
///
/// ```
/// let pairs: Vec<_> = tallygate_sdk::fields::pairs(br#"ip=1.2.3.4 msg="a b" debug"#).collect();
/// assert_eq!(pairs, [(&b"ip"[..], &b"1.2.3.4"[..]), (b"msg", b"a b"), (b"debug", b"")]);
/// ```
#[must_use]
pub fn pairs(line: &[u8]) -> Pairs<'_> {
    Pairs { rest: line }
}

/// The pairs that [`pairs`] finds.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

/// The value of the first pair of that name; see [`pairs`].
///
/// ```
/// assert_eq!(tallygate_sdk::fields::value(b"a=1 ip=1.2.3.4", b"ip"), Some(&b"1.2.3.4"[..]));
/// ```
#[must_use]
pub fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pairs(line).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// What a field with backslashes stands for: `\"` for `"`, `\\` for `\`, `\n`, `\r` and `\t` for these, `\x41` for the
/// byte of that number. A backslash before anything else stays. Copies only if there is a backslash.
///
/// ```
/// assert_eq!(&*tallygate_sdk::fields::unescape(br#"a\"b\x41\q"#), br#"a"bA\q"#);
/// ```
#[must_use]
pub fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    loop {
        let (byte, after) = match rest {
            [] => return Cow::Owned(bytes),
            [b'\\', b'n', after @ ..] => (b'\n', after),
            [b'\\', b'r', after @ ..] => (b'\r', after),
            [b'\\', b't', after @ ..] => (b'\t', after),
            [b'\\', byte @ (b'"' | b'\\' | b'\''), after @ ..] => (*byte, after),
            [b'\\', b'x' | b'X', a, b, after @ ..] if let (Some(a), Some(b)) = (digit(*a), digit(*b)) => {
                (a << 4 | b, after)
            }
            [byte, after @ ..] => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
}

/// What a field of [`csv`] stands for: `""` for `"`. Copies only if there is a quote.
///
/// ```
/// assert_eq!(&*tallygate_sdk::fields::undouble(br#"b, ""c"""#), br#"b, "c""#);
/// ```
#[must_use]
pub fn undouble(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'"') {
        return Cow::Borrowed(field);
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [byte, after @ ..] = rest {
        bytes.push(*byte);
        rest = if *byte == b'"' { after.strip_prefix(b"\"").unwrap_or(after) } else { after };
    }
    Cow::Owned(bytes)
}

/// The bytes before the first place that `ends` accepts, and those from there on.
fn split(bytes: &[u8], ends: impl FnMut(&u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(ends).unwrap_or(bytes.len());
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// What is between quotes, of which the first is before `inner`, and what is behind the last.
fn within_quotes(inner: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let (field, rest) = split(inner, |byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    (field, rest.get(1..).unwrap_or_default())
}

// === impl Quoted ===

impl<'a> Iterator for Quoted<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (field, rest) = match self.rest.trim_ascii_start() {
            [] => return None,
            [b'"', inner @ ..] => within_quotes(inner),
            [b'[', inner @ ..] => {
                let (field, rest) = split(inner, |byte| *byte == b']');
                (field, rest.get(1..).unwrap_or_default())
            }
            field => split(field, u8::is_ascii_whitespace),
        };
        self.rest = rest;
        Some(field)
    }
}

// === impl Csv ===

impl<'a> Iterator for Csv<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (field, behind) = match rest {
            [b'"', inner @ ..] => {
                let mut at = 0;
                loop {
                    let (_, after) = split(inner.get(at..).unwrap_or_default(), |byte| *byte == b'"');
                    at = inner.len() - after.len();
                    if !after.starts_with(b"\"\"") {
                        break;
                    }
                    at += 2;
                }
                let (field, after) = inner.split_at_checked(at).unwrap_or((inner, &[]));
                // What stands between the quotes and the next separator belongs to nothing.
                (field, split(after, |byte| *byte == self.separator).1)
            }
            _ => split(rest, |byte| *byte == self.separator),
        };
        self.rest = behind.get(1..);
        Some(field)
    }
}

// === impl Pairs ===

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let (name, rest) = split(rest, |byte| *byte == b'=' || byte.is_ascii_whitespace());
        let (value, rest) = match rest {
            [b'=', b'"', inner @ ..] => within_quotes(inner),
            [b'=', value @ ..] => split(value, u8::is_ascii_whitespace),
            _ => (&b""[..], rest),
        };
        self.rest = rest;
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::string::String;

    use super::*;

    #[test]
    fn fields_that_break_off() {
        let all = |line: &'static [u8]| quoted(line).collect::<Vec<_>>();
        assert_eq!(all(br#"a "b c"#), [&b"a"[..], b"b c"]);
        assert_eq!(all(br#"a "b\""#), [&b"a"[..], br#"b\""#]);
        assert_eq!(all(b"[a b"), [&b"a b"[..]]);
        assert_eq!(all(br#""a"b "" c"#), [&b"a"[..], b"b", b"", b"c"]);
        assert_eq!(csv(br#""a"#, b',').collect::<Vec<_>>(), [&b"a"[..]]);
        assert_eq!(csv(br#""a"x,b"#, b',').collect::<Vec<_>>(), [&b"a"[..], b"b"]);
        assert_eq!(csv(b"a,", b',').collect::<Vec<_>>(), [&b"a"[..], b""]);
        assert_eq!(csv(b"", b',').collect::<Vec<_>>(), [&b""[..]]);
        assert_eq!(pairs(br#"=x a="b"#).collect::<Vec<_>>(), [(&b""[..], &b"x"[..]), (b"a", b"b")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

        #[test]
        fn csv_reads_what_is_written(fields in prop::collection::vec("[a\",; é]{0,6}", 1..6)) {
            let line: Vec<String> =
                fields.iter().map(|field| std::format!("\"{}\"", field.replace('"', "\"\""))).collect();
            let line = line.join(",");
            let read: Vec<_> = csv(line.as_bytes(), b',').map(|field| undouble(field).into_owned()).collect();
            let expect: Vec<_> = fields.iter().map(|field| field.as_bytes().to_vec()).collect();
            prop_assert_eq!(read, expect);
        }

        #[test]
        fn quotes_and_pairs_read_what_is_written(values in prop::collection::vec("[a\"\\\\= é\n]{0,6}", 1..6)) {
            let quote = |value: &String| std::format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
            let line = values.iter().map(quote).collect::<Vec<_>>().join(" ");
            let expect: Vec<_> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
            let read: Vec<_> = quoted(line.as_bytes()).map(|field| unescape(field).into_owned()).collect();
            prop_assert_eq!(&read, &expect);
            let line = values.iter().map(|value| std::format!("k={}", quote(value))).collect::<Vec<_>>().join(" ");
            let read: Vec<_> = pairs(line.as_bytes()).map(|(_, value)| unescape(value).into_owned()).collect();
            prop_assert_eq!(read, expect);
        }

        /// Every iterator ends, and hands out no more bytes than there are.
        #[test]
        fn any_bytes(line in prop::collection::vec(prop_oneof![prop::sample::select(b"\"\\[]=, x".to_vec()), any::<u8>()], 0..80)) {
            let sums = [
                by(&line, b',').map(<[u8]>::len).sum::<usize>(),
                words(&line).map(<[u8]>::len).sum(),
                quoted(&line).map(<[u8]>::len).sum(),
                csv(&line, b',').map(<[u8]>::len).sum(),
                pairs(&line).map(|(name, value)| name.len() + value.len()).sum(),
                unescape(&line).len(),
                undouble(&line).len(),
            ];
            prop_assert!(sums.iter().all(|sum| *sum <= line.len()), "{:?}", sums);
        }
    }
}
