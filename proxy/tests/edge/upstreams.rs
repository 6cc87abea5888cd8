//! What stands behind the node: dead, slow, many, healthy, encrypted.

use crate::harness::client::get;
use crate::harness::origin::{answering, full, nowhere, with_status};
use crate::harness::tenant::{named_upstream, with};
use crate::harness::{Client, eventually, node, origin, tenant};
use http::{Response, StatusCode};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use switchyard_contract::snapshot::{HealthCheck, UpstreamProtocol};

#[tokio::test]
async fn a_dead_upstream_is_502() {
    let node = node().serving(vec![tenant("shop", nowhere())]).await;
    for mut client in [Client::http1(node.http()).await, Client::http2(node.http()).await] {
        assert_eq!(client.get("http://shop.example/").await.status, StatusCode::BAD_GATEWAY);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_accept_is_502_within_the_connect_timeout() {
    // A listener with a full queue: the kernel drops further connection attempts.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full_queue = socket.listen(1).unwrap();
    let address = full_queue.local_addr().unwrap();
    let mut held = Vec::new();
    loop {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(stream) => held.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let entry = with(tenant("shop", address), |entry| entry.upstreams[0].timeouts.connect_ms = 300);
    let node = node().serving(vec![entry]).await;
    let started = Instant::now();
    let answer = get(node.http(), "http://shop.example/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_502_within_the_read_timeout() {
    let never = answering(|_| std::future::pending()).await;
    let entry = with(tenant("shop", never.address), |entry| entry.upstreams[0].timeouts.read_ms = 300);
    let node = node().serving(vec![entry]).await;
    let started = Instant::now();
    assert_eq!(get(node.http(), "http://shop.example/").await.status, StatusCode::BAD_GATEWAY);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn requests_are_spread_and_a_dead_address_is_stepped_over() {
    let (one, two) = (origin().await, origin().await);
    let addresses = [one.address, nowhere(), two.address];
    let entry = with(tenant("shop", one.address), |entry| {
        entry.upstreams = vec![with(named_upstream("main", &addresses), |upstream| upstream.retries_max = 1)];
    });
    let node = node().serving(vec![entry]).await;
    let mut client = Client::http1(node.http()).await;
    for number in 0..30 {
        // Nothing was sent to the dead one: even a POST goes to another.
        let answer = client.post("http://shop.example/", format!("{number}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, format!("{number}").as_str()));
    }
    assert_eq!(one.seen().len() + two.seen().len(), 30);
    assert!(one.seen().len() >= 10 && two.seen().len() >= 10);
}

#[tokio::test]
async fn only_what_may_be_repeated_is_repeated() {
    // Takes the request and closes without an answer.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broken = listener.local_addr().unwrap();
    let closing = tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    let good = origin().await;
    let entry = with(tenant("shop", good.address), |entry| {
        entry.upstreams = vec![named_upstream("main", &[broken, good.address])];
    });
    let node = node().serving(vec![entry]).await;
    let mut statuses = HashSet::new();
    for _ in 0..4 {
        assert_eq!(get(node.http(), "http://shop.example/").await.status, StatusCode::OK);
        statuses.insert(Client::http1(node.http()).await.post("http://shop.example/", "once").await.status);
    }
    assert!(statuses.contains(&StatusCode::BAD_GATEWAY), "a POST that was sent is not sent again: {statuses:?}");
    let posts = good.seen().iter().filter(|seen| seen.method == http::Method::POST).count();
    assert!(posts <= 4, "{posts}");
    closing.abort();
}

#[tokio::test]
async fn health_checks_take_addresses_out_and_back() {
    let sick = Arc::new(AtomicBool::new(false));
    let health = sick.clone();
    let one = answering(move |seen| {
        let sick = seen.uri.path() == "/health" && health.load(Ordering::Relaxed);
        async move { with_status(if sick { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, "one") }
    })
    .await;
    let two = answering(|_| async { Response::new(full("two")) }).await;
    let check = HealthCheck {
        path: "/health".into(),
        interval_ms: 20,
        timeout_ms: 1_000,
        healthy_after: 1,
        unhealthy_after: 2,
    };
    let entry = with(tenant("shop", one.address), |entry| {
        let upstream = named_upstream("main", &[one.address, two.address]);
        entry.upstreams = vec![with(upstream, |upstream| upstream.health_check = Some(check))];
    });
    let node = node().serving(vec![entry]).await;
    let address = node.http();
    let served = async || {
        let mut bodies = HashSet::new();
        for _ in 0..6 {
            bodies.insert(get(address, "http://shop.example/").await.text().to_owned());
        }
        bodies
    };
    let until = async |wanted: &[&str]| {
        let wanted: HashSet<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        let started = Instant::now();
        while served().await != wanted {
            assert!(started.elapsed() < crate::harness::PATIENCE, "{wanted:?} does not come");
        }
    };
    until(&["one", "two"]).await;
    sick.store(true, Ordering::Relaxed);
    until(&["two"]).await;
    sick.store(false, Ordering::Relaxed);
    until(&["one", "two"]).await;
}

#[tokio::test]
async fn names_are_resolved() {
    let shop = origin().await;
    let entry = with(tenant("shop", shop.address), |entry| {
        entry.upstreams[0].addresses = vec![format!("localhost:{}", shop.address.port())];
    });
    let node = node().serving(vec![entry]).await;
    assert_eq!(get(node.http(), "http://shop.example/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_are_never_shared_by_tenants() {
    let shared = origin().await;
    let node = node()
        .settings(|settings| settings.workers = 1)
        .serving(vec![tenant("a", shared.address), tenant("b", shared.address)])
        .await;
    let mut client = Client::http1(node.http()).await;
    for _ in 0..3 {
        client.get("http://a.example/").await;
        client.get("http://b.example/").await;
    }
    let of = |host: &str| {
        let seen = shared.seen().into_iter().filter(|seen| seen.header("host") == Some(host));
        seen.map(|seen| seen.peer).collect::<HashSet<_>>()
    };
    assert!(of("a.example").is_disjoint(&of("b.example")));
    assert_eq!(of("a.example").len(), 1, "and each keeps its own");
}

#[tokio::test]
async fn http2_upstreams_are_spoken_to_with_prior_knowledge() {
    let shop = origin().await;
    let entry = with(tenant("shop", shop.address), |entry| entry.upstreams[0].protocol = UpstreamProtocol::Http2);
    let node = node().serving(vec![entry]).await;
    for mut client in [Client::http1(node.http()).await, Client::http2(node.http()).await] {
        let answer = client.post("http://shop.example/a?b", "hello").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "hello"));
        let seen = shop.last();
        assert_eq!((seen.version, seen.uri.path()), (http::Version::HTTP_2, "/a"));
        assert_eq!(seen.uri.host(), Some("shop.example"));
    }
    eventually("nothing is left", || node.edge.status().exchanges_in_flight == 0).await;
}
