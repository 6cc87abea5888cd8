//! Continuous traffic for the demo: a few connections, each asking again as soon as it has its
//! answer, each checking every answer. Simple on purpose; measuring is what `loadtest` is for.

use super::origin::expected_body;
use super::tally::{Served, Tally};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// An answer that takes longer is a failed request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The pause after a connection could not be made: the failure is counted, not multiplied.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Names the user; the demo's splits stick to it.
pub const USER_HEADER: &str = "x-user";
/// The response header each of the demo's filters leaves when it ran.
pub const MARKS: [(&str, &str); 2] = [("headers", HEADERS_MARK), ("bad", "x-bad-version")];
pub const HEADERS_MARK: &str = "x-headers-version";
/// The proxy's list of the versions that touched a response.
const VERSIONS_HEADER: &str = "x-switchyard-versions";

/// Traffic that runs until it is stopped.
pub struct Load {
    clients: JoinSet<()>,
    /// Requests each client has finished.
    finished: Vec<Arc<AtomicU64>>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// `connections` and `users` are those of each host. A user belongs to one connection, so that
    /// its requests follow each other.
    pub fn start(edge: SocketAddr, hosts: &[&'static str], connections: u32, users: u32, tally: &Arc<Tally>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut clients, mut finished) = (JoinSet::new(), Vec::new());
        for host in hosts {
            for connection in 0..connections {
                let users = (connection..users).step_by(connections as usize).collect();
                let counter = Arc::new(AtomicU64::new(0));
                finished.push(counter.clone());
                let client = Client { edge, host, users, tally: tally.clone(), finished: counter };
                clients.spawn(client.run(stop.clone()));
            }
        }
        Self { clients, finished, stop }
    }

    /// Until every request that is under way now has ended: each client has one at a time.
    pub async fn turn_over(&self) {
        for counter in &self.finished {
            let before = counter.load(Ordering::Relaxed);
            while counter.load(Ordering::Relaxed) == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Every request that was begun is finished and counted.
    pub async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.clients.join_next().await.is_some() {}
    }
}

struct Client {
    edge: SocketAddr,
    host: &'static str,
    users: Vec<u32>,
    tally: Arc<Tally>,
    finished: Arc<AtomicU64>,
}

impl Client {
    async fn run(self, stop: Arc<AtomicBool>) {
        let mut connection: Option<SendRequest<Empty<Bytes>>> = None;
        for (turn, user) in self.users.iter().copied().cycle().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let answer = tokio::time::timeout(ANSWER_WITHIN, self.ask(&mut connection, user, turn)).await;
            let outcome = answer.unwrap_or_else(|_| Err(format!("no answer within {ANSWER_WITHIN:?}")));
            let failed = outcome.is_err();
            self.tally.record(self.host, user, outcome);
            self.finished.fetch_add(1, Ordering::Relaxed);
            if failed {
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// What served, or why this was no good answer. Only a good answer gives the connection back.
    async fn ask(
        &self,
        connection: &mut Option<SendRequest<Empty<Bytes>>>,
        user: u32,
        turn: usize,
    ) -> Result<Served, String> {
        let mut sender = match connection.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => connect(self.edge).await?,
        };
        sender.ready().await.map_err(|error| format!("connection lost: {error}"))?;
        let path = format!("/{user}/{turn}");
        let request = Request::get(&path)
            .header(header::HOST, self.host)
            .header(USER_HEADER, user.to_string())
            .body(Empty::new())
            .map_err(|error| format!("request not built: {error}"))?;
        let response = sender.send_request(request).await.map_err(|error| format!("request failed: {error}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("body cut off: {error}"))?.to_bytes();
        if head.status != StatusCode::OK {
            return Err(format!("status {}", head.status.as_u16()));
        }
        if body != expected_body(self.host, &path).as_bytes() {
            return Err("a body that is not the origin's answer to this request".to_owned());
        }
        *connection = Some(sender);
        Ok(served(&head.headers))
    }
}

async fn connect(edge: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect(edge).await.map_err(|error| format!("no connection: {error}"))?;
    stream.set_nodelay(true).map_err(|error| format!("no connection: {error}"))?;
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("no connection: {error}"))?;
    // Ends with the sender; its errors reach the sender too.
    tokio::spawn(connection);
    Ok(sender)
}

/// `a=1.0.0, b=2.1.0` names what the proxy chose; the marks tell what ran.
fn served(headers: &header::HeaderMap) -> Served {
    let listed = headers.get(VERSIONS_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let choices = listed.split(',').map(str::trim).filter(|choice| !choice.is_empty()).map(str::to_owned).collect();
    let missing = MARKS.iter().filter(|(_, mark)| !headers.contains_key(*mark)).map(|(plugin, _)| *plugin).collect();
    Served { choices, missing }
}
