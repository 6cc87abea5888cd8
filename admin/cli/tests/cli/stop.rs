//! Stopping: running requests are finished, an idle server does not linger.

use crate::origin::{answer, ask, on_demand};
use crate::server::{PATIENCE, Server};
use rustix::process::Signal;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn with_tenant() -> (Server, crate::origin::Origin) {
    let server = Server::start();
    let origin = on_demand();
    let tenant = format!(
        "id = \"shop\"\nhosts = [\"shop.example\"]\n[[upstreams]]\nname = \"main\"\naddresses = [\"{}\"]\n",
        origin.address
    );
    let file = server.file("shop.toml", &tenant);
    server.ask(&["tenant", "set", "-f", &file.display().to_string()]);
    (server, origin)
}

#[test]
fn a_request_in_flight_is_finished_before_the_server_ends() {
    let (mut server, origin) = with_tenant();
    let edge = server.http();
    let client = std::thread::spawn(move || {
        // The node follows the store a moment later.
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = ask(edge, "shop.example").expect("an answer");
            if !answer.starts_with("HTTP/1.1 404") || Instant::now() > until {
                return answer;
            }
        }
    });
    let waiting = origin.asked.recv_timeout(PATIENCE).expect("the request reaches the origin");
    server.signal(Signal::TERM);
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(edge).is_ok() {
        assert!(Instant::now() < until, "it still takes new connections");
        std::thread::sleep(Duration::from_millis(5));
    }
    answer(waiting);
    let answered = client.join().expect("the client ran");
    assert!(answered.starts_with("HTTP/1.1 200 OK") && answered.ends_with("ok"), "{answered}");
    assert!(server.wait().success(), "{}", server.log());
    assert!(!server.data_dir().join("admin-address").exists(), "it left its address behind");
}

#[test]
fn an_idle_server_stops_long_before_its_drain_timeout() {
    let mut server = Server::start();
    let told = Instant::now();
    server.signal(Signal::INT);
    assert!(server.wait().success());
    for line in server.log().lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(entry["timestamp"].is_string() && entry["level"].is_string() && entry["message"].is_string(), "{line}");
    }
    assert!(server.log().contains("stopping"), "{}", server.log());
    assert!(told.elapsed() < Duration::from_secs(15), "it lingered for {:?}", told.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut server, origin) = with_tenant();
    let edge = server.http();
    std::thread::spawn(
        move || while ask(edge, "shop.example").is_ok_and(|answer| answer.starts_with("HTTP/1.1 404")) {},
    );
    let _never_answered = origin.asked.recv_timeout(PATIENCE).expect("the request reaches the origin");
    server.signal(Signal::TERM);
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(edge).is_ok() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
}

#[test]
fn sighup_reloads_and_does_not_end_it() {
    let mut server = Server::start();
    server.signal(Signal::HUP);
    let until = Instant::now() + PATIENCE;
    while !server.log().contains("no certificate file has changed") {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    server.ask(&["nodes"]);
    server.signal(Signal::TERM);
    assert!(server.wait().success());
}
