//! A server behind the node, whose answers a test decides and whose requests it sees.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub type Body = BoxBody<Bytes, std::io::Error>;

#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub uri: Uri,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Who connected: tells connections apart.
    pub peer: SocketAddr,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Stops with the test.
pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the origin saw no request")
    }
}

pub fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// Answers every request with 200 and its own body.
pub async fn origin() -> Origin {
    answering(|seen| async move { Response::new(full(seen.body)) }).await
}

/// Reads requests whole and answers as told; HTTP/1.1 and HTTP/2 with prior knowledge.
pub async fn answering<F, A>(answer: F) -> Origin
where
    F: Fn(Seen) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = seen.clone();
    let task = tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let (answer, all) = (answer.clone(), all.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (answer, all) = (answer.clone(), all.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let Ok(body) = body.collect().await else {
                        let broken = with_status(StatusCode::BAD_REQUEST, "");
                        return Ok::<_, Infallible>(broken);
                    };
                    let seen = Seen {
                        method: head.method,
                        uri: head.uri,
                        version: head.version,
                        headers: head.headers,
                        body: body.to_bytes(),
                        peer,
                    };
                    all.lock().unwrap().push(seen.clone());
                    Ok(answer(seen).await)
                }
            });
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Origin { address, seen, task }
}

pub fn with_status(status: StatusCode, body: &'static str) -> Response<Body> {
    Response::builder().status(status).body(full(body)).unwrap()
}

/// An address at which nobody listens.
pub fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
