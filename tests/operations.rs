//! The operations port: health, metrics, and the page that says what is there.

use std::collections::HashSet;
use std::thread;

use crate::harness::{Connection, Gateway, Reply, Request, Sample, config_with_unruly_guest};

/// Every metric that dashboards rely on.
const METRICS: [&str; 15] = [
    "unique_ip_addresses",
    "tallygate_records_received_total",
    "tallygate_records_accepted_total",
    "tallygate_records_rejected_total",
    "tallygate_records_refused_total",
    "tallygate_requests_total",
    "tallygate_ingest_bytes_total",
    "tallygate_in_flight_bytes",
    "tallygate_in_flight_limit_bytes",
    "tallygate_connections",
    "tallygate_saturated_prefixes",
    "tallygate_plugin_generation",
    "tallygate_plugin_traps_total",
    "tallygate_plugin_memory_bytes",
    "tallygate_build_info",
];

const HISTOGRAMS: [&str; 1] = ["tallygate_plugin_seconds"];

/// A gateway that has seen something of everything.
fn busy_gateway() -> Gateway {
    let gateway = Gateway::with_config(&config_with_unruly_guest("40 ms"));
    gateway.post("{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"2001:db8::1\"}\n{}").expect_tally(3, 2);
    gateway.send(&Request::post("/unruly").body("192.0.2.2\ntrap\non-request")).expect_tally(3, 1);
    gateway.send(&Request::post("/unruly").body("spin\n".repeat(100))).expect(503);
    gateway.send(&Request::post("/elsewhere")).expect(404);
    gateway
}

fn openmetrics(gateway: &Gateway) -> Reply {
    // As Prometheus asks.
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    Connection::to(gateway.ops()).exchange(&Request::get("/metrics").header("Accept", accept)).expect(200)
}

#[test]
fn every_metric_of_the_contract_is_there() {
    let gateway = busy_gateway();
    let metrics = gateway.metrics();
    for name in METRICS {
        assert!(metrics.has(name), "there is no {name}");
    }
    for name in HISTOGRAMS {
        assert!(metrics.has(&format!("{name}_bucket")), "there is no {name}");
    }
    for (name, label) in [
        ("tallygate_records_accepted_total", "plugin"),
        ("tallygate_records_rejected_total", "code"),
        ("tallygate_records_refused_total", "reason"),
        ("tallygate_requests_total", "code"),
        ("tallygate_plugin_reloads_total", "stage"),
        ("tallygate_plugin_reloads_total", "result"),
        ("tallygate_plugin_rollbacks_total", "plugin"),
        ("tallygate_plugin_traps_total", "kind"),
        ("tallygate_build_info", "version"),
        ("tallygate_build_info", "revision"),
    ] {
        assert!(metrics.has_label(name, label), "{name} has no {label}");
    }
    assert_eq!(metrics.value("unique_ip_addresses"), 3);
    assert_eq!(metrics.value("tallygate_in_flight_limit_bytes"), 256 << 20);
    assert_eq!(metrics.value("tallygate_saturated_prefixes"), 0);
    assert!(metrics.value("tallygate_ingest_bytes_total") > 500);
}

#[test]
fn a_gateway_tells_zeros_before_the_first_request() {
    for _ in 0..5 {
        let metrics = Gateway::start().metrics();
        for name in [
            "unique_ip_addresses",
            "tallygate_records_received_total",
            "tallygate_ingest_bytes_total",
            "tallygate_in_flight_bytes",
        ] {
            assert_eq!(metrics.value(name), 0, "{name}");
        }
        assert!(metrics.has_label("tallygate_requests_total", "code"));
        assert!(metrics.has_label("tallygate_records_accepted_total", "plugin"));
    }
}

#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let gateway = busy_gateway();
    let text = gateway.ask("/metrics").expect(200);
    assert!(text.header("content-type").is_some_and(|value| value.starts_with("text/plain; version=0.0.4")));
    assert!(!text.text().contains("# EOF"));
    let open = openmetrics(&gateway);
    assert!(
        open.header("content-type")
            .is_some_and(|value| { value.starts_with("application/openmetrics-text; version=1.0.0") })
    );
}

#[test]
fn openmetrics_text_is_well_formed() {
    let text = openmetrics(&busy_gateway()).text();
    let body = text.strip_suffix("# EOF\n").expect("ends with the mark for it");
    let mut families = HashSet::new();
    let mut series = HashSet::new();
    let (mut family, mut kind) = (String::new(), String::new());
    for line in body.lines() {
        assert_eq!(line, line.trim(), "stray space");
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, of) = described.split_once(' ').expect("a name and a type");
            (family, kind) = (name.to_owned(), of.to_owned());
            assert!(families.insert(family.clone()), "{family} comes twice");
            assert!(["counter", "gauge", "histogram", "info"].contains(&of), "{line}");
            assert!(kind != "counter" || !name.ends_with("_total"), "{line}: the suffix belongs to the samples");
        } else if let Some(described) = line.strip_prefix("# HELP ") {
            assert!(described.starts_with(&format!("{family} ")), "{line} is not about {family}");
        } else {
            assert!(!line.starts_with('#') && !line.is_empty(), "unexpected: {line:?}");
            let sample = Sample::parse(line);
            let suffix = sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} stands below {family}"));
            let allowed: &[&str] = match kind.as_str() {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line}: a {kind} has {allowed:?}");
            assert_eq!(sample.labels.contains_key("le"), suffix == "_bucket", "{line}");
            assert!(series.insert((sample.name, sample.labels)), "{line} comes twice");
        }
    }
    for name in METRICS.into_iter().chain(HISTOGRAMS) {
        assert!(families.contains(name.strip_suffix("_total").unwrap_or(name)), "there is no {name}");
    }
}

#[test]
fn histograms_add_up() {
    let gateway = Gateway::start();
    for _ in 0..5 {
        gateway.expect_to_serve();
    }
    let metrics = gateway.metrics();
    let count = metrics.sum("tallygate_plugin_seconds_count", &[("plugin", "json")]);
    assert_eq!(count, 5);
    assert_eq!(metrics.sum("tallygate_plugin_seconds_bucket", &[("plugin", "json"), ("le", "+Inf")]), count);
}

#[test]
fn health_and_readiness_are_told() {
    let gateway = Gateway::start();
    gateway.ask("/healthz").expect(200);
    gateway.ask("/readyz").expect(200);
    gateway.ask("/nowhere").expect(404);
    // What belongs to later versions, or to gateways with a token, is not there rather than broken.
    gateway.ask("/admin/plugins").expect(404);
    Connection::to(gateway.ops()).exchange(&Request::post("/metrics")).expect(405);
}

#[test]
fn the_page_says_what_is_here() {
    let gateway = Gateway::start();
    let page = gateway.ask("/").expect(200);
    assert!(page.header("content-type").is_some_and(|value| value.starts_with("text/html")));
    let text = page.text();
    // Every link of the page leads somewhere.
    let links: Vec<_> = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(["/metrics", "/healthz", "/readyz"].iter().all(|link| links.contains(link)), "{links:?}");
    for link in links {
        gateway.ask(link).expect(200);
    }
}

#[test]
fn the_ports_do_not_mix() {
    let gateway = Gateway::start();
    gateway.send(&Request::get("/metrics")).expect(404);
    gateway.send(&Request::get("/healthz")).expect(404);
    Connection::to(gateway.ops()).exchange(&Request::post("/logs").body(r#"{"ip":"192.0.2.1"}"#)).expect(404);
    assert_eq!(gateway.unique(), 0);
}

#[test]
fn metrics_are_told_while_logs_pour_in() {
    let gateway = Gateway::start();
    let lines = "{\"ip\":\"192.0.2.1\"}\n".repeat(20_000);
    thread::scope(|scope| {
        let senders: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..5).for_each(|_| drop(gateway.post(&lines).expect(202))))).collect();
        let mut last = 0;
        while senders.iter().any(|sender| !sender.is_finished()) {
            let received = gateway.metrics().value("tallygate_records_received_total");
            assert!(received >= last, "a counter went back from {last} to {received}");
            last = received;
        }
    });
    assert_eq!(gateway.metrics().value("tallygate_records_received_total"), 400_000);
}

#[test]
fn nothing_of_a_payload_becomes_a_label() {
    let gateway = Gateway::start();
    let secret = "hunter2";
    gateway.post(format!(r#"{{"ip":"{secret}","{secret}":1}}"#)).expect(400);
    gateway.send(&Request::post(&format!("/{secret}")).header("X-Secret", secret)).expect(404);
    gateway.send(&Request::new("POST", "/logs").header("Content-Encoding", secret)).expect(415);
    assert!(!gateway.metrics().text().contains(secret));
    assert!(!gateway.log().contains(secret));
}
