//! `tallygate query` and `tallygate forget`: of a running gateway, and of a data directory.

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::{day, hour, stderr, stdout, tallygate, visit};
use crate::harness::{ADMIN, Gateway, run};

const TOKEN: &str = "correct-horse";

fn expect_success(output: &Output) -> String {
    assert_eq!((output.status.code(), stderr(output).as_str()), (Some(0), ""), "{}", stdout(output));
    stdout(output)
}

/// Runs a command with something on its standard input.
fn feed(arguments: &[&str], input: &str) -> Output {
    let mut command = tallygate(arguments);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A command that ends early reads no more.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

fn history(config: &str) -> Gateway {
    let gateway = Gateway::with_config(config);
    let (ten, three) = (day(10), day(3));
    let came = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "198.51.100.7"];
    visit(&gateway, &came.map(|ip| (ip, hour(&ten, 5))));
    visit(&gateway, &[("192.0.2.1", hour(&three, 23)), ("203.0.113.9", hour(&three, 0))]);
    gateway
}

/// Every question, with what each takes.
fn questions() -> Vec<Vec<String>> {
    let (ten, three) = (day(10), day(3));
    let words = |line: String| line.split(' ').map(str::to_owned).collect();
    [
        "visited 192.0.2.1 192.0.2.0/24 2001:db8::/32 10.0.0.0/8 ::ffff:192.0.2.2 --json".to_owned(),
        format!("visited 192.0.2.1 203.0.113.9 --from {three}T00 --to {three}T22:30:00Z --json"),
        format!("visited 192.0.2.1 --from {ten}T06:30:00+01:00 --json"),
        "distinct --json".to_owned(),
        format!("distinct --by day --from {ten} --to {three} --json"),
        format!("distinct --by hour --from {three} --to {three}T05 --json"),
        format!("distinct --by week --from {ten} --json"),
        "top --json".to_owned(),
        format!("top --prefix 16 --prefix6 32 --limit 2 --to {ten} --json"),
        "export --format csv".to_owned(),
        format!("export --format ndjson --from {three}"),
        format!("export --format roaring --from {three}"),
        // As people read them.
        "visited 192.0.2.1 192.0.2.0/24".to_owned(),
        format!("distinct --by day --from {ten} --to {three}"),
        "top".to_owned(),
    ]
    .map(words)
    .to_vec()
}

fn answers(place: [&str; 2]) -> Vec<Vec<u8>> {
    let ask = |question: &Vec<String>| {
        let words: Vec<&str> = ["query"].into_iter().chain(question.iter().map(String::as_str)).chain(place).collect();
        let output = run(&mut tallygate(&words));
        expect_success(&output);
        output.stdout
    };
    questions().iter().map(ask).collect()
}

#[test]
fn a_gateway_and_its_data_directory_answer_the_same() {
    let gateway = history("");
    let url = format!("http://{}", gateway.ops());
    let by_gateway = answers(["--url", &url]);
    let first: Value =
        serde_json::from_slice(by_gateway[0].split(|byte| *byte == b'\n').next().expect("a line")).expect("JSON");
    assert_eq!(first["days"], json!([day(10), day(3)]));
    assert_eq!(String::from_utf8_lossy(&by_gateway[9]).lines().count(), 6);

    let data = gateway.data_dir();
    let gateway = gateway.restart_after(|| {
        let before = names(&data.join("visits"));
        let by_folder = answers(["--data-dir", data.to_str().expect("text")]);
        for ((question, one), other) in questions().iter().zip(&by_gateway).zip(&by_folder) {
            assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(other), "{question:?}");
        }
        assert_eq!(names(&data.join("visits")), before, "questions change nothing");
    });

    let output = run(&mut tallygate(&["query", "distinct", "--data-dir", data.to_str().expect("text")]));
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert!(stderr(&output).contains("another tallygate process uses"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--url"), "{}", stderr(&output));
    drop(gateway);
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_killed_gateway_leaves_a_directory_that_answers() {
    let gateway = history("");
    let url = format!("http://{}", gateway.ops());
    let by_gateway = answers(["--url", &url]);
    let data = gateway.data_dir();
    let copy = tempfile::tempdir().expect("a folder");
    let folder = copy.path().join("visits");
    fs::create_dir(&folder).expect("a new folder");
    // What is on the disk while it serves is what a kill leaves behind.
    for name in names(&data.join("visits")) {
        fs::copy(data.join("visits").join(&name), folder.join(&name)).expect("readable");
    }
    let by_folder = answers(["--data-dir", copy.path().to_str().expect("text")]);
    assert_eq!(by_folder, by_gateway);
}

#[test]
fn a_list_comes_on_standard_input() {
    const LINES: u32 = 200_000;
    let gateway = history("");
    let url = format!("http://{}", gateway.ops());
    let list: String = (0..LINES).map(|at| format!("192.0.{}.{}\n", at >> 8 & 255, at & 255)).collect();
    let by_gateway = feed(&["query", "visited", "-", "--json", "--url", &url], &list);
    let text = expect_success(&by_gateway);
    assert_eq!(text.lines().count(), LINES as usize);
    let came = text.lines().filter(|line| line.contains("\"visited\":true")).count();
    assert_eq!(came, 2 * (LINES as usize).div_ceil(1 << 16).min(3) + 2);

    let wrong = feed(&["query", "visited", "-", "--url", &url], "192.0.2.1\nwho\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stdout(&wrong).contains("192.0.2.1  yes"), "{}", stdout(&wrong));
    assert!(stderr(&wrong).contains("line 2: \"who\" is neither"), "{}", stderr(&wrong));

    let data = gateway.data_dir();
    drop(gateway.restart_after(|| {
        let by_folder = feed(&["query", "visited", "-", "--json", "--data-dir", data.to_str().expect("text")], &list);
        assert!(expect_success(&by_folder) == text, "the same answers");
    }));
}

#[test]
fn tables_are_for_people() {
    let gateway = history("");
    let url = format!("http://{}", gateway.ops());
    let (ten, three) = (day(10), day(3));
    let ask =
        |arguments: &[&str]| expect_success(&run(tallygate(&["query"]).args(arguments).env("TALLYGATE_URL", &url)));
    let expected = format!(
        "address       visited  first          last           days  addresses\n\
         192.0.2.1     yes      {ten}T05  {three}T23     2          1\n\
         192.0.2.9     no       -              -                 0          0\n\
         192.0.2.0/24  yes      -              -                 -          2\n"
    );
    assert_eq!(ask(&["visited", "192.0.2.1", "192.0.2.9", "192.0.2.0/24"]), expected);
    let expected =
        "network          distinct\n192.0.2.0/24            2\n198.51.100.0/24         1\n203.0.113.0/24          1\n";
    assert_eq!(ask(&["top", "--limit", "3"]), expected);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("text");
    assert_eq!(ask(&["export", "--format", "csv", "--from", &three, "-o", path]), "");
    assert_eq!(fs::read_to_string(path).expect("written"), "ip\n192.0.2.1\n203.0.113.9\n");
    let output = run(tallygate(&["query", "export", "--format", "roaring", "-o", path]).env("TALLYGATE_URL", &url));
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("1 IPv6 addresses are left out"), "{}", stderr(&output));
}

#[test]
fn addresses_are_forgotten_either_way() {
    let gateway = history(ADMIN);
    let url = format!("http://{}", gateway.ops());
    let forget = |arguments: &[&str]| run(tallygate(&["forget"]).args(arguments).env("TALLYGATE_TOKEN", TOKEN));
    let output = forget(&["192.0.2.1", "192.0.2.99", "--url", &url, "--json"]);
    assert_eq!(expect_success(&output), "{\"forgotten\":1,\"asked\":2}\n");
    assert_eq!(gateway.unique(), 4);
    let without = run(&mut tallygate(&["forget", "192.0.2.1", "--url", &url]));
    assert_eq!((without.status.code(), stdout(&without).as_str()), (Some(2), ""));
    assert!(stderr(&without).contains("TALLYGATE_TOKEN is not set"), "{}", stderr(&without));

    let data = gateway.data_dir();
    let data = data.to_str().expect("text");
    let busy = forget(&["192.0.2.2", "--data-dir", data]);
    assert_eq!(busy.status.code(), Some(1));
    assert!(stderr(&busy).contains("another tallygate process uses"), "{}", stderr(&busy));
    let gateway = gateway.restart_after(|| {
        let output = forget(&["192.0.2.2", "2001:db8::1", "--data-dir", data]);
        assert_eq!(expect_success(&output), "forgot 2 of 2 addresses\n");
        let output = forget(&["192.0.2.2", "--data-dir", data]);
        assert_eq!(expect_success(&output), "forgot 0 of 1 addresses; the others had not come\n");
    });
    assert_eq!(gateway.unique(), 2);
}

/// Without its configuration: how a history is kept is nothing that a question or an erasure may change.
#[test]
fn a_data_directory_is_asked_and_changed_as_it_was_kept() {
    let gateway = Gateway::with_config(
        "addresses.ipv6 = \"/64\"\nhistory.retention = \"3660 days\"\nevent_time.max_age = \"3660 days\"",
    );
    let came = |ip, ago| visit(&gateway, &[(ip, hour(&day(ago), 7))]);
    came("192.0.2.1", 2_000);
    came("2001:db8::1", 600);
    came("192.0.2.2", 1);
    let data = gateway.data_dir();
    let data = data.to_str().expect("text");
    let from = day(2_500);
    let asked = ["query", "distinct", "--by", "month", "--from", &from, "--json"];
    let told = expect_success(&run(tallygate(&asked).args(["--url", &format!("http://{}", gateway.ops())])));
    assert!(told.contains("\"distinct\":3"), "{told}");
    let gateway = gateway.restart_after(|| {
        let forgot = expect_success(&run(&mut tallygate(&["forget", "192.0.2.77", "--data-dir", data])));
        assert_eq!(forgot, "forgot 0 of 1 addresses; the others had not come\n");
        assert_eq!(expect_success(&run(tallygate(&asked).args(["--data-dir", data]))), told);
        let forgot = expect_success(&run(&mut tallygate(&["forget", "2001:db8::77", "--data-dir", data])));
        assert_eq!(forgot, "forgot 1 of 1 addresses\n");
    });
    assert_eq!(gateway.unique(), 2);
    let first = gateway.ask("/v1/visited?ip=192.0.2.1").expect(200).json();
    assert_eq!(first["visited"], true, "{first}");
}

#[test]
fn wrong_usage_ends_with_2_and_failure_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("nothing");
    let nowhere = nowhere.to_str().expect("text");
    for (line, told) in [
        ("query visited", "required"),
        ("query visited who", "neither an IP address nor a network"),
        ("query visited 192.0.2.1 --from yesterday", "expected a day"),
        ("query distinct --by minute", "minute"),
        ("query top --prefix 33", "33"),
        ("query top --limit 0", "0"),
        ("query export", "--format"),
        ("query distinct --url http://127.0.0.1:1 --data-dir a", "cannot be used with"),
        ("query distinct --url nowhere", "expected a URL"),
        ("forget 192.0.2.0/24", "is no IP address"),
    ] {
        let output = run(&mut tallygate(&line.split(' ').collect::<Vec<_>>()));
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{line}");
        assert!(stderr(&output).contains(told), "{line}: {}", stderr(&output));
    }
    for (line, told) in [
        ("query distinct --url http://127.0.0.1:1".to_owned(), "cannot reach the gateway at http://127.0.0.1:1"),
        (format!("query distinct --data-dir {nowhere}"), "cannot read the data directory"),
        (format!("forget 192.0.2.1 --data-dir {nowhere}"), "there are no visits in"),
    ] {
        let output = run(&mut tallygate(&line.split(' ').collect::<Vec<_>>()));
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{line}");
        assert!(stderr(&output).contains(told), "{line}: {}", stderr(&output));
    }
    assert!(!folder.path().join("nothing").exists(), "what was asked for is not made");
}

#[test]
fn a_refusal_of_the_gateway_is_told() {
    let gateway = Gateway::start();
    let url = format!("http://{}", gateway.ops());
    for words in [["query", "distinct"], ["query", "top"]] {
        let output = run(tallygate(&words).args(["--from", "2020-01-01", "--url", &url]));
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
        assert!(
            stderr(&output).contains("beyond-retention: the range begins before the oldest day"),
            "{}",
            stderr(&output)
        );
    }
    let output = run(&mut tallygate(&["query", "visited", "192.0.2.1", "--from", "2020-01-01", "--url", &url]));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let ingest = format!("http://{}", gateway.ingest());
    let output = run(&mut tallygate(&["query", "distinct", "--url", &ingest]));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}
