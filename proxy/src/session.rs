//! One client connection from its first byte to its last: TLS, protocol, requests.

use crate::guard::{CONNECTION, Connection};
use crate::listener::Accepted;
use crate::worker::Worker;
use bytes::Bytes;
use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{self as h2, H2Accept};
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{ALPN, Digest, GetSocketDigest, SocketDigest, Ssl, Stream};
use pingora::{ErrorType, OrErr};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Malformed streams a client may send before its connection is closed.
const MALFORMED_STREAMS_MAX: usize = 32;
/// Pause between two looks at a preface that arrives in pieces.
const PREFACE_PAUSE: Duration = Duration::from_millis(5);

/// Runs until the connection is over. The header deadline covers everything up to the first
/// request: a slow TLS handshake or preface is closed by the sweep, or when the node stops.
pub async fn serve(worker: Arc<Worker>, accepted: Accepted) {
    let mut stop = worker.context.stop.clone();
    let opened = tokio::select! {
        opened = open(&worker, accepted) => opened,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    match opened {
        Ok(Opened::Http1(stream)) => http1(&worker, stream).await,
        Ok(Opened::Http2(stream)) => http2(&worker, stream).await,
        Err(error) => tracing::debug!(%error, "connection lost before its first request"),
    }
}

/// A connection whose protocol is known.
enum Opened {
    Http1(Stream),
    Http2(Stream),
}

async fn open(worker: &Worker, accepted: Accepted) -> pingora::Result<Opened> {
    let stream = TcpStream::from_std(accepted.stream).or_err(ErrorType::AcceptError, "taking up a connection")?;
    match &worker.context.certificates {
        Some(certificates) if accepted.tls => {
            let stream = certificates.acceptor().tls_handshake(with_digest(stream)).await?;
            Ok(match stream.selected_alpn_proto() {
                Some(ALPN::H2) => Opened::Http2(Box::new(stream)),
                _ => Opened::Http1(Box::new(stream)),
            })
        }
        _ => clear_text(stream).await.or_err(ErrorType::ReadError, "waiting for the first bytes"),
    }
}

fn with_digest(stream: TcpStream) -> L4Stream {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    let mut stream = L4Stream::from(stream);
    stream.set_socket_digest(digest);
    stream
}

/// HTTP/2 with prior knowledge begins with the preface; nothing of it is consumed here.
async fn clear_text(stream: TcpStream) -> io::Result<Opened> {
    let mut seen = [0u8; H2_PREFACE.len()];
    loop {
        let peeked = stream.peek(&mut seen).await?;
        let start = seen.get(..peeked).unwrap_or_default();
        if start == H2_PREFACE {
            return Ok(Opened::Http2(Box::new(with_digest(stream))));
        }
        if start.is_empty() || !H2_PREFACE.starts_with(start) {
            return Ok(Opened::Http1(Box::new(with_digest(stream))));
        }
        // The kernel reports the same bytes as readable at once; wait for more of them.
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

async fn http1(worker: &Arc<Worker>, stream: Stream) {
    let settings = &worker.context.shared.settings;
    let patience = Duration::from_millis(settings.header_deadline_ms);
    let between = patience + Duration::from_secs(settings.keepalive_s);
    let stop = &worker.context.stop;
    let mut session = ServerSession::new_http1(stream);
    session.set_keepalive(if *stop.borrow() { None } else { Some(settings.keepalive_s) });
    loop {
        if let ServerSession::H1(session) = &mut session {
            // Requests sent ahead wait for their turn (RFC 9112, section 9.3.2).
            session.set_pipelining_enabled(true);
        }
        session.set_read_timeout(Some(Duration::from_millis(settings.body_idle_ms)));
        session.set_total_drain_timeout(Some(patience));
        let Some(reused) = worker.proxy.process_new_http(session, stop).await else { return };
        let (stream, kept) = reused.consume();
        session = ServerSession::new_http1(stream);
        if let Some(kept) = kept {
            kept.apply_to_session(&mut session);
        }
        session.set_keepalive(Some(settings.keepalive_s));
        let _ = CONNECTION.try_with(|connection| connection.owes(between));
    }
}

async fn http2(worker: &Arc<Worker>, stream: Stream) {
    let Ok(connection) = CONNECTION.try_with(Arc::clone) else { return };
    let digest = Arc::new(Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: stream.get_proxy_digest(),
        socket_digest: stream.get_socket_digest(),
    });
    match h2::handshake(stream, None).await {
        Ok(accepting) => http2_streams(worker, &connection, accepting, digest).await,
        Err(error) => tracing::debug!(%error, "HTTP/2 handshake failed"),
    }
}

/// Every stream is a request in a task of its own, on this worker. When the node stops, the client
/// is told to go away and the streams it has are finished.
async fn http2_streams(
    worker: &Arc<Worker>,
    connection: &Arc<Connection>,
    mut accepting: ::h2::server::Connection<Stream, Bytes>,
    digest: Arc<Digest>,
) {
    let idle = Duration::from_secs(worker.context.shared.settings.keepalive_s);
    let mut stop = worker.context.stop.clone();
    let (mut streams, mut stopping, mut malformed) = (JoinSet::new(), false, 0);
    loop {
        if streams.is_empty() {
            connection.owes(idle);
        }
        let next = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                accepting.graceful_shutdown();
                continue;
            }
            Some(_) = streams.join_next() => continue,
            next = h2::HttpSession::from_h2_conn(&mut accepting, digest.clone()) => next,
        };
        match next {
            Ok(Some(H2Accept::Session(stream))) => {
                connection.served();
                let worker = worker.clone();
                streams.spawn(CONNECTION.scope(connection.clone(), async move {
                    let session = ServerSession::new_http2(stream);
                    worker.proxy.process_new_http(session, &worker.context.stop).await;
                }));
            }
            Ok(Some(H2Accept::Rejected)) if malformed < MALFORMED_STREAMS_MAX => malformed += 1,
            Ok(Some(H2Accept::Rejected) | None) => break,
            Err(error) => {
                tracing::debug!(%error, "HTTP/2 connection ended");
                break;
            }
        }
    }
}
