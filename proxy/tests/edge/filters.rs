//! Filters on the path: order, failures, isolation, versions.

use crate::harness::client::get;
use crate::harness::control::Control;
use crate::harness::tenant::{arms, split, with};
use crate::harness::{Client, filter, node, origin, tenant};
use http::{Request, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_contract::snapshot::{FailurePolicy, Stickiness};

const HEADERS: &str = r#"{"request":{"set":{"x-tenant":"acme"},"remove":["cookie"]},"response":{"remove":["server"],"set":{"x-done":"yes"}},"version_header":"x-headers-version"}"#;

#[tokio::test]
async fn heads_are_edited_on_both_ways() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let entry = with(tenant("shop", shop.address), |entry| {
        entry.bindings = vec![filter(&control, "headers", HEADERS), filter(&control, "request-id", "{}")];
        entry.show_versions = true;
    });
    let node = node().control(control).serving(vec![entry]).await;
    for mut client in [Client::http1(node.http()).await, Client::http2(node.http()).await] {
        let request = Request::get("http://shop.example/").header("cookie", "a=b").body(Default::default()).unwrap();
        let answer = client.send(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("x-done"), Some("yes"));
        assert_eq!(answer.header("x-headers-version"), Some("1.0.0"));
        assert_eq!(answer.header("x-switchyard-versions"), Some("headers=1.0.0, request-id=1.0.0"));
        let seen = shop.last();
        assert_eq!((seen.header("x-tenant"), seen.header("cookie")), (Some("acme"), None));
        assert_eq!(seen.header("x-request-id"), answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn a_reply_keeps_the_request_from_upstream_and_passes_the_filters_before() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let entry = with(tenant("shop", shop.address), |entry| {
        entry.bindings = vec![
            filter(&control, "headers", HEADERS),
            filter(&control, "api-key", r#"{"keys":{"alice":"s3cr3t-1"}}"#),
            filter(&control, "request-id", "{}"),
        ];
    });
    let node = node().control(control).serving(vec![entry]).await;
    let mut client = Client::http1(node.http()).await;
    let answer = client.get("http://shop.example/").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("x-done"), Some("yes"), "the filter before the reply sees it");
    assert_eq!(answer.header("x-request-id"), None, "the filter after it does not");
    assert_eq!(shop.seen().len(), 0);
    let request = Request::get("http://shop.example/").header("x-api-key", "s3cr3t-1").body(Default::default());
    assert_eq!(client.send(request.unwrap()).await.status, StatusCode::OK);
    assert_eq!(shop.last().header("x-caller"), Some("alice"));
}

/// The shape of CVE-2025-4366: an answer before the body was read must not leave the body behind
/// as the start of the next request.
#[tokio::test]
async fn an_early_reply_does_not_corrupt_the_next_request() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let key = filter(&control, "api-key", r#"{"keys":{"alice":"s3cr3t-1"}}"#);
    let node =
        node().control(control).serving(vec![with(tenant("shop", shop.address), |e| e.bindings = vec![key])]).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.example\r\nx-api-key: s3cr3t-1\r\n\r\n";
    let refused = format!("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {}\r\n\r\n", smuggled.len());
    let answer = crate::harness::raw(node.http(), format!("{refused}{smuggled}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(shop.seen().len(), 0);
    // A client that goes on properly is served, on the same connection or, told so, on a new one.
    let mut client = Client::http1(node.http()).await;
    let answer = client.post("http://shop.example/", "x".repeat(100_000)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    if answer.header("connection") != Some("close") {
        assert_eq!(client.get("http://shop.example/").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_failing_filter_leaves_the_message_alone_and_the_policy_decides() {
    for (mode, phase) in [("trap", "request"), ("invalid", "request"), ("fault", "request"), ("trap", "response")] {
        for (policy, status) in [(FailurePolicy::Closed, 503), (FailurePolicy::Open, 200)] {
            let (shop, control) = (origin().await, Arc::new(Control::default()));
            let bad = filter(&control, "bad", &format!(r#"{{"mode":"{mode}","phase":"{phase}"}}"#));
            let entry = with(tenant("shop", shop.address), |entry| {
                let bad = with(bad, |binding| binding.failure_policy = policy);
                entry.bindings = vec![filter(&control, "headers", HEADERS), bad];
            });
            let node = node().control(control).serving(vec![entry]).await;
            let answer = get(node.http(), "http://shop.example/").await;
            let what = format!("{mode} on {phase}, {policy:?}: {answer:?}");
            assert_eq!(answer.status, status, "{what}");
            assert_eq!(answer.header("x-bad"), None, "{what}");
            assert_eq!(answer.header("x-smuggled"), None, "{what}");
            if status == 200 {
                assert_eq!(answer.header("x-done"), Some("yes"), "the others go on: {what}");
                assert_eq!(shop.last().header("x-bad"), (phase == "response").then_some("good"), "{what}");
            } else {
                assert!(!answer.text().contains("on purpose"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_filter_may_replace_a_response() {
    for whole in ["splice", "whole"] {
        let (shop, control) = (origin().await, Arc::new(Control::default()));
        let entry = with(tenant("shop", shop.address), |entry| {
            entry.bindings = vec![
                filter(&control, "headers", HEADERS),
                filter(&control, "body", &format!(r#"{{"response":"{whole}"}}"#)),
                filter(&control, "bad", r#"{"mode":"status500","phase":"response"}"#),
            ];
        });
        let node = node().control(control).serving(vec![entry]).await;
        for mut client in [Client::http1(node.http()).await, Client::http2(node.http()).await] {
            let answer = client.post("http://shop.example/", "x".repeat(100_000)).await;
            let expected = if whole == "whole" { "BAD ON PURPOSE" } else { "bad on purpose" };
            assert_eq!((answer.status.as_u16(), answer.text()), (500, expected));
            assert_eq!(answer.header("x-done"), Some("yes"), "the filter before it sees the replacement");
            assert_eq!(answer.header("content-length"), Some("14"));
        }
    }
}

#[tokio::test]
async fn a_response_can_be_replaced_on_the_way_that_holds_nothing() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let entry = with(tenant("shop", shop.address), |entry| {
        let bad = filter(&control, "bad", r#"{"mode":"status500","phase":"response"}"#);
        entry.bindings = vec![filter(&control, "headers", HEADERS), bad];
    });
    let node = node().control(control).serving(vec![entry]).await;
    for _ in 0..3 {
        for mut client in [Client::http1(node.http()).await, Client::http2(node.http()).await] {
            let answer = client.post("http://shop.example/", "x".repeat(100_000)).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (500, "bad on purpose"));
            assert_eq!(answer.header("x-done"), Some("yes"));
        }
    }
}

#[tokio::test]
async fn a_rejection_is_the_clients_fault() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let bad = filter(&control, "bad", r#"{"mode":"reject"}"#);
    let bad = with(bad, |binding| binding.failure_policy = FailurePolicy::Open);
    let node =
        node().control(control).serving(vec![with(tenant("shop", shop.address), |e| e.bindings = vec![bad])]).await;
    let answer = get(node.http(), "http://shop.example/").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("bad on purpose"), "{}", answer.text());
}

#[tokio::test]
async fn a_looping_filter_is_stopped_while_others_are_served() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let looping = with(filter(&control, "bad", r#"{"mode":"loop"}"#), |binding| {
        binding.limits.deadline_ms = Some(50);
    });
    let entries = vec![
        with(tenant("loops", shop.address), |entry| entry.bindings = vec![looping]),
        with(tenant("shop", shop.address), |entry| entry.bindings = vec![filter(&control, "headers", HEADERS)]),
    ];
    let node = node().control(control).serving(entries).await;
    let address = node.http();
    let attacks: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                let started = Instant::now();
                (get(address, "http://loops.example/").await.status, started.elapsed())
            })
        })
        .collect();
    let mut client = Client::http1(address).await;
    for _ in 0..20 {
        assert_eq!(client.get("http://shop.example/").await.status, StatusCode::OK);
    }
    for attack in attacks {
        let (status, took) = attack.await.unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(took < Duration::from_secs(5), "stopped after {took:?}");
    }
    assert!(node.metrics().contains(r#"switchyard_plugin_resource_violations_total{resource="deadline"} 4"#));
}

#[tokio::test]
async fn two_tenants_of_one_plugin_do_not_see_each_other() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let keys = |key: &str| format!(r#"{{"keys":{{"{key}":"{key}-secret"}}}}"#);
    let entries = ["a", "b"].map(|id| {
        with(tenant(id, shop.address), |entry| entry.bindings = vec![filter(&control, "api-key", &keys(id))])
    });
    let node = node().control(control).serving(entries.into()).await;
    let mut client = Client::http1(node.http()).await;
    let mut ask = async |host: &str, key: &str| {
        let request = Request::get(format!("http://{host}.example/")).header("x-api-key", key);
        client.send(request.body(Default::default()).unwrap()).await.status
    };
    for _ in 0..10 {
        assert_eq!(ask("a", "a-secret").await, StatusCode::OK);
        assert_eq!(ask("b", "a-secret").await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask("b", "b-secret").await, StatusCode::OK);
        assert_eq!(ask("a", "b-secret").await, StatusCode::UNAUTHORIZED);
    }
    let callers: Vec<_> = shop.seen().iter().map(|seen| seen.header("x-caller").unwrap().to_owned()).collect();
    assert_eq!(callers, ["a", "b"].repeat(10));
}

#[tokio::test]
async fn no_room_for_an_instance_is_503_with_retry_after_whatever_the_policy() {
    let release = Arc::new(tokio::sync::Semaphore::new(0));
    let held = release.clone();
    let slow = crate::harness::origin::answering(move |_| {
        let held = held.clone();
        async move {
            let _ = held.acquire().await;
            crate::harness::origin::with_status(StatusCode::OK, "")
        }
    })
    .await;
    let control = Arc::new(Control::default());
    let open = with(filter(&control, "headers", HEADERS), |binding| binding.failure_policy = FailurePolicy::Open);
    let entry = with(tenant("shop", slow.address), |entry| entry.bindings = vec![open]);
    let node = node().control(control).runtime(|runtime| runtime.instances_max = 4).serving(vec![entry]).await;
    let max = usize::try_from(node.edge.status().instances_max).unwrap();
    let address = node.http();
    let held: Vec<_> =
        (0..max).map(|_| tokio::spawn(async move { get(address, "http://shop.example/").await.status })).collect();
    crate::harness::eventually("all instances are taken", || slow.seen().len() == max).await;
    let answer = get(address, "http://shop.example/").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    release.add_permits(max);
    for held in held {
        assert_eq!(held.await.unwrap(), StatusCode::OK);
    }
    release.add_permits(1);
    assert_eq!(get(address, "http://shop.example/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_split_is_sticky_and_within_its_share() {
    let (shop, control) = (origin().await, Arc::new(Control::default()));
    let headers = split(&control, "headers", HEADERS, &[("1.0.0", 800_000), ("2.0.0", 200_000)]);
    let headers = with(headers, |binding| {
        binding.stickiness = Stickiness { header: Some("x-user".into()), ..Stickiness::default() };
    });
    let wider = with(headers.clone(), |binding| {
        let arms = arms(&control, "headers", &[("1.0.0", 500_000), ("2.0.0", 500_000)]);
        binding.split = binding.split.reweighted(arms).unwrap();
    });
    let entry = |binding| with(tenant("shop", shop.address), |entry| entry.bindings = vec![binding]);
    let node = node().control(control).serving(vec![entry(headers)]).await;
    let mut client = Client::http1(node.http()).await;
    let mut versions = async |users: usize| {
        let mut versions = Vec::with_capacity(users);
        for user in 0..users {
            let request = Request::get("http://shop.example/").header("x-user", format!("user-{user}"));
            let answer = client.send(request.body(Default::default()).unwrap()).await;
            versions.push(answer.header("x-headers-version").unwrap() == "2.0.0");
        }
        versions
    };
    let first = versions(500).await;
    assert_eq!(first, versions(500).await, "sticky");
    let share = first.iter().filter(|new| **new).count();
    assert!((60..140).contains(&share), "{share} of 500 for 20 %");
    assert_eq!(node.apply(vec![entry(wider)]).await.refused, []);
    let later = versions(500).await;
    assert!(first.iter().zip(&later).all(|(before, after)| !before || *after), "who had the new version keeps it");
    assert!(later.iter().filter(|new| **new).count() > share);
}

#[tokio::test]
async fn a_filter_that_is_done_makes_room_before_the_response() {
    let release = Arc::new(tokio::sync::Semaphore::new(0));
    let held = release.clone();
    let slow = crate::harness::origin::answering(move |_| {
        let held = held.clone();
        async move {
            let _ = held.acquire().await;
            crate::harness::origin::with_status(StatusCode::OK, "")
        }
    })
    .await;
    let control = Arc::new(Control::default());
    let entry = with(tenant("shop", slow.address), |entry| {
        // Looks at requests alone.
        entry.bindings = vec![filter(&control, "api-key", r#"{"keys":{"alice":"s3cr3t-1"}}"#)];
    });
    let node = node().control(control).serving(vec![entry]).await;
    let mut client = Client::http1(node.http()).await;
    let request = Request::get("http://shop.example/").header("x-api-key", "s3cr3t-1").body(Default::default());
    let waiting = tokio::spawn(async move { client.send(request.unwrap()).await.status });
    crate::harness::eventually("the request is upstream", || slow.seen().len() == 1).await;
    assert_eq!(node.edge.status().exchanges_in_flight, 1);
    assert_eq!(node.edge.status().instances_live, 0);
    release.add_permits(1);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
}
