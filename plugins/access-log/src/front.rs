//! What stands in front of the time: the client, then ident and user.

use tallygate_guest::{Address, Says, Trusted};

/// What the fields in front of the time say.
pub(crate) enum Front {
    Says(Says),
    /// Not even an ident.
    TooFew,
    TwoReadings,
}

/// Where the line itself begins, behind a byte order mark and what syslog puts in front.
#[cold]
#[inline(never)]
pub(crate) fn begin(line: &[u8]) -> usize {
    let bare = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let rest = syslog(bare).unwrap_or(bare);
    line.len() - rest.len()
}

/// What follows the header of syslog, of RFC 3164 or RFC 5424, if there is one.
fn syslog(line: &[u8]) -> Option<&[u8]> {
    let (rest, has_priority) = match line {
        [b'<', rest @ ..] => {
            let close = rest.iter().position(|byte| *byte == b'>').filter(|at| (1..=3).contains(at))?;
            let (digits, rest) = rest.split_at_checked(close)?;
            (digits.iter().all(u8::is_ascii_digit).then(|| rest.get(1..))??, true)
        }
        _ => (line, false),
    };
    if let (Some(rest), true) = (rest.strip_prefix(b"1 "), has_priority) {
        // TIMESTAMP HOST APP PROCID MSGID, then the structured data: only its absence is read.
        let mut rest = stamp(rest).map(|(_, rest)| rest).or_else(|| rest.strip_prefix(b"- "))?;
        for _ in 0..4 {
            rest = word(rest)?.1;
        }
        return rest.strip_prefix(b"- ");
    }
    let (_, rest) = classic(rest).or_else(|| stamp(rest))?;
    let (first, rest) = word(rest)?;
    // `nginx:`, `nginx[123]:`; some senders leave out the host in front of it.
    if first.ends_with(b":") {
        return Some(rest);
    }
    let (tag, rest) = word(rest)?;
    tag.ends_with(b":").then_some(rest)
}

/// `Nov 20 05:00:00 `
fn classic(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (stamp, rest) = line.split_at_checked(16)?;
    match stamp {
        [a, b, c, b' ', d, e, b' ', f, g, b':', h, i, b':', j, k, b' ']
            if [a, b, c].iter().all(|byte| byte.is_ascii_alphabetic())
                && (*d == b' ' || d.is_ascii_digit())
                && [e, f, g, h, i, j, k].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            Some((stamp, rest))
        }
        _ => None,
    }
}

/// `2026-11-20T05:00:00.1+00:00 `
fn stamp(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (stamp, rest) = word(line)?;
    let date = matches!(stamp, [a, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] if a.is_ascii_digit());
    date.then_some((stamp, rest))
}

/// The first word, and what follows the space behind it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = line.iter().position(|byte| *byte == b' ').filter(|at| *at > 0)?;
    let (word, rest) = line.split_at_checked(space)?;
    Some((word, rest.get(1..)?))
}

// === impl Front ===

impl Front {
    /// Reads the bytes in front of the time.
    pub(crate) fn read(front: &[u8], trusted: &Trusted) -> Self {
        let Some((first, rest)) = word(front) else { return Self::TooFew };
        if rest.trim_ascii().is_empty() {
            return Self::TooFew;
        }
        if first.contains(&b',') {
            // A list begins the line.
            return match ident(front) {
                Some(list) => Self::Says(trusted.client(list)),
                None => Self::TwoReadings,
            };
        }
        if let [b'-', b' ', ..] | [b'-'] = rest {
            // The ident: what follows is the user, whatever it looks like.
            return Self::Says(trusted.client(first));
        }
        match ident(rest) {
            // Nothing but ident and user: `frank - `.
            Some(second) if second.len() + 3 >= rest.len() => Self::Says(trusted.client(first)),
            Some(second) => Self::behind(first, second, trusted),
            None => Self::named(first, rest, trusted),
        }
    }

    /// A host or an address, then the client or a list of hops, then ident and user.
    fn behind(first: &[u8], second: &[u8], trusted: &Trusted) -> Self {
        let list = match second {
            [b'(', inner @ .., b')'] => inner,
            _ => second,
        };
        let says = trusted.client(list);
        let nearer = if trusted.is_empty() || is_host(first) { Says::Nothing } else { trusted.client(first) };
        match says {
            Says::Nothing => Self::Says(trusted.client(first)),
            Says::SomethingElse if matches!(nearer, Says::Address(_)) => Self::Says(nearer),
            Says::SomethingElse if Address::parse(first).is_some() => Self::TwoReadings,
            says => Self::Says(Trusted::join(says, nearer)),
        }
    }

    /// An ident that is not `-`: then the user must be one word, or a name in front of it could be anything.
    fn named(first: &[u8], rest: &[u8], trusted: &Trusted) -> Self {
        let words = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let tagged = word(rest).is_some_and(|(ident, _)| ident.ends_with(b":"));
        match trusted.client(first) {
            says @ (Says::Nothing | Says::SomethingElse) => Self::Says(says),
            _ if tagged || words.count() > 2 => Self::TwoReadings,
            says => Self::Says(says),
        }
    }
}

/// Whether a field is no hop: a name, `-`, or an address with a port, which is where a server listens.
fn is_host(field: &[u8]) -> bool {
    Address::parse(field).is_none() || field.starts_with(b"[") || field.contains(&b'.') && field.contains(&b':')
}

/// What stands in front of an ident of `-`.
fn ident(fields: &[u8]) -> Option<&[u8]> {
    let at = fields.windows(3).position(|window| window == b" - ")?;
    fields.get(..at)
}
