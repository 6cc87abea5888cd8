//! Graceful stop: waits for what is in flight, and for nothing else.

use crate::harness::client::get;
use crate::harness::origin::{answering, with_status};
use crate::harness::{Client, PATIENCE, eventually, node, origin, tenant};
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;

#[tokio::test]
async fn an_idle_node_stops_at_once_though_clients_stay_connected() {
    let shop = origin().await;
    let node = node().serving(vec![tenant("shop", shop.address)]).await;
    let mut idle1 = Client::http1(node.http()).await;
    let mut idle2 = Client::http2(node.http()).await;
    let mut silent = tokio::net::TcpStream::connect(node.http()).await.unwrap();
    assert_eq!(idle1.get("http://shop.example/").await.status, StatusCode::OK);
    assert_eq!(idle2.get("http://shop.example/").await.status, StatusCode::OK);
    eventually("all are connected", || node.edge.status().connections == 3).await;
    let started = Instant::now();
    let report = node.edge.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{report:?}");
    assert_eq!(report.connections_forced, 0, "{report:?}");
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(!node.edge.ready());
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_new_accepted() {
    let release = Arc::new(Semaphore::new(0));
    let held = release.clone();
    let slow = answering(move |_| {
        let held = held.clone();
        async move {
            let _ = held.acquire().await;
            with_status(StatusCode::OK, "done")
        }
    })
    .await;
    let node = Arc::new(node().serving(vec![tenant("shop", slow.address)]).await);
    let address = node.http();
    let mut http2 = Client::http2(address).await;
    let requests = [
        tokio::spawn(async move { get(address, "http://shop.example/").await }),
        tokio::spawn(async move { http2.get("http://shop.example/").await }),
    ];
    eventually("both arrive", || slow.seen().len() == 2).await;
    let stopping = {
        let node = node.clone();
        tokio::spawn(async move { node.edge.stop().await })
    };
    eventually("nobody listens any more", || std::net::TcpStream::connect(address).is_err()).await;
    assert!(!stopping.is_finished());
    release.add_permits(2);
    for request in requests {
        assert_eq!(request.await.unwrap().text(), "done");
    }
    let report = tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap();
    assert_eq!(report.connections_forced, 0, "{report:?}");
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_at_the_deadline() {
    let never = answering(|_| std::future::pending()).await;
    let node =
        node().settings(|settings| settings.drain_timeout_ms = 200).serving(vec![tenant("shop", never.address)]).await;
    let address = node.http();
    let request = tokio::spawn(async move {
        let mut client = Client::http1(address).await;
        client.try_send(http::Request::get("http://shop.example/").body(Default::default()).unwrap()).await
    });
    eventually("it arrives", || never.seen().len() == 1).await;
    let report = tokio::time::timeout(PATIENCE, node.edge.stop()).await.unwrap();
    assert_eq!(report.connections_forced, 1, "{report:?}");
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn the_access_log_has_every_request_when_the_node_has_stopped() {
    let shop = origin().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let log = switchyard_proxy::AccessLog::File(path.clone());
    let node = node().settings(|settings| settings.access_log = log).serving(vec![tenant("shop", shop.address)]).await;
    let mut client = Client::http1(node.http()).await;
    for number in 0..100 {
        client.post(&format!("http://shop.example/{number}"), "four").await;
    }
    client.get("http://nobody.example/").await;
    node.edge.stop().await;
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 101);
    let of = |path: &str| lines.iter().find(|line| line["path"] == path).unwrap();
    let line = of("/42");
    assert_eq!((&line["tenantId"], &line["status"], &line["responseBytes"]), (&"shop".into(), &200.into(), &4.into()));
    assert_eq!((&line["method"], &line["client"]), (&"POST".into(), &"127.0.0.1".into()));
    assert_eq!(line["upstream"], shop.address.to_string());
    assert_eq!(of("/")["status"], 404);
}

#[tokio::test]
async fn a_node_that_cannot_bind_says_so() {
    let first = node().start();
    let taken = first.http();
    let refused = node().settings(|settings| settings.http = Some(taken)).try_start();
    let error = refused.err().expect("the port is taken").to_string();
    assert!(error.contains(&taken.to_string()), "{error}");
}
