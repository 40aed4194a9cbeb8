//! The section `[addresses]`: what counts as one.

use tallygate_index::{Granularity, Ipv6Policy};

use super::document::Value;
use super::key::{Effect, Key, Keys, Kind};
use super::section::Section;
use super::units::{self, COUNT_32, Read, Unit};

pub(super) const KEYS: Keys = Keys::table(
    "addresses",
    &[
        Key::new(
            "ipv6",
            &GRANULARITY,
            r#""full""#,
            Effect::Restart,
            r#"What counts as one IPv6 address: `"full"`, or a prefix: `"/64"`, `"/56"`, `"/48"`."#,
        ),
        Key::new(
            "max_per_64",
            &COUNT_32,
            "65536",
            Effect::Restart,
            r#"How many addresses of one /64 are counted at most; only with `"full"`. Further ones make `tallygate_saturated_prefixes` greater than 0."#,
        ),
    ],
);

const GRANULARITY: Unit<Granularity> = Unit { kind: Kind::Word(&["full", "/64", "/56", "/48"]), read: granularity };

pub(super) fn read(mut section: Section<'_>) -> Ipv6Policy {
    let policy = Ipv6Policy {
        granularity: section.take("ipv6", &GRANULARITY),
        cap_per_64: section.take("max_per_64", &COUNT_32),
    };
    section.finish();
    policy
}

fn granularity(value: &Value) -> Read<Granularity> {
    let text = if let Value::String(text) = value { text.as_str() } else { "" };
    match text {
        "full" => Ok(Granularity::Full),
        "/64" => Ok(Granularity::Prefix64),
        "/56" => Ok(Granularity::Prefix56),
        "/48" => Ok(Granularity::Prefix48),
        _ => Err(units::expected("one of \"full\", \"/64\", \"/56\", \"/48\"", value)),
    }
}
