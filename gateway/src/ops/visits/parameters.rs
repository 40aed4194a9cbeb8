//! What a question's URL asks.

use std::borrow::Cow;

use axum::http::Uri;

use crate::query::{MOST_NETWORKS, Problem, shown};

/// The values of parameters, in the order of their names.
///
/// # Errors
/// If another parameter is there, or one of them twice: a name that was mistyped must not change what is answered.
pub(super) fn parameters<'a, const N: usize>(
    uri: &'a Uri,
    names: [&'static str; N],
) -> Result<[Option<Cow<'a, str>>; N], Problem> {
    let mut values = [const { None }; N];
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(at) = names.iter().position(|known| *known == name) else {
            let names = names.join(", ");
            return Err(Problem::Query(format!("there is no parameter {}: there are {names}", shown(name.as_bytes()))));
        };
        let decoded = decode(value);
        let decoded = decoded.ok_or_else(|| Problem::Query(format!("{name} is not percent-encoded text")))?;
        if values[at].replace(decoded).is_some() {
            return Err(Problem::Query(format!("{name} is there twice")));
        }
    }
    Ok(values)
}

/// A number of leading bits.
pub(super) fn prefix(which: &'static str, text: Option<&str>, (default, most): (u8, u8)) -> Result<u8, Problem> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| Problem::Prefix { which, found: shown(text.as_bytes()), most })
}

/// How many networks to tell.
pub(super) fn limit(text: Option<&str>, default: usize) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=MOST_NETWORKS).contains(number));
    number.ok_or_else(|| Problem::Limit { found: shown(text.as_bytes()), most: MOST_NETWORKS })
}

/// Undoes percent-encoding. A plus stays one: no value here has spaces, and instants have a plus.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    let Some(first) = text.find('%') else { return Some(Cow::Borrowed(text)) };
    let mut bytes = text.as_bytes()[..first].to_vec();
    let mut rest = &text.as_bytes()[first..];
    while let Some((byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push((digit(high)? << 4 | digit(low)?) as u8);
                rest = after;
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        for (text, decoded) in [
            ("2001:db8::1", Some("2001:db8::1")),
            ("2001%3Adb8%3a%3A1", Some("2001:db8::1")),
            ("05:00:00+01:00", Some("05:00:00+01:00")),
            ("05:00:00%2B01:00", Some("05:00:00+01:00")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let read = |uri: &str| {
            let uri: Uri = uri.parse().expect("a URI");
            let [from, to] = parameters(&uri, ["from", "to"]).map_err(|problem| problem.to_string())?;
            Ok::<_, String>((from.map(Cow::into_owned), to.map(Cow::into_owned)))
        };
        assert_eq!(read("/"), Ok((None, None)));
        assert_eq!(read("/?to=1&&from=%31"), Ok((Some("1".to_owned()), Some("1".to_owned()))));
        assert_eq!(read("/?form=1"), Err("there is no parameter \"form\": there are from, to".to_owned()));
        assert_eq!(read("/?to=1&to=2"), Err("to is there twice".to_owned()));
        assert_eq!(read("/?to=%GG"), Err("to is not percent-encoded text".to_owned()));
    }
}
