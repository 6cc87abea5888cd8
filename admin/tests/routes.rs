//! Addresses that are none, methods that do not fit, and an end that is one.

use crate::harness::{Installation, tenant};
use reqwest::Method;
use std::io::{Read, Write};
use std::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn unknown_addresses_and_methods_are_problems() {
    let installation = Installation::start().await;
    let client = installation.client();
    for path in ["/", "/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/plugins", "/api/v1/plugins/"] {
        client.get(path).await.problem(404);
    }
    for (method, path) in [
        (Method::PUT, "/api/v1/plugins"),
        (Method::DELETE, "/api/v1/tenants"),
        (Method::POST, "/healthz"),
        (Method::GET, "/api/v1/tenants/shop/plugins/headers/enable"),
    ] {
        client.call(method, path).await.problem(405);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_line_harms_nobody() {
    let installation = Installation::start().await;
    for nonsense in [&b"\0\0\0\0"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET \xff\xff HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(installation.admin().address()).unwrap();
        stream.write_all(nonsense).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Whatever it says, it ends.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut large = TcpStream::connect(installation.admin().address()).unwrap();
    large.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut said = Vec::new();
    // The listener may hang up before all of it is written.
    let _ = large.write_all(format!("x: {}\r\n\r\n", "y".repeat(100_000)).as_bytes());
    let _ = large.read_to_end(&mut said);
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&said));
    installation.client().get("/api/v1/plugins").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_frees_the_address_and_the_store() {
    let mut installation = Installation::start().await;
    installation.client().post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    let address = installation.admin().address();
    // A connection that is open and idle holds nobody up.
    let _idle = TcpStream::connect(address).unwrap();
    installation.stop().await;
    TcpStream::connect(address).unwrap_err();
    installation.settings.listen = address;
    installation.start_again().await;
    installation.client().get("/api/v1/tenants/shop").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_control_planes_on_one_store_are_refused() {
    let installation = Installation::start().await;
    let second = installation.start_beside().await.err().expect("refused");
    assert!(second.to_string().contains("in use by another admin"), "{second}");
    installation.client().get("/api/v1/plugins").await.expect(200);
}
