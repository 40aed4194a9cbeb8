//! What syslog puts in front of a line.
//!
//! The host in it may be an address, which must never be taken for the client's. So the prefix is read whole, or the
//! line is no line of an access log.

/// How many bytes of `line` are a prefix as RFC 3164 or RFC 5424 describe it; none if there is no whole prefix.
pub(crate) fn prefix(line: &[u8]) -> usize {
    behind(line).map_or(0, |rest| line.len() - rest.len())
}

fn behind(line: &[u8]) -> Option<&[u8]> {
    let (has_priority, line) = match priority(line) {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    if has_priority && let Some(rest) = line.strip_prefix(b"1 ") {
        return structured(rest);
    }
    let rest = match timestamp(line) {
        Some(rest) => rest,
        None => bsd_date(line)?,
    };
    let (first, rest) = word(rest)?;
    if is_tag(first) {
        return Some(rest);
    }
    let (tag, rest) = word(rest)?;
    is_tag(tag).then_some(rest)
}

/// `<134>`.
fn priority(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"<")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest.get(digits..)?.strip_prefix(b">").filter(|_| (1..=3).contains(&digits))
}

/// `2026-11-20T05:00:00.123Z host app pid id -`, behind the version.
fn structured(line: &[u8]) -> Option<&[u8]> {
    let mut rest = match line.strip_prefix(b"- ") {
        Some(rest) => rest,
        None => timestamp(line)?,
    };
    for _ in 0..4 {
        rest = word(rest)?.1;
    }
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => elements(rest)?,
    };
    let message = rest.strip_prefix(b" ")?;
    Some(message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message))
}

/// `[origin ip="192.0.2.1"][meta sequenceId="1"]`, RFC 5424 section 6.3.
fn elements(mut rest: &[u8]) -> Option<&[u8]> {
    while let [b'[', inner @ ..] = rest {
        let (mut quoted, mut escaped) = (false, false);
        let end = inner.iter().position(|byte| {
            let ends = *byte == b']' && !quoted;
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        rest = inner.get(end + 1..)?;
    }
    Some(rest)
}

/// A date and time as RFC 3339 has it, and the space behind it.
fn timestamp(line: &[u8]) -> Option<&[u8]> {
    let (time, rest) = word(line)?;
    has_form(time.get(..19)?, b"0000-00-00T00:00:00").then_some(rest)
}

/// `Nov 20 05:00:00 ` and `Nov  2 05:00:00 `.
fn bsd_date(line: &[u8]) -> Option<&[u8]> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (date, rest) = line.split_at_checked(16)?;
    let month = date.get(..3)?;
    let day = date.get(3..)?;
    let known = MONTHS.as_chunks::<3>().0.iter().any(|name| name == month);
    (known && (has_form(day, b" 00 00:00:00 ") || has_form(day, b"  0 00:00:00 "))).then_some(rest)
}

/// Whether there is a digit wherever the form has a zero, and the form's own byte elsewhere.
fn has_form(bytes: &[u8], form: &[u8]) -> bool {
    bytes.len() == form.len()
        && bytes.iter().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        })
}

fn is_tag(word: &[u8]) -> bool {
    word.len() > 1 && word.last() == Some(&b':')
}

/// The bytes before the first space, and those behind it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (word, rest) = line.split_at_checked(space)?;
    Some((word, rest.get(1..)?)).filter(|_| !word.is_empty())
}
