//! Bodies through filters: in chunks, whole, from upstream and from the client, over both protocols.

use crate::harness::control::Control;
use crate::harness::origin::{answering, full, with_status};
use crate::harness::tenant::with;
use crate::harness::{Client, Node, Origin, filter, node, origin, raw, tenant};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::sync::Arc;
use switchyard_contract::snapshot::UpstreamProtocol;

/// A node whose one tenant has these filters, `name` and configuration each.
async fn filtering(origin: &Origin, protocol: UpstreamProtocol, filters: &[(&str, &str)]) -> Node {
    let control = Arc::new(Control::default());
    let entry = with(tenant("shop", origin.address), |entry| {
        entry.bindings = filters.iter().map(|(name, config)| filter(&control, name, config)).collect();
        entry.upstreams[0].protocol = protocol;
    });
    node().control(control).serving(vec![entry]).await
}

async fn clients(node: &Node) -> [Client; 2] {
    [Client::http1(node.http()).await, Client::http2(node.http()).await]
}

const PROTOCOLS: [UpstreamProtocol; 2] = [UpstreamProtocol::Http1, UpstreamProtocol::Http2];

const MODES: [&str; 5] = ["splice", "count", "uppercase", "hold", "whole"];

#[tokio::test]
async fn every_body_mode_gives_the_right_bytes_on_every_protocol() {
    let (origin, big) = (origin().await, "x".repeat(200_000));
    for protocol in PROTOCOLS {
        let control = Arc::new(Control::default());
        let pairs = || MODES.into_iter().flat_map(|request| MODES.map(|response| (request, response)));
        let entry = |(request, response): (&str, &str)| {
            with(tenant(&format!("{request}-{response}"), origin.address), |entry| {
                let config = format!(r#"{{"request":"{request}","response":"{response}","body_bytes_max":1000000}}"#);
                entry.bindings = vec![filter(&control, "body", &config)];
                entry.upstreams[0].protocol = protocol;
            })
        };
        let entries = pairs().map(entry).collect();
        let node = node().control(control.clone()).serving(entries).await;
        for mut client in clients(&node).await {
            for (request, response) in pairs() {
                let upper = matches!(request, "uppercase" | "whole") || matches!(response, "uppercase" | "whole");
                for body in ["", "small", big.as_str()] {
                    let answer = client.post(&format!("http://{request}-{response}.example/"), body.to_owned()).await;
                    let what = format!("{protocol:?} {request}/{response} of {} bytes", body.len());
                    assert_eq!(answer.status, StatusCode::OK, "{what}");
                    let expected = if upper { body.to_uppercase() } else { body.to_owned() };
                    assert!(answer.body == expected.as_bytes(), "{what}: {} bytes came back", answer.body.len());
                    if response == "whole" && !body.is_empty() {
                        let length = body.len().to_string();
                        assert_eq!(answer.header("content-length"), Some(length.as_str()), "{what}");
                        assert_eq!(answer.header("x-body-bytes"), Some(length.as_str()), "{what}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_held_request_body_edits_the_head_that_goes_with_it() {
    let origin = origin().await;
    let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", r#"{"request":"whole"}"#)]).await;
    let mut client = Client::http1(node.http()).await;
    assert_eq!(client.post("http://shop.example/", "hello").await.text(), "HELLO");
    assert_eq!(origin.last().header("x-body-bytes"), Some("5"));
    assert_eq!(origin.last().header("content-length"), Some("5"));
    // In pieces, without a length.
    let chunked = "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                   3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    assert!(raw(node.http(), chunked.as_bytes()).await.ends_with("ABCDEFG"));
    assert_eq!(origin.last().header("content-length"), Some("7"));
    assert_eq!(origin.last().header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let origin = origin().await;
    let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", r#"{"request":"whole"}"#)]).await;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(node.http()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 25];
    tokio::time::timeout(crate::harness::PATIENCE, stream.read_exact(&mut line)).await.unwrap().unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("HELLO"), "{answer}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_never_cut() {
    for (config, status, upstream_asked) in [
        (r#"{"request":"whole","body_bytes_max":1000}"#, StatusCode::PAYLOAD_TOO_LARGE, false),
        (r#"{"response":"whole","body_bytes_max":1000}"#, StatusCode::BAD_GATEWAY, true),
    ] {
        let origin = origin().await;
        let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", config)]).await;
        for mut client in clients(&node).await {
            let answer = client.post("http://shop.example/", "x".repeat(1_000)).await;
            assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 1_000), "{config}");
        }
        for mut client in clients(&node).await {
            let asked = origin.seen().len();
            let answer = client.post("http://shop.example/", "x".repeat(1_001)).await;
            assert_eq!(answer.status, status, "{config}");
            assert_eq!(origin.seen().len() > asked, upstream_asked, "{config}");
        }
    }
}

#[tokio::test]
async fn several_filters_see_what_the_one_behind_made() {
    // The response comes to `redact` first, which holds it; `headers` sees the head after that.
    let origin = answering(|_| async {
        let answer = Response::builder().header("content-type", "application/json").header("server", "secret");
        answer.body(full(r#"{"user":"ada","password":"tell nobody"}"#)).unwrap()
    })
    .await;
    for protocol in PROTOCOLS {
        let filters = [
            ("headers", r#"{"response":{"remove":["server"],"set":{"x-done":"yes"}}}"#),
            ("body", r#"{"response":"uppercase"}"#),
            ("redact", r#"{"fields":["password"]}"#),
        ];
        let node = filtering(&origin, protocol, &filters).await;
        for mut client in clients(&node).await {
            let answer = client.get("http://shop.example/").await;
            assert_eq!(answer.text(), r#"{"USER":"ADA","PASSWORD":"***"}"#);
            assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
            assert_eq!((answer.header("server"), answer.header("x-done")), (None, Some("yes")));
        }
    }
}

#[tokio::test]
async fn responses_without_a_body_stay_without() {
    let origin = answering(|seen| async move {
        match seen.uri.path() {
            "/none" => with_status(StatusCode::NO_CONTENT, ""),
            "/same" => with_status(StatusCode::NOT_MODIFIED, ""),
            _ => with_status(StatusCode::OK, "some body"),
        }
    })
    .await;
    for protocol in PROTOCOLS {
        for mode in ["whole", "uppercase"] {
            let config = format!(r#"{{"response":"{mode}"}}"#);
            let node = filtering(&origin, protocol, &[("body", &config)]).await;
            for mut client in clients(&node).await {
                assert_eq!(client.get("http://shop.example/none").await.status, StatusCode::NO_CONTENT);
                assert_eq!(client.get("http://shop.example/same").await.status, StatusCode::NOT_MODIFIED);
                let head = Request::builder().method(Method::HEAD).uri("http://shop.example/");
                let answer = client.send(head.body(Default::default()).unwrap()).await;
                assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
                assert_eq!(client.get("http://shop.example/").await.text(), "SOME BODY", "{protocol:?} {mode}");
            }
        }
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_is_never_passed_for_a_whole_one() {
    let origin = answering(|_| async {
        let frames = futures_util::stream::iter([
            Ok(Frame::data("begun".into())),
            Err(std::io::Error::other("broken off on purpose")),
        ]);
        Response::new(BodyExt::boxed(StreamBody::new(frames)))
    })
    .await;
    for protocol in PROTOCOLS {
        for (mode, answered) in [("whole", true), ("uppercase", false), ("splice", false)] {
            let config = format!(r#"{{"response":"{mode}"}}"#);
            let node = filtering(&origin, protocol, &[("body", &config)]).await;
            for mut client in clients(&node).await {
                let request = Request::get("http://shop.example/").body(Default::default()).unwrap();
                let answer = tokio::time::timeout(crate::harness::PATIENCE, client.try_send(request)).await.unwrap();
                match answer {
                    Ok(answer) if answered => assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{protocol:?}"),
                    Ok(answer) => assert_ne!(answer.status, StatusCode::OK, "{protocol:?} {mode} {answer:?}"),
                    Err(_) => {}
                }
            }
        }
    }
}

#[tokio::test]
async fn a_filter_may_end_an_exchange() {
    let origin = origin().await;
    let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", r#"{"request":"abort"}"#)]).await;
    let answer = Client::http1(node.http()).await.post("http://shop.example/", "hello").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", r#"{"request":"reject"}"#)]).await;
    let answer = Client::http1(node.http()).await.post("http://shop.example/", "hello").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", r#"{"response":"abort"}"#)]).await;
    let request = Request::post("http://shop.example/").body("hello".to_owned().into()).unwrap();
    let answer = Client::http1(node.http()).await.try_send(request).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == StatusCode::BAD_GATEWAY));
}

#[tokio::test]
async fn a_filter_answers_once_it_has_read_the_body() {
    let origin = origin().await;
    for (config, reached) in [(r#"{"request":"answer"}"#, false), (r#"{"response":"answer"}"#, true)] {
        let node = filtering(&origin, UpstreamProtocol::Http1, &[("body", config)]).await;
        for mut client in clients(&node).await {
            let before = origin.seen().len();
            let answer = client.post("http://shop.example/", "hello").await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{config}");
            assert_eq!(answer.text(), "a body of 5 bytes", "{config}");
            assert_eq!(origin.seen().len() > before, reached, "{config}");
            // The connection goes on.
            assert_eq!(client.post("http://shop.example/", "bye").await.text(), "a body of 3 bytes", "{config}");
        }
    }
}
