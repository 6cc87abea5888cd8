//! kill -9 at random moments: what was acknowledged is there after the restart, and serves.

use crate::commands::{component, tenant};
use crate::origin::ask;
use crate::server::{PATIENCE, Server};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 6;

/// What the deploying client knows when the server dies.
#[derive(Debug, Clone, Default)]
struct Known {
    acknowledged: String,
    /// Sent, not answered: may have become true or not.
    under_way: Option<String>,
    /// Deployments acknowledged in all rounds.
    acknowledged_count: u32,
}

#[test]
fn the_last_acknowledged_deployment_survives_kill_9() {
    let mut server = Server::start();
    for version in ["1.0.0", "1.1.0"] {
        server.register(&component(&server, "headers", version));
    }
    server.ask(&["deploy", "--plugin", "headers", "--version", "1.0.0"]);
    let file = tenant(&server, "shop", "shop.example");
    server.ask(&["tenant", "set", "-f", &file.display().to_string()]);
    let mut known = Known { acknowledged: "1.0.0".to_owned(), ..Known::default() };
    for round in 0..ROUNDS {
        let after = Duration::from_millis(20 + RandomState::new().build_hasher().finish() % 500);
        known = deploy_until_killed(&mut server, known, after);
        server.start_again();
        let said = format!("round {round}, killed after {after:?}, {known:?}");
        let serving = released(&server);
        let possible = serving == known.acknowledged || Some(&serving) == known.under_way.as_ref();
        assert!(possible, "{said}: it came back with {serving}\n{}", server.log());
        serves(&server, &serving, &said);
        assert_eq!(server.ask(&["audit", "verify"])["intact"], true, "{said}");
        known = Known { acknowledged: serving, under_way: None, ..known };
    }
    assert!(known.acknowledged_count > ROUNDS, "too little was going on when the server died: {known:?}");
}

/// Deploys one version after the other through the real API while another thread ends the server.
fn deploy_until_killed(server: &mut Server, known: Known, after: Duration) -> Known {
    let known = Mutex::new(known);
    let dead = Mutex::new(false);
    let admin = std::fs::read_to_string(server.data_dir().join("admin-address")).expect("it runs");
    let token = std::fs::read_to_string(server.data_dir().join("admin-token")).expect("it runs");
    std::thread::scope(|scope| {
        scope.spawn(|| deploy(admin.trim(), token.trim(), &known, &dead));
        std::thread::sleep(after);
        server.kill();
        *dead.lock().expect("not poisoned") = true;
    });
    known.into_inner().expect("not poisoned")
}

fn deploy(admin: &str, token: &str, known: &Mutex<Known>, dead: &Mutex<bool>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A second installation is refused and harmless.
    _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    while !*dead.lock().expect("not poisoned") {
        let next = match known.lock().expect("not poisoned").acknowledged.as_str() {
            "1.0.0" => "1.1.0",
            _ => "1.0.0",
        };
        known.lock().expect("not poisoned").under_way = Some(next.to_owned());
        let body = serde_json::json!({ "pluginId": "headers", "version": next });
        let request = client.post(format!("http://{admin}/api/v1/deployments")).bearer_auth(token).json(&body);
        let answer = runtime.block_on(async { request.send().await?.error_for_status() });
        let Ok(_acknowledged) = answer else { return };
        let mut known = known.lock().expect("not poisoned");
        let acknowledged_count = known.acknowledged_count + 1;
        *known = Known { acknowledged: next.to_owned(), under_way: None, acknowledged_count };
    }
}

fn released(server: &Server) -> String {
    let plugin = server.ask(&["plugin", "show", "headers"]);
    plugin["released"][0]["version"].as_str().expect("a version").to_owned()
}

/// Through the proxy: a request is answered, by that version.
fn serves(server: &Server, version: &str, said: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask(server.http(), "shop.example").expect("an answer");
        if answer.starts_with("HTTP/1.1 200")
            && answer.to_ascii_lowercase().contains(&format!("x-headers-version: {version}"))
        {
            return;
        }
        assert!(Instant::now() < until, "{said}: not served by {version} but\n{answer}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
