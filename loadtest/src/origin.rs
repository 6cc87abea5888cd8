//! The service behind the proxies: small, steady, and cheap beside them, so that it is never what is measured.
//!
//! `/echo` answers with the request's headers as JSON, so that a bench can see whether a filter did its work. Every other
//! path is answered by a small 200, after `hold` where one is set: that is how many exchanges are kept in flight at once.

use crate::same_thread::SameThread;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// An HTTP/2 client's connection preface; nothing in HTTP/1.1 begins like it.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";
const BODY: &[u8] = b"hello from the origin\n";

/// Serves the listener until the future is dropped, every connection on the calling thread (a `LocalSet`).
pub async fn serve(listener: TcpListener, hold: Duration) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(connection(stream, hold));
            }
            // Out of file descriptors, most likely: some will be free in a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, hold: Duration) {
    let mut start = [0; HTTP2_PREFACE.len()];
    let Ok(read) = stream.peek(&mut start).await else { return };
    let is_http2 = read > 0 && start[..read] == HTTP2_PREFACE[..read];
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let io = TokioIo::new(stream);
    let service = hyper::service::service_fn(move |request| answer(request, hold));
    // A client that goes away is no news here.
    if is_http2 {
        let _ = http2::Builder::new(SameThread).max_concurrent_streams(None).serve_connection(io, service).await;
    } else {
        let _ = http1::Builder::new().serve_connection(io, service).await;
    }
}

async fn answer(request: Request<Incoming>, hold: Duration) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/echo" {
        return Ok(echo(&request));
    }
    if !hold.is_zero() {
        tokio::time::sleep(hold).await;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn echo(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let headers: serde_json::Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    Response::new(Full::new(Bytes::from(serde_json::Value::Object(headers).to_string())))
}
