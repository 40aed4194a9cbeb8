//! Fields found by convention, and the hops that are trusted.

use super::*;

#[test]
fn fields_found_by_convention() {
    for (record, expect) in [
        (r#"{"ts":1,"request":{"remote_addr":"[2001:db8::7]:50123"}}"#, Ok("2001:db8::7")),
        (r#"{"attributes":{"source.address":"1.2.3.4","server.address":"9.9.9.9"}}"#, Ok("1.2.3.4")),
        (r#"{"attributes":{"client":{"address":"1.2.3.4"},"server":{"address":"9.9.9.9"}}}"#, Ok("1.2.3.4")),
        (r#"{"httpRequest":{"serverIp":"9.9.9.9","clientIp":"1.2.3.4"}}"#, Ok("1.2.3.4")),
        (r#"{"sourceIp":"1.2.3.4","destinationIp":"9.9.9.9"}"#, Ok("1.2.3.4")),
        (r#"{"sourceIPs":["1.2.3.4","10.0.0.1"],"verb":"get"}"#, Ok("1.2.3.4")),
        (r#"{"sourceIPs":[],"verb":"get"}"#, NOBODY),
        (r#"{"request":{"sourceIp":"1.2.3.4"}}"#, Ok("1.2.3.4")),
        (r#"{"origin.address":"1.2.3.4:41042","origin.type":"rest"}"#, Ok("1.2.3.4")),
        (r#"{"origin":{"address":"[::1]:41042"}}"#, Ok("::1")),
        // Whose address it is counts more than where it stands; the first of a kind that holds one counts.
        (r#"{"sourceIp":"10.0.0.1","request":{"clientAddr":"1.2.3.4"}}"#, Ok("1.2.3.4")),
        (r#"{"userIp":null,"visitorIp":"me","callerIp":"1.2.3.4","viewerIp":"9.9.9.9"}"#, Ok("1.2.3.4")),
        (r#"{"clientAddr":"1.2.3.4","viewer":{"ip":"9.9.9.9"},"userIp":null}"#, Ok("1.2.3.4")),
        (r#"{"X_Real_IP":"9.9.9.9","peerAddress":"1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"peer\u0041ddress":"1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":"\u0031.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":{"x":1}}"#, Err(18)),
        (r#"{"server":{"client":{"ip":"9.9.9.9"}},"upstream.remote_addr":"9.9.9.9","OriginIP":"9.9.9.9"}"#, NOBODY),
        (r#"{"request":{"headers":{"X-Forwarded-For":["9.9.9.9"]}}}"#, NOBODY),
        (r#"{"visitor":{"server":{"ip":"9.9.9.9"}},"source":[{"ip":"9.9.9.9"}]}"#, NOBODY),
    ] {
        check(&[], record, expect);
        // Named fields are exactly those.
        if expect.is_ok() && expect != NOBODY {
            check(&[("fields", "a.b,<client>")], record, NOBODY);
        }
    }
    const TIME: i64 = 1_795_150_800_000_000_000;
    for (fields, expect) in [
        (r#""requestTime":"20/Nov/2026:05:00:00 +0000""#, TIME),
        (r#""Datetime":"2026-11-20T05:00:00Z""#, TIME),
        (r#""EdgeEndTimestamp":1795150800000000000"#, TIME),
        (r#""requestReceivedTimestamp":"2026-11-20T05:00:00Z","stageTimestamp":"2026-11-20T05:00:01Z""#, TIME),
        (r#""requestTime":0.2,"responseTimestamp":"2026-11-20T05:00:00Z""#, TIME),
        (r#""requestTime":null,"responseTimestamp":"2026-11-20T05:00:00Z""#, TIME),
        (r#""requestContext":{"requestTimeEpoch":1795150800000}"#, TIME),
        (r#""requestTime":"1/1","time":"2026-11-20T05:00:00Z""#, TIME),
        (r#""requestTime":"1/1""#, UNREAD_TIME),
        (r#""request_time":0.2"#, NO_TIME),
    ] {
        check_time(&[], &format!(r#"{{"ip":"1.2.3.4",{fields}}}"#), expect);
        check_time(&[], &format!(r#"{{{fields},"ip":"1.2.3.4"}}"#), expect);
        check_time(&[("time", "a")], &format!(r#"{{{fields},"ip":"1.2.3.4"}}"#), NO_TIME);
    }
    let explain = |record: &str| json(&[]).explain(record.as_bytes(), RECEIVED);
    assert_eq!(
        explain(r#"{"sourceIPs":["1.2.3.4"],"requestTime" : "20/Nov/2026:05:00:00 +0000"}"#).as_deref(),
        Ok("client 1.2.3.4 from `sourceIPs`; event time 2026-11-20T05:00:00Z from `requestTime`")
    );
}

#[test]
fn the_rightmost_hop_that_is_not_trusted() {
    let settings = [("trusted", "10.0.0.0/8, ::1")];
    for (record, expect) in [
        (r#"{"ip":"1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"ip":"10.0.0.1"}"#, Ok("10.0.0.1")),
        (r#"{"xff":"9.9.9.9, 1.2.3.4, 10.0.0.1"}"#, Ok("1.2.3.4")),
        (r#"{"xff":"9.9.9.9, 1.2.3.4 , ::1"}"#, Ok("1.2.3.4")),
        (r#"{"xff":"10.0.0.7, 10.0.0.1"}"#, Ok("10.0.0.7")),
        (r#"{"xff":"9.9.9.9, unknown, 10.0.0.1"}"#, Err(18)),
        (r#"{"xff":["9.9.9.9","1.2.3.4","10.0.0.1"]}"#, Ok("1.2.3.4")),
        (r#"{"xff":["10.0.0.7","10.0.0.1"]}"#, Ok("10.0.0.7")),
        (r#"{"xff":["9.9.9.9","unknown","10.0.0.1"]}"#, Err(18)),
        (r#"{"xff":["9.9.9.9, 1.2.3.4","10.0.0.1, 10.0.0.2"]}"#, Ok("1.2.3.4")),
        (r#"{"sourceIPs":["9.9.9.9","1.2.3.4","10.0.0.1"]}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":"1.2.3.4","sourceIPs":["9.9.9.9","8.8.8.8"]}"#, Ok("1.2.3.4")),
        (r#"{"peerAddress":"10.0.0.1","sourceIPs":["9.9.9.9","1.2.3.4"]}"#, Ok("1.2.3.4")),
        // A field whose hops are all trusted gives way to the next one that has another.
        (r#"{"remote_addr":"10.0.0.1","x_forwarded_for":"9.9.9.9, 1.2.3.4"}"#, Ok("1.2.3.4")),
        (r#"{"remote_addr":"1.2.3.4","x_forwarded_for":"9.9.9.9, 8.8.8.8"}"#, Ok("1.2.3.4")),
        (r#"{"remote_addr":"10.0.0.1","x_forwarded_for":"10.0.0.3, 10.0.0.2"}"#, Ok("10.0.0.1")),
        (r#"{"remote_addr":"10.0.0.1","x_forwarded_for":"-"}"#, Ok("10.0.0.1")),
    ] {
        check(&settings, record, expect);
    }
    let explained = json(&settings).explain(br#"{"remote_addr":"10.0.0.1","xff":"9.9.9.9, 1.2.3.4"}"#, RECEIVED);
    assert_eq!(
        explained.as_deref(),
        Ok(
            "client 1.2.3.4 from `xff`; no event time: the record has none of `timestamp`, `@timestamp`, `time`, `ts`, `eventTime`, `datetime`, `date`, `start_time`, `StartUTC`, `EdgeStartTimestamp`, `time_iso8601`, `time_local`, `msec`, `t.$date`"
        )
    );
}
