//! A client with one connection, HTTP/1.1 or HTTP/2, and a raw one for what no client would send.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub async fn http1(address: SocketAddr) -> Self {
        Self::http1_over(TcpStream::connect(address).await.unwrap()).await
    }
    /// With prior knowledge.
    pub async fn http2(address: SocketAddr) -> Self {
        Self::http2_over(TcpStream::connect(address).await.unwrap()).await
    }
    pub async fn http1_over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Http1(sender)
    }
    pub async fn http2_over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    pub async fn try_send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, hyper::Error> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                let mut request = request;
                // HTTP/1.1 sends the path alone.
                let host = request.uri().authority().map(|authority| authority.to_string());
                if let Some(host) = host.filter(|_| !request.headers().contains_key("host")) {
                    request.headers_mut().insert("host", host.parse().unwrap());
                }
                *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        tokio::time::timeout(super::PATIENCE, self.try_send(request)).await.expect("no answer in time").unwrap()
    }

    /// `url`: `http://shop.example/path`.
    pub async fn get(&mut self, url: &str) -> Answer {
        self.send(Request::get(url).body(Full::default()).unwrap()).await
    }

    pub async fn post(&mut self, url: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::post(url).body(Full::new(body.into())).unwrap()).await
    }
}

/// One request on a connection of its own.
pub async fn get(address: SocketAddr, url: &str) -> Answer {
    Client::http1(address).await.get(url).await
}

/// Sends bytes and reads until the node closes or falls silent after a whole response.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // A connection kept alive stays open: what came by then is the answer.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), reading).await;
    String::from_utf8_lossy(&answer).into_owned()
}
