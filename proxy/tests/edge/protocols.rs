//! TLS with names and renewal, WebSocket, trailers.

use crate::harness::control::Control;
use crate::harness::node::local;
use crate::harness::tenant::with;
use crate::harness::{Client, PATIENCE, filter, node, origin, tenant};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use rcgen::{CertifiedKey, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use switchyard_contract::snapshot::{UpstreamProtocol, UpstreamTls};
use switchyard_proxy::CertificateFiles;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn write(dir: &Path, name: &str, certificate: &CertifiedKey<KeyPair>) -> CertificateFiles {
    let files = CertificateFiles { chain: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
    std::fs::write(&files.key, certificate.signing_key.serialize_pem()).unwrap();
    std::fs::write(&files.chain, certificate.cert.pem()).unwrap();
    files
}

async fn connect(
    address: SocketAddr,
    name: &str,
    trusted: &CertifiedKey<KeyPair>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_renewed_without_a_restart() {
    let (shop, dir) = (origin().await, tempfile::tempdir().unwrap());
    let (first, second) = (certificate("shop.example"), certificate("blog.example"));
    let files = vec![write(dir.path(), "shop", &first), write(dir.path(), "blog", &second)];
    let node = node()
        .settings(|settings| (settings.https, settings.certificates) = (Some(local()), files))
        .serving(vec![tenant("shop", shop.address), tenant("blog", shop.address)])
        .await;
    for (name, trusted) in [("shop.example", &first), ("blog.example", &second)] {
        let url = format!("http://{name}/");
        let stream = connect(node.https(), name, trusted, b"http/1.1").await.unwrap();
        assert_eq!(Client::http1_over(stream).await.get(&url).await.status, StatusCode::OK);
        assert_eq!(shop.last().header("x-forwarded-proto"), Some("https"));
        let stream = connect(node.https(), name, trusted, b"h2").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        assert_eq!(Client::http2_over(stream).await.get(&url).await.status, StatusCode::OK);
    }
    assert!(connect(node.https(), "shop.example", &second, b"h2").await.is_err());
    // A key that does not fit changes nothing and is told.
    let renewed = certificate("shop.example");
    std::fs::write(dir.path().join("shop.pem"), renewed.cert.pem()).unwrap();
    assert!(node.edge.reload_certificates().is_err());
    assert!(connect(node.https(), "shop.example", &first, b"h2").await.is_ok());
    write(dir.path(), "shop", &renewed);
    assert!(node.edge.reload_certificates().unwrap());
    assert!(!node.edge.reload_certificates().unwrap(), "nothing changed since");
    assert!(connect(node.https(), "shop.example", &renewed, b"h2").await.is_ok());
    assert!(connect(node.https(), "shop.example", &first, b"h2").await.is_err());
}

#[tokio::test]
async fn changed_certificate_files_are_found() {
    let (shop, dir) = (origin().await, tempfile::tempdir().unwrap());
    let files = vec![write(dir.path(), "shop", &certificate("shop.example"))];
    let node = node()
        .settings(|settings| {
            (settings.https, settings.certificates) = (Some(local()), files);
            settings.certificate_poll_ms = 20;
        })
        .serving(vec![tenant("shop", shop.address)])
        .await;
    let renewed = certificate("shop.example");
    write(dir.path(), "shop", &renewed);
    let found = async {
        while connect(node.https(), "shop.example", &renewed, b"h2").await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the renewed certificate is never served");
}

/// A TLS origin that answers one HTTP/1.1 request a connection.
async fn tls_origin(certified: &CertifiedKey<KeyPair>) -> SocketAddr {
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn upstreams_are_verified_by_name_and_authority() {
    let certified = certificate("origin.internal");
    let address = tls_origin(&certified).await;
    let entry = |id: &str, name: &str, ca_pem: Option<String>| {
        with(tenant(id, address), |entry| {
            entry.upstreams[0].tls = Some(UpstreamTls { server_name: name.into(), ca_pem });
        })
    };
    let other = certificate("origin.internal").cert.pem();
    let node = node()
        .serving(vec![
            entry("good", "origin.internal", Some(certified.cert.pem())),
            entry("wrong-name", "other.internal", Some(certified.cert.pem())),
            entry("wrong-authority", "origin.internal", Some(other)),
            entry("no-authority", "origin.internal", None),
        ])
        .await;
    let mut client = Client::http1(node.http()).await;
    let answer = client.get("http://good.example/").await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "secret"));
    for id in ["wrong-name", "wrong-authority", "no-authority"] {
        let answer = client.get(&format!("http://{id}.example/")).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{id}");
        client = Client::http1(node.http()).await;
    }
}

/// Accepts an upgrade and sends back what it gets.
async fn websocket_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                assert!(String::from_utf8_lossy(&head).to_ascii_lowercase().contains("upgrade: websocket"));
                let upgraded = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
                stream.write_all(upgraded).await.unwrap();
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_websocket_is_a_tunnel_with_and_without_filters() {
    let control = Arc::new(Control::default());
    let address = websocket_origin().await;
    let filters = [("headers", "{}"), ("body", r#"{"response":"uppercase"}"#)]
        .map(|(name, config)| filter(&control, name, config));
    let filtered = with(tenant("filtered", address), |entry| entry.bindings = filters.into());
    let node = node().control(control).serving(vec![tenant("plain", address), filtered]).await;
    for host in ["plain.example", "filtered.example"] {
        let mut stream = TcpStream::connect(node.http()).await.unwrap();
        let upgrade = format!("GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        for message in ["hello", "again"] {
            stream.write_all(message.as_bytes()).await.unwrap();
            let mut back = [0; 5];
            tokio::time::timeout(PATIENCE, stream.read_exact(&mut back)).await.unwrap().unwrap();
            assert_eq!(back, message.as_bytes(), "{host}");
        }
    }
}

/// Answers with a body and trailers, as gRPC does.
async fn grpc_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        let mut body = request.into_body();
                        let response = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
                        let mut send = respond.send_response(response, false).unwrap();
                        // Each message is answered before the next is read: both ways at once.
                        while let Some(Ok(chunk)) = body.data().await {
                            let _ = body.flow_control().release_capacity(chunk.len());
                            send.send_data(chunk, false).unwrap();
                        }
                        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
                        send.send_trailers(trailers).unwrap();
                    });
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn grpc_streams_both_ways_and_ends_in_trailers() {
    let control = Arc::new(Control::default());
    let address = grpc_origin().await;
    let entry = |id: &str, bindings| {
        with(tenant(id, address), |entry| {
            entry.upstreams[0].protocol = UpstreamProtocol::Http2;
            entry.bindings = bindings;
        })
    };
    let counting = r#"{"request":"count","response":"count"}"#;
    let entries = vec![
        entry("plain", vec![]),
        entry("heads", vec![filter(&control, "headers", r#"{"response":{"set":{"x-done":"yes"}}}"#)]),
        entry("bodies", vec![filter(&control, "body", counting)]),
    ];
    let node = node().control(control).serving(entries).await;
    for id in ["plain", "heads", "bodies"] {
        let stream = TcpStream::connect(node.http()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post(format!("http://{id}.example/pkg.Service/Method"));
        let request = request.header("content-type", "application/grpc").header("te", "trailers").body(()).unwrap();
        let (response, mut send) = client.send_request(request, false).unwrap();
        send.send_data("first".into(), false).unwrap();
        let response = tokio::time::timeout(PATIENCE, response).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let mut next = async || -> Option<Bytes> {
            let chunk = tokio::time::timeout(PATIENCE, body.data()).await.expect("no message").transpose().unwrap()?;
            body.flow_control().release_capacity(chunk.len()).unwrap();
            Some(chunk)
        };
        assert_eq!(next().await.as_deref(), Some(b"first".as_slice()), "{id}");
        send.send_data("second".into(), true).unwrap();
        assert_eq!(next().await.as_deref(), Some(b"second".as_slice()), "{id}");
        while let Some(rest) = next().await {
            assert!(rest.is_empty(), "{id}: {rest:?}");
        }
        let trailers = tokio::time::timeout(PATIENCE, body.trailers()).await.unwrap().unwrap().expect(id);
        assert_eq!(trailers["grpc-status"], "0");
    }
}
