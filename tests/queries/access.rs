//! Who may ask: answers tell the addresses of clients.

use std::fs;

use crate::harness::{ADMIN, Connection, Gateway, Reply, Request, TOKEN};

const QUESTIONS: [&str; 4] = ["/v1/visited?ip=192.0.2.1", "/v1/distinct", "/v1/top", "/v1/export?format=csv"];

fn ask(gateway: &Gateway, request: Request) -> Reply {
    Connection::to(gateway.ops()).exchange(&request)
}

fn with_token(request: Request, token: &str) -> Request {
    request.header("Authorization", format!("Bearer {token}"))
}

#[test]
fn without_a_token_only_this_machine_is_answered() {
    let gateway = Gateway::with_config(ADMIN);
    for path in QUESTIONS {
        gateway.ask(path).expect(200);
        for header in ["X-Forwarded-For", "Forwarded"] {
            let through_a_proxy = Request::get(path).header(header, "203.0.113.9");
            let refused = ask(&gateway, through_a_proxy.clone()).expect_error(403, "not-local");
            assert!(refused.text().contains("ops.read_token"), "{refused:?}");
            ask(&gateway, with_token(through_a_proxy, TOKEN)).expect(200);
        }
    }
    let list = Request::post("/v1/visited").header("X-Forwarded-For", "203.0.113.9").body("192.0.2.1");
    ask(&gateway, list).expect_error(403, "not-local");
    // Whoever scrapes or balances load is elsewhere.
    for path in ["/metrics", "/healthz", "/readyz"] {
        ask(&gateway, Request::get(path).header("X-Forwarded-For", "203.0.113.9")).expect(200);
    }
}

#[test]
fn with_a_token_everybody_must_bring_it_or_the_one_for_administration() {
    let gateway = Gateway::with_config(&format!("{ADMIN}ops.read_token = \"look\"\n"));
    for path in QUESTIONS {
        gateway.ask(path).expect_error(401, "unauthorized");
        ask(&gateway, with_token(Request::get(path), "lookout")).expect_error(401, "unauthorized");
        ask(&gateway, with_token(Request::get(path), "look").header("X-Forwarded-For", "203.0.113.9")).expect(200);
        ask(&gateway, with_token(Request::get(path), TOKEN)).expect(200);
    }
    // What changes something needs more.
    let forget = Request::new("DELETE", "/v1/ips/192.0.2.1");
    ask(&gateway, with_token(forget, "look")).expect_error(401, "unauthorized");
    ask(&gateway, with_token(Request::get("/admin/plugins"), "look")).expect_error(401, "unauthorized");
}

#[test]
fn the_token_may_be_in_a_file_beside_the_configuration() {
    let setup = crate::harness::Setup::new();
    let folder = setup.config_file().parent().expect("it is in a folder").to_path_buf();
    fs::write(folder.join("token"), "look\n").expect("writable");
    let gateway = setup.config("ops.read_token_file = \"token\"").start();
    gateway.ask("/v1/distinct").expect_error(401, "unauthorized");
    ask(&gateway, with_token(Request::get("/v1/distinct"), "look")).expect(200);
}
