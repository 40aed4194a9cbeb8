use std::net::SocketAddr;
use std::time::Duration;

use tallygate_index::journal::Durability;
use tallygate_plugin_host::Limits;

use super::*;

fn problems(text: &str, overrides: &[Override]) -> Vec<String> {
    let problems = Config::parse(text, Path::new(""), overrides).expect_err("has problems");
    Problems { file: Some(PathBuf::from("t.toml")), problems }.to_string().lines().map(str::to_owned).collect()
}

fn over(name: &str, value: &str) -> Vec<Override> {
    Override::from_environment([(name.to_owned(), value.to_owned())].into_iter())
}

#[test]
fn no_file_is_needed() {
    let config = Config::parse("", Path::new(""), &[]).expect("defaults are good");
    assert_eq!(config.ingest.listen.port(), 5000);
    assert_eq!(config.ops.listen.port(), 9102);
    assert_eq!(config.ingest.max_body, 16 << 20);
    assert_eq!(config.ops.admin_token, None);
    assert_eq!((config.swap.replay_records, config.swap.replay_bytes), (10_000, 16 << 20));
    assert_eq!(config.all_plugins().iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>(), ["json"]);
}

#[test]
fn every_key_is_read() {
    let config = Config::parse(
        r#"
        data_dir = "d"
        log_level = "debug"
        [ingest]
        listen = "127.0.0.1:1"
        max_body = "1 MiB"
        max_decompressed = 2_000_000
        max_record = "3 KiB"
        max_in_flight = "4 MB"
        max_connections = 5
        header_timeout = "6 s"
        body_timeout = "700 ms"
        idle_timeout = "8 min"
        drain_timeout = "9 s"
        workers = 10
        [ops]
        listen = "[::1]:2"
        admin_token = "s3cret"
        [addresses]
        ipv6 = "/56"
        max_per_64 = 7
        [swap]
        replay_records = 0
        replay_bytes = "1 MB"
        max_difference = 0.5
        probation = "0 s"
        poll = "1 min"
        compile_time = "2 s"
        compile_memory = "3 GiB"
        [plugins.mine]
        path = "mine.wasm"
        settings = { fields = "a,b", deep = 3, strict = true }
        limits = { memory = "8 MiB", time = "50 ms", isolated = true }
        [[routes]]
        path = "/mine"
        content_type = "Text/Plain"
        header = { x-format = "mine" }
        plugins = ["mine"]
        "#,
        Path::new(""),
        &[],
    )
    .expect("all of it is good");
    assert_eq!(config.ingest.max_decompressed, 2_000_000);
    assert_eq!(config.ingest.max_in_flight, 4_000_000);
    assert_eq!(config.ingest.idle_timeout, Duration::from_secs(480));
    assert_eq!(config.ingest.body_timeout, Duration::from_millis(700));
    assert_eq!(config.addresses.cap_per_64.get(), 7);
    assert!(config.ops.admin_token.is_some_and(|token| token.is("s3cret")));
    let swap = Swap {
        replay_records: 0,
        replay_bytes: 1_000_000,
        max_difference: 0.5,
        probation: Duration::ZERO,
        poll: Duration::from_secs(60),
        compile_time: Duration::from_secs(2),
        compile_memory: 3 << 30,
    };
    assert_eq!(config.swap, swap);
    let [plugin] = config.plugins.as_slice() else { panic!("one plugin") };
    assert_eq!(plugin.limits, Limits { memory: 8 << 20, time: Duration::from_millis(50), isolated: true });
    let settings = [("deep", "3"), ("fields", "a,b"), ("strict", "true")];
    assert_eq!(plugin.settings, settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let [route] = config.routes.as_slice() else { panic!("one route") };
    assert_eq!(route.content_type.as_deref(), Some("text/plain"));
    assert_eq!(route.plugin, "mine");
}

#[test]
fn all_problems_come_at_once_with_their_lines() {
    let text = r#"data_dir = 1
[ingest]
listen = "nowhere"
max_body = "16 Mib"
max_bdy = "1 MiB"
max_record = "-1"
[plugins.mine]
limits = { memory = "much" }
[[routes]]
plugins = ["yours", "mine"]
[[routes]]
path = "logs"
[elsewhere]
"#;
    assert_eq!(
        problems(text, &[]),
        [
            "t.toml:1: data_dir: expected a path, found 1",
            "t.toml:3: ingest.listen: expected an address with a port, such as \"0.0.0.0:5000\" or \"[::]:5000\", found \"nowhere\"",
            "t.toml:6: ingest.max_record: expected a size such as \"16 MiB\", at most 1 TiB, found \"-1\"",
            "t.toml:5: unknown key ingest.max_bdy, did you mean max_body?",
            "t.toml:8: plugins.mine.limits.memory: expected a size such as \"16 MiB\", at most 1 TiB, found \"much\"",
            "t.toml:10: routes.plugins: expected exactly one plugin, found 2",
            "t.toml:9: routes: a route needs at least one of path, content_type and header",
            "t.toml:12: routes.path: expected a path that begins with \"/\", without a query, found \"logs\"",
            "t.toml:11: routes.plugins is missing",
            "t.toml:11: routes: a route needs at least one of path, content_type and header",
            "t.toml:13: unknown key elsewhere; known here: data_dir, log_level, ingest, ops, addresses, swap, durability, count_since, event_time, history, plugins, routes",
            "t.toml:7: plugins.mine has no path, and no plugin of that name is shipped (shipped: access-log, json)",
        ]
    );
}

#[test]
fn text_that_is_not_toml_names_the_line() {
    let found = problems("[ingest\nmax_body = 1\n", &[]);
    assert!(found.iter().any(|problem| problem.starts_with("t.toml:1: ")), "{found:?}");
}

#[test]
fn variables_override_the_file() {
    let text = "[ingest]\nlisten = \"1.1.1.1:1\"\nworkers = 3";
    let config = Config::parse(text, Path::new(""), &over("TALLYGATE_INGEST__LISTEN", "2.2.2.2:2")).expect("good");
    assert_eq!(config.ingest.listen, SocketAddr::from(([2, 2, 2, 2], 2)));
    let config = Config::parse(text, Path::new(""), &over("TALLYGATE_INGEST__WORKERS", "4")).expect("good");
    assert_eq!(config.ingest.workers, 4);
    let config = Config::parse("", Path::new(""), &over("TALLYGATE_DATA_DIR", "/d")).expect("good");
    assert_eq!(config.data_dir, PathBuf::from("/d"));
    assert_eq!(
        problems("", &over("TALLYGATE_INGEST__WORKER", "4")),
        ["TALLYGATE_INGEST__WORKER: unknown key ingest.worker, did you mean workers?"]
    );
    assert!(problems("", &over("TALLYGATE_OPS__LISTEN", "x"))[0].starts_with("TALLYGATE_OPS__LISTEN: ops.listen: "));
}

#[test]
fn a_share_is_written_as_a_float_or_an_integer_and_lies_between_0_and_1() {
    let share = |written: &str| Config::parse(&format!("[swap]\nmax_difference = {written}"), Path::new(""), &[]);
    for (written, meant) in [("0.25", 0.25), ("0", 0.0), ("1", 1.0), ("1e-3", 0.001), ("\"0.5\"", 0.5)] {
        assert_eq!(share(written).expect("good").swap.max_difference.to_bits(), f64::to_bits(meant), "{written}");
    }
    for wrong in ["1.01", "-0.5", "2", "nan", "inf", "\"some\"", "\"NaN\"", "true"] {
        let problems = share(wrong).expect_err(wrong);
        assert!(
            problems[0].message.starts_with("swap.max_difference: expected a share from 0 to 1, found "),
            "{wrong}"
        );
        assert_eq!(problems[0].origin, Origin::Line(2), "{wrong}");
    }
    let config = Config::parse("", Path::new(""), &over("TALLYGATE_SWAP__MAX_DIFFERENCE", "0.125")).expect("good");
    assert_eq!(config.swap.max_difference.to_bits(), 0.125_f64.to_bits());
}

#[test]
fn only_a_probation_may_last_no_time() {
    for key in ["poll", "compile_time"] {
        let found = problems(&format!("[swap]\n{key} = \"0 s\""), &[]);
        assert_eq!(
            found,
            [format!("t.toml:2: swap.{key}: expected a time such as \"10 s\" or \"100 ms\", found \"0 s\"")]
        );
    }
    let found = problems("[swap]\nprobation = 0", &[]);
    assert_eq!(found, ["t.toml:2: swap.probation: expected a time such as \"10 s\", or \"0 s\", found 0"]);
}

#[test]
fn a_token_is_compared_and_never_shown() {
    let config = Config::parse("", Path::new(""), &over("TALLYGATE_OPS__ADMIN_TOKEN", "s3cret")).expect("good");
    let token = config.ops.admin_token.as_ref().expect("a token");
    assert!(token.is("s3cret"));
    for other in ["", "s3cre", "s3cret ", "s3creT", "s3cret-and-more"] {
        assert!(!token.is(other), "{other:?}");
    }
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_token_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let text = format!("[ops]\nadmin_token_file = \"{}\"", file.display());
    assert!(problems(&text, &[])[0].starts_with("t.toml:2: ops.admin_token_file: cannot read "));
    std::fs::write(&file, " s3cret\r\n").expect("writable");
    let config = Config::parse(&text, Path::new(""), &[]).expect("good");
    assert!(config.ops.admin_token.is_some_and(|token| token.is("s3cret")));
    std::fs::write(&file, "\n").expect("writable");
    let empty = "the token is empty; without the key there is none";
    assert_eq!(problems(&text, &[]), [format!("t.toml:2: ops.admin_token_file: {}: {empty}", file.display())]);
    assert_eq!(
        problems(&text, &over("TALLYGATE_OPS__ADMIN_TOKEN", "s3cret"))[0],
        "t.toml:2: ops.admin_token and ops.admin_token_file are both given; give one of them"
    );
}

#[test]
fn a_token_that_no_header_can_hold_is_refused_untold() {
    let unfit = "a token is letters, digits and other visible ASCII characters, without spaces";
    for (written, message) in [
        ("\"\"", "the token is empty; without the key there is none"),
        ("\"two words\"", unfit),
        ("\"pässword\"", unfit),
        ("\"line\\nend\"", unfit),
        ("12345", "expected a string"),
    ] {
        let found = problems(&format!("[ops]\nadmin_token = {written}"), &[]);
        assert_eq!(found, [format!("t.toml:2: ops.admin_token: {message}")], "{written}");
    }
}

#[test]
fn variables_that_kubernetes_sets_are_left_alone() {
    assert!(over("TALLYGATE_PORT", "tcp://10.0.0.1:5000").is_empty());
    assert!(over("TALLYGATE_PORT_5000_TCP_ADDR", "10.0.0.1").is_empty());
    assert!(over("TALLYGATE_TOKEN", "secret").is_empty());
}

#[test]
fn keys_of_visits_are_read_and_their_bounds_told() {
    let config = Config::parse("", Path::new(""), &over("TALLYGATE_DURABILITY", "memory")).expect("is good");
    assert_eq!(config.visits.durability, Durability::Memory);
    let config = Config::parse("", Path::new(""), &over("TALLYGATE_COUNT_SINCE", "start")).expect("is good");
    assert!(config.visits.since_start);
    let text = r#"durability = "disk"
[event_time]
max_age = "500 days"
max_ahead = "8 days"
beyond = "drop"
[history]
retention = "61 days"
"#;
    assert_eq!(
        problems(text, &[]),
        [
            "t.toml:1: durability: expected one of \"fsync\", \"interval\", \"memory\", found \"disk\"",
            "t.toml:5: event_time.beyond: expected \"receive-time\" or \"reject\", found \"drop\"",
            "t.toml:2: event_time.max_ahead: must be at most 7 days",
            "t.toml:6: history.retention: must be from 62 days, as long as hours are kept, to 3660 days",
            "t.toml: event_time.max_age: must be at most history.retention",
        ]
    );
}

#[test]
fn what_needs_a_restart_is_compared_by_what_it_means() {
    let read = |text: &str| Config::parse(text, Path::new(""), &[]).expect("is good").until_restart;
    let none = read("");
    let same = "[swap]\ncompile_memory = 2147483648\ncompile_time = \"1 min\"\n[history]\nretention = \"9600 h\"";
    assert!(none.changed(&read(same)).is_empty());
    let other = "log_level = \"warn\"\n[addresses]\nmax_per_64 = 7\n[ingest]\nmax_body = \"1 MiB\"\nworkers = 3";
    assert_eq!(none.changed(&read(other)), ["log_level", "ingest.workers", "addresses.max_per_64"]);
}
