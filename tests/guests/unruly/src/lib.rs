//! Does what its records and settings tell it to, bad things above all. Uses the standard library freely, so that the
//! toolchain links the system interfaces into it.
//!
//! A record is a word. `a.b.c.d` is accepted as that address, any other word that is not a command is malformed.

wit_bindgen::generate!({ path: "../../../wit/1.0.0", world: "plugin" });

use std::collections::HashMap;
use std::net::Ipv4Addr;

use exports::tallygate::plugin::extractor::{Guest, Info, Outcome};
use tallygate::plugin::log::{Level, emit};
use tallygate::plugin::types::Setting;

struct Unruly;

impl Guest for Unruly {
    fn describe() -> Info {
        Info {
            name: "unruly".into(),
            version: "0.1.0".into(),
            about: "Does what it is told.".into(),
            rejects: vec![(200, "on-request".into())],
            settings: vec![Setting {
                name: "configure".into(),
                meaning: "What goes wrong in `configure`: trap or spin.".into(),
                default: String::new(),
            }],
        }
    }

    fn configure(settings: Vec<(String, String)>) -> Result<(), String> {
        let settings: HashMap<_, _> = settings.into_iter().collect();
        match settings.get("configure").map(String::as_str) {
            None => Ok(()),
            Some("trap") => panic!("told to"),
            Some("spin") => spin(),
            Some(other) => Err(format!("configure: expected trap or spin, found \"{other}\"")),
        }
    }

    fn extract(data: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        let mut outcome = Outcome { status: vec![], v4: vec![], v6: vec![], times: vec![] };
        for [start, end] in bounds.as_chunks().0 {
            judge(&data[*start as usize..*end as usize], &mut outcome);
        }
        outcome
    }

    fn explain(record: Vec<u8>, _: i64) -> Result<String, String> {
        match record.as_slice() {
            b"explain-trap" => panic!("told to"),
            b"explain-spin" => spin(),
            b"probe" => Ok(probe()),
            _ => Err("not an address\nand more".into()),
        }
    }
}

#[inline(never)]
fn judge(record: &[u8], outcome: &mut Outcome) {
    let status = match record {
        b"trap" => panic!("told to"),
        b"spin" => spin(),
        b"hog" => hog(),
        b"recurse" => recurse(1) as u8,
        b"miscount-status" => {
            outcome.status.push(16);
            16
        }
        b"miscount-v4" => 0,
        b"miscount-v6" => {
            outcome.v6.push(1);
            1
        }
        b"miscount-times" => {
            outcome.times.push(1);
            16
        }
        b"impossible" => 99,
        b"unnamed" => 201,
        b"on-request" => 200,
        b"nobody" => 2,
        b"mutter" => {
            eprintln!("secret words");
            16
        }
        b"trap-silently" => std::process::abort(),
        b"log" => {
            for at in 0..1000 {
                emit(Level::Warn, &format!("line {at}\nforged\u{1b}[31m"));
            }
            16
        }
        _ => match std::str::from_utf8(record).ok().and_then(|text| text.parse::<Ipv4Addr>().ok()) {
            Some(address) => {
                outcome.v4.push(address.to_bits());
                0
            }
            None => 16,
        },
    };
    outcome.status.push(status);
}

#[inline(never)]
fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// Takes memory until there is none, which traps.
#[inline(never)]
fn hog() -> ! {
    let mut all = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "that is the sin")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(std::hint::black_box(depth + 1)) + frame[(depth % 64) as usize]
}

/// What the guest can find out about the world outside.
fn probe() -> String {
    let environment = std::env::vars().count();
    let arguments = std::env::args().count();
    let files = ["/etc/passwd", "/", "."].iter().filter(|path| std::fs::metadata(path).is_ok()).count();
    let written = std::fs::write("/tmp/unruly", "x").is_ok();
    let connected = std::net::TcpStream::connect("127.0.0.1:9102").is_ok();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_secs());
    println!("to standard output");
    let map: HashMap<u32, u32> = (0..3).map(|at| (at, at)).collect();
    format!(
        "environment {environment}, arguments {arguments}, files {files}, written {written}, connected {connected}, \
         clock {now}, map {}",
        map.len()
    )
}

export!(Unruly);
