//! nginx in front of a gateway.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Process, eventually};

/// A reverse proxy that keeps its connections to the gateway open.
pub(crate) struct Nginx {
    process: Process,
    address: SocketAddr,
    /// Gone when the proxy is.
    _folder: TempDir,
}

// === impl Nginx ===

impl Nginx {
    pub(crate) fn start(program: &Path, upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("nginx.conf");
        let log = folder.path().join("nginx.log");
        // nginx cannot choose a port itself, and one chosen for it may be gone when it starts: then it is given another.
        let (mut process, address) = eventually("nginx on a free port", || {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = free.local_addr().expect("it is bound");
            drop(free);
            fs::write(&config, configuration(folder.path(), address, upstream)).expect("the folder is writable");
            let mut command = Command::new(program);
            command.arg("-e").arg("stderr").arg("-p").arg(folder.path()).arg("-c").arg(&config);
            let mut process = Process::start(command, &log);
            let listens = eventually("nginx to listen", || {
                if process.has_ended() { Some(false) } else { TcpStream::connect(address).is_ok().then_some(true) }
            });
            listens.then_some((process, address))
        });
        assert!(!process.has_ended(), "{}", process.log());
        Self { process, address, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

fn configuration(folder: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};", folder.display()))
        .join("\n");
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid;
        events {{ worker_connections 256; }}
        http {{
            access_log off; {temporary}
            upstream tallygate {{ server {upstream}; keepalive 8; }}
            server {{
                listen {address}; client_max_body_size 64m; client_body_buffer_size 1m;
                location / {{
                    proxy_pass http://tallygate;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                }}
            }}
        }}",
        folder = folder.display()
    )
}
