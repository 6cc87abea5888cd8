//! Hosts to tenants, and what is refused before one is known.

use crate::harness::client::get;
use crate::harness::tenant::with;
use crate::harness::{Client, eventually, node, origin, raw, tenant};
use http::StatusCode;

#[tokio::test]
async fn a_request_goes_to_the_tenant_of_its_host() {
    let (shop, blog) = (origin().await, origin().await);
    let node = node().serving(vec![tenant("shop", shop.address), tenant("blog", blog.address)]).await;
    let mut client = Client::http1(node.http()).await;
    let answer = client.post("http://shop.example/a?b=c", "hello").await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "hello"));
    assert_eq!(client.get("http://BLOG.example:8080/").await.status, StatusCode::OK);
    assert_eq!(client.get("http://other.example/").await.status, StatusCode::NOT_FOUND);
    assert_eq!((shop.seen().len(), blog.seen().len()), (1, 1));
    assert_eq!(shop.last().uri, "/a?b=c");
    // A request is counted after its answer is written.
    let counted = |line: &str| node.metrics().contains(line);
    eventually("both are counted", || {
        counted(r#"switchyard_requests_total{status_class="2xx",tenant="shop"} 1"#)
            && counted(r#"switchyard_requests_total{status_class="4xx",tenant=""} 1"#)
    })
    .await;
}

#[tokio::test]
async fn upstream_learns_who_asked_for_what() {
    let shop = origin().await;
    let node = node().serving(vec![tenant("shop", shop.address)]).await;
    let mut client = Client::http1(node.http()).await;
    let request = http::Request::get("http://shop.example/")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "evil.example")
        .header("connection", "x-drop-me")
        .header("x-drop-me", "1");
    client.send(request.body(Default::default()).unwrap()).await;
    let seen = shop.last();
    assert_eq!(seen.header("x-forwarded-for"), Some("203.0.113.9, 127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(seen.header("host"), Some("shop.example"));
    assert_eq!(seen.header("x-drop-me"), None);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let shop = origin().await;
    let node = node().serving(vec![tenant("shop", shop.address)]).await;
    let long = format!("GET / HTTP/1.1\r\nHost: shop.example\r\nX-Long: {}\r\n\r\n", "a".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nHost: shop.example\r\n{}\r\n", "X-A: b\r\n".repeat(150));
    for bad in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example\r\nHost: shop.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example\r\nHost: blog.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: gzip\r\n\r\nabcd",
        "GET / HTTP/1.1\nHost: shop.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example\r\nX-A: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop.example\r\nX A: b\r\n\r\n",
        "NONSENSE\r\n\r\n",
        long.as_str(),
        many.as_str(),
    ] {
        let answer = raw(node.http(), bad.as_bytes()).await;
        let start: String = bad.chars().take(120).collect();
        assert!(answer.starts_with("HTTP/1.1 400"), "{start:?} was answered with {answer:?}");
    }
    assert_eq!(shop.seen().len(), 0);
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_turn() {
    let shop = origin().await;
    let node = node().serving(vec![tenant("shop", shop.address)]).await;
    let post = |body: &str| {
        format!("POST /{body} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let answer = raw(node.http(), [post("one"), post("two"), post("three")].concat().as_bytes()).await;
    let bodies: Vec<&str> =
        answer.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/1.1").next().unwrap()).collect();
    assert_eq!(bodies, ["one", "two", "three"], "{answer}");
}

#[tokio::test]
async fn a_problem_says_what_it_is() {
    let node = node().serving(vec![]).await;
    let answer = get(node.http(), "http://nobody.example/").await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["status"], 404);
    assert_eq!(body["requestId"].as_str().map(str::len), Some(16));
}

#[tokio::test]
async fn a_tenant_has_at_most_its_exchanges_at_once() {
    let release = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let held = release.clone();
    let slow = crate::harness::origin::answering(move |_| {
        let held = held.clone();
        async move {
            let _ = held.acquire().await;
            crate::harness::origin::with_status(StatusCode::OK, "")
        }
    })
    .await;
    let entry = with(tenant("shop", slow.address), |entry| entry.limits.exchanges_max = 1);
    let node = node().serving(vec![entry]).await;
    let address = node.http();
    let first = tokio::spawn(async move { get(address, "http://shop.example/").await });
    eventually("the first request arrives", || slow.seen().len() == 1).await;
    let second = get(address, "http://shop.example/").await;
    assert_eq!((second.status, second.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    release.add_permits(1);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    release.add_permits(1);
    eventually("its place is free", || node.edge.status().exchanges_in_flight == 0).await;
    assert_eq!(get(address, "http://shop.example/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let shop = origin().await;
    let node =
        node().settings(|settings| settings.connections_max = 1).serving(vec![tenant("shop", shop.address)]).await;
    let mut first = Client::http1(node.http()).await;
    assert_eq!(first.get("http://shop.example/").await.status, StatusCode::OK);
    assert_eq!(raw(node.http(), b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n").await, "");
    assert_eq!(first.get("http://shop.example/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let node = node().settings(|settings| settings.header_deadline_ms = 200).serving(vec![]).await;
    let mut slow = tokio::net::TcpStream::connect(node.http()).await.unwrap();
    // Every byte is quick, the whole is not.
    let dripping = async {
        for byte in b"GET / HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'a')) {
            if slow.write_all(&[*byte]).await.is_err() || slow.read(&mut [0; 1]).now_or_zero() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, dripping).await.expect("the connection stays open");
}

/// Whether a read is ready and says that the connection is over.
trait NowOrZero {
    fn now_or_zero(self) -> bool;
}

impl<F: std::future::Future<Output = std::io::Result<usize>>> NowOrZero for F {
    fn now_or_zero(self) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        matches!(std::pin::pin!(self).poll(&mut context), std::task::Poll::Ready(Ok(0) | Err(_)))
    }
}
