//! The service behind the proxy in the demo: says what it was asked, so that a client can check
//! that its own answer came back and not another's.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Runs until dropped.
pub struct Origin {
    pub address: SocketAddr,
    _connections: JoinSet<()>,
}

impl Origin {
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener));
        Ok(Self { address, _connections: accepting })
    }
}

async fn accept(listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            // Small answers: without this the kernel waits for more to send.
            _ = stream.set_nodelay(true);
            let served = hyper::server::conn::http1::Builder::new();
            // The proxy closing a pooled connection is the ordinary end.
            _ = served.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let seen = |name| request.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let body = expected_body(seen("host").unwrap_or("-"), request.uri().path());
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// What the origin answers to `path` of `host`.
pub fn expected_body(host: &str, path: &str) -> String {
    format!("{{\"host\":\"{host}\",\"path\":\"{path}\",\"from\":\"the demo's origin\"}}")
}
