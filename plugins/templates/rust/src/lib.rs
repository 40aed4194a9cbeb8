//! Reads lines of `TIME ADDRESS anything`. Change `extract` to read yours.

use tallygate_sdk::{Address, Reject, Visit, fields, time};

/// Who came, and when, out of one record.
fn extract(record: &[u8]) -> Result<Visit, Reject> {
    let mut words = fields::words(record);
    let (Some(when), Some(who)) = (words.next(), words.next()) else {
        return Err(Reject::malformed("a line is TIME ADDRESS and what happened: there is no second word"));
    };
    let visit = if who == b"-" {
        Visit::of_nobody("the second word is `-`: no client")
    } else {
        Visit::of(Address::parse(who).ok_or(Reject::not_an_address("the second word is no address"))?)
    };
    // A line with `-` does not say when; of one with anything else that is no time, the gateway counts that.
    Ok(if when == b"-" { visit } else { visit.at(time::rfc3339(when)) })
}

tallygate_sdk::plugin!(extract);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let client = Visit::of(Address::V4(0x01_02_03_04));
        assert_eq!(extract(b"1970-01-01 1.2.3.4"), Ok(client.at(None)));
        assert_eq!(extract(b"2026-11-20T05:00:00Z 1.2.3.4 x"), Ok(client.at(Some(1_795_150_800_000_000_000))));
        assert_eq!(extract(b"- 1.2.3.4"), Ok(client));
        assert_eq!(extract(b"- -").map(|visit| visit.address), Ok(None));
        assert_eq!(extract(b"- nowhere").map_err(Reject::code), Err(18));
        assert_eq!(extract(b"-").map_err(Reject::code), Err(16));
    }
}
