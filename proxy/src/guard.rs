//! Limits before any tenant is known: connection slots, the total header deadline, and what a raw
//! request head may look like.
//!
//! pingora's header timeout is per read; here every connection has a slot that says since when it
//! owes a request head, and a sweep a second closes those that owe it too long.

use http::HeaderValue;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// One client connection, known to every request on it (HTTP/1) or to the connection itself.
#[derive(Debug)]
pub struct Connection {
    pub client: SocketAddr,
    /// The client's address as a header value, made once.
    pub client_text: HeaderValue,
    pub tls: bool,
    opened: Instant,
    /// Milliseconds after `opened` at which a head is overdue; 0 while a request is served.
    overdue_at_ms: AtomicU64,
}

tokio::task_local! {
    /// The connection whose task runs.
    pub static CONNECTION: Arc<Connection>;
}

impl Connection {
    pub fn new(client: SocketAddr, tls: bool) -> Self {
        let client_text = address_text(client.ip());
        Self { client, client_text, tls, opened: Instant::now(), overdue_at_ms: AtomicU64::new(0) }
    }

    /// The connection owes something within `patience`.
    pub fn owes(&self, patience: Duration) {
        let at = self.opened.elapsed() + patience;
        self.overdue_at_ms.store((at.as_millis() as u64).max(1), Ordering::Relaxed);
    }

    /// It has delivered.
    pub fn served(&self) {
        self.overdue_at_ms.store(0, Ordering::Relaxed);
    }

    fn overdue(&self) -> bool {
        let at = self.overdue_at_ms.load(Ordering::Relaxed);
        at != 0 && self.opened.elapsed().as_millis() as u64 > at
    }
}

/// An address without port, as it goes into `X-Forwarded-For`.
pub fn address_text(address: IpAddr) -> HeaderValue {
    HeaderValue::try_from(address.to_canonical().to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// The connections of one worker.
#[derive(Default)]
pub struct Slots {
    open: Mutex<HashMap<u64, (Arc<Connection>, AbortHandle)>>,
}

impl Slots {
    pub fn add(&self, id: u64, connection: Arc<Connection>, task: AbortHandle) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (connection, task));
    }

    pub fn remove(&self, id: u64) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Closes the connections that owe a request head for too long; tells how many.
    pub fn sweep(&self) -> usize {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = open.values().filter(|(connection, _)| connection.overdue());
        overdue.map(|(_, task)| task.abort()).count()
    }

    /// Closes every connection; tells how many.
    pub fn close_all(&self) -> usize {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().map(|(_, task)| task.abort()).count()
    }
}

/// Why a request head is refused although a lenient parser took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    #[error("the request head has more than {0} bytes")]
    TooLong(usize),
    #[error("the request has more than {0} header lines")]
    TooManyHeaders(usize),
    #[error("a line of the request head does not end in CR LF")]
    BareLineFeed,
    #[error("the request has both Content-Length and Transfer-Encoding")]
    TwoLengths,
}

/// Looks at the bytes pingora parsed. `chunked`: the parsed head has `Transfer-Encoding`, beside
/// which pingora silently removes `Content-Length`; two lengths are how requests are smuggled.
pub fn check_head(
    raw: &[u8],
    headers: usize,
    chunked: bool,
    bytes_max: usize,
    headers_max: usize,
) -> Result<(), BadHead> {
    if raw.len() > bytes_max {
        return Err(BadHead::TooLong(bytes_max));
    }
    if headers > headers_max {
        return Err(BadHead::TooManyHeaders(headers_max));
    }
    let mut line_start = 0;
    for end in memchr::memchr_iter(b'\n', raw) {
        let line = raw.get(line_start..end).unwrap_or_default();
        if !line.ends_with(b"\r") {
            return Err(BadHead::BareLineFeed);
        }
        if chunked && has_name(line, b"content-length") {
            return Err(BadHead::TwoLengths);
        }
        line_start = end + 1;
    }
    Ok(())
}

fn has_name(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        && line.get(name.len()..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_could_be_read_two_ways_are_refused() {
        let check = |raw: &[u8], chunked| check_head(raw, 2, chunked, 200, 10);
        assert_eq!(check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false), Ok(()));
        assert_eq!(check(b"GET / HTTP/1.1\nHost: a\r\n\r\n", false), Err(BadHead::BareLineFeed));
        assert_eq!(check(b"GET / HTTP/1.1\r\nHost: a\n\n", false), Err(BadHead::BareLineFeed));
        let both = b"POST / HTTP/1.1\r\ncontent-LENGTH : 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(check(both, true), Err(BadHead::TwoLengths));
        assert_eq!(check(b"POST / HTTP/1.1\r\nX-Content-Length: 3\r\n\r\n", true), Ok(()));
        assert_eq!(check(&[b'a'; 201], false), Err(BadHead::TooLong(200)));
        assert_eq!(check_head(b"", 11, false, 200, 10), Err(BadHead::TooManyHeaders(10)));
    }

    #[test]
    fn a_connection_is_overdue_only_while_it_owes() {
        let connection = Connection::new("192.0.2.1:1".parse().unwrap(), false);
        assert!(!connection.overdue());
        connection.owes(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
        assert!(connection.overdue());
        connection.served();
        assert!(!connection.overdue());
        connection.owes(Duration::from_secs(60));
        assert!(!connection.overdue());
    }
}
