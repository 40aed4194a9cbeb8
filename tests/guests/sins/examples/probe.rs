//! Looks for anything of the host that it can find, and tells of it in its explanation.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sins::{Sinner, compute};

struct Guest;

impl Sinner for Guest {
    fn explain(_: Vec<u8>, _: i64) -> Result<String, String> {
        println!("to standard output");
        eprintln!("to standard error");
        let found = [
            ("environment", std::env::vars().count()),
            ("arguments", std::env::args().count()),
            (
                "folder",
                usize::from(std::env::current_dir().is_ok_and(|folder| folder.is_absolute() && folder.exists())),
            ),
            ("files", files()),
            ("network", network()),
            ("input", std::io::stdin().lines().count()),
            ("clock", clock()),
        ];
        let found = found.map(|(what, count)| format!("{what} {count}")).join(", ");
        Ok(format!("{found}, random {}", RandomState::new().hash_one(1)))
    }
}

fn files() -> usize {
    let read = ["/etc/passwd", "/proc/self/environ", "/", ".", ".."];
    let seen = read.iter().filter(|path| std::fs::metadata(path).is_ok() || std::fs::read_dir(path).is_ok()).count();
    seen + usize::from(std::fs::write("/tmp/sin", "x").is_ok()) + usize::from(std::fs::create_dir("/tmp/sins").is_ok())
}

fn network() -> usize {
    let address = "127.0.0.1:9102";
    usize::from(TcpStream::connect(address).is_ok())
        + usize::from(TcpListener::bind("127.0.0.1:0").is_ok())
        + usize::from(UdpSocket::bind("127.0.0.1:0").is_ok_and(|socket| socket.send_to(b"x", address).is_ok()))
        + "localhost:80".to_socket_addrs().map_or(0, Iterator::count)
}

/// What passes while a little is computed, and since any day.
fn clock() -> usize {
    let start = Instant::now();
    compute(100_000);
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    usize::from(start.elapsed().as_nanos() > 0) + usize::from(today > 0)
}

sins::export!(Guest with_types_in sins);
