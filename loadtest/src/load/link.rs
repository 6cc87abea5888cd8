//! One connection to the server under load, made when first needed and again when it broke.

use super::{Failure, Protocol};
use crate::same_thread::SameThread;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

pub(super) struct Link {
    address: SocketAddr,
    protocol: Protocol,
    /// HTTP/1.1: absent while a request is under way. HTTP/2: always a handle, of which each request takes a copy.
    held: RefCell<Option<Sender>>,
    /// Held while connecting, so that the many requests of one HTTP/2 connection make one and not many.
    opening: Mutex<()>,
}

pub(super) enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
        .map_err(|_| Failure::Broken)
    }

    async fn is_usable(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }
}

impl Link {
    pub fn new(address: SocketAddr, protocol: Protocol) -> Self {
        Self { address, protocol, held: RefCell::new(None), opening: Mutex::new(()) }
    }

    /// The way to send one request. A server that closed an idle connection is connected to again; that is no failure.
    pub async fn sender(&self) -> Result<Sender, Failure> {
        if let Some(sender) = self.usable().await {
            return Ok(sender);
        }
        let _turn = self.opening.lock().await;
        if let Some(sender) = self.usable().await {
            return Ok(sender);
        }
        let sender = self.connect().await.ok_or(Failure::Connect)?;
        if let Sender::Http2(handle) = &sender {
            *self.held.borrow_mut() = Some(Sender::Http2(handle.clone()));
        }
        Ok(sender)
    }

    /// Makes an HTTP/1.1 connection free for the next request.
    pub fn give_back(&self, sender: Sender) {
        if matches!(sender, Sender::Http1(_)) {
            *self.held.borrow_mut() = Some(sender);
        }
    }

    async fn usable(&self) -> Option<Sender> {
        let mut sender = self.take()?;
        if sender.is_usable().await {
            return Some(sender);
        }
        self.held.borrow_mut().take();
        None
    }

    fn take(&self) -> Option<Sender> {
        let mut held = self.held.borrow_mut();
        match held.as_ref()? {
            Sender::Http1(_) => held.take(),
            Sender::Http2(handle) => Some(Sender::Http2(handle.clone())),
        }
    }

    async fn connect(&self) -> Option<Sender> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let io = TokioIo::new(stream);
        // A connection that ends tells so to the requests on it; nobody else needs to know.
        match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.ok()?;
                tokio::task::spawn_local(connection);
                Some(Sender::Http1(sender))
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(SameThread, io).await.ok()?;
                tokio::task::spawn_local(connection);
                Some(Sender::Http2(sender))
            }
        }
    }
}
