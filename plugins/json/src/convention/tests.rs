use super::*;

/// In the record itself, what needs no owner elsewhere is the client's and the event's.
#[test]
fn names_in_the_record_itself() {
    for (name, expect) in [
        ("IP", Some(Class::Client)),
        ("IPAddress", Some(Class::Client)),
        ("Time", Some(Class::Time)),
        ("TS", Some(Class::Time)),
        ("address", None),
        ("data.ip", None),
        ("data.time", None),
        ("host.ip", None),
    ] {
        assert_eq!(class(Context::Record, name.as_bytes()), expect, "{name}");
        assert!(expect.is_none() || Filter::new().admits(name.as_bytes()), "{name}");
    }
    assert_eq!(class(Context::Plain, b"IP"), None);
    assert_eq!(class(Context::Plain, b"Time"), None);
}

#[test]
fn names() {
    for (class_of, names) in [
        (
            Some(Class::Client),
            &[
                "clientIp",
                "CLIENT_IP",
                "Client-Address",
                "user_ip",
                "callerIp",
                "request.ip",
                "req.ip",
                "client.address",
                "visitor.ip",
                "httpRequest.clientIp",
                "requestContext.identity.clientIp",
                "requestContext.ip",
                "attributes.client.address",
                "network.client.ip",
                "clientAddr.ip",
                "ClientAddr",
                "user.ip_address",
                "clientHost",
                "c_ip",
                "realIp",
                "requestIp",
                "client.ips",
            ][..],
        ),
        (
            Some(Class::Peer),
            &[
                "sourceIp",
                "sourceIPs",
                "source.address",
                "request.sourceIp",
                "request.remote_addr",
                "origin.address",
                "origin.ip",
                "originAddress",
                "peerAddress",
                "peer.addr",
                "src.ip",
                "requestContext.identity.sourceIp",
                "connection.remoteAddress",
                "remote.ip",
                "RemoteHost",
            ],
        ),
        (
            Some(Class::Forwarded),
            &[
                "xForwardedFor",
                "X_FORWARDED_FOR",
                "http-x-real-ip",
                "True-Client-IP",
                "cf_connecting_ip",
                "request.x_forwarded_for",
            ],
        ),
        (
            Some(Class::Time),
            &[
                "requestTime",
                "Datetime",
                "EdgeEndTimestamp",
                "requestReceivedTimestamp",
                "event_time",
                "Timestamp",
                "requestContext.requestTime",
                "requestContext.requestTimeEpoch",
                "created_at",
            ],
        ),
        (
            None,
            &[
                "serverIp",
                "server.ip",
                "destination.ip",
                "destinationIp",
                "dst_ip",
                "host.ip",
                "hostIp",
                "targetAddress",
                "localAddress",
                "local_ip",
                "upstream_addr",
                "upstream.remote_addr",
                "OriginIP",
                "origin_ip",
                "backendIp",
                "listenerIp",
                "zip",
                "recipient_ip",
                "ship",
                "address",
                "addr",
                "data.ip",
                "client.nat.ip",
                "source.geo.ip",
                "client.server.ip",
                "proxy.client.ip",
                "clients_ip_count",
                "clientIpVersion",
                "clientPort",
                "source",
                "user",
                "user.name",
                "email_address",
                "mac_address",
                "request_time",
                "request-time",
                "upstream_response_time",
                "response_time",
                "expiry_timestamp",
                "user.created_at",
                "",
                ".",
                "..",
                "client.",
                ".ip",
                "request..ip",
                "client/ip",
            ],
        ),
    ] {
        for name in names {
            assert_eq!(class(Context::Plain, name.as_bytes()), class_of, "{name}");
            // Nested or with a dot in the key makes no difference.
            let mut at = Context::Plain;
            let parts: Vec<&str> = name.split('.').collect();
            let (last, before) = parts.split_last().expect("a split has a part");
            for part in before {
                at = context(at, part.as_bytes());
            }
            assert_eq!(class(at, last.as_bytes()), class_of, "{name}, nested");
        }
    }
}
