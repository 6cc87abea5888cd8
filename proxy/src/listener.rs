//! Binds, accepts, and hands each connection to the worker that has the fewest.

use crate::metrics::Metrics;
use crate::worker::Handle;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// Connections the kernel keeps for us before we accept them.
const BACKLOG: u32 = 4_096;
/// How long to wait when the process has run out of file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket that is not yet accepting.
pub struct Bound {
    socket: std::net::TcpListener,
    pub address: SocketAddr,
    pub tls: bool,
}

/// A connection that no worker has taken up yet.
pub struct Accepted {
    pub stream: std::net::TcpStream,
    pub client: SocketAddr,
    pub tls: bool,
}

/// Needs a runtime around it.
pub fn bind(address: SocketAddr, tls: bool) -> io::Result<Bound> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let socket = socket.listen(BACKLOG)?.into_std()?;
    let address = socket.local_addr()?;
    Ok(Bound { socket, address, tls })
}

/// Accepts until told to stop. The listening socket is closed on return.
pub async fn accept(
    bound: Bound,
    workers: Arc<[Handle]>,
    connections_max: usize,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(bound.socket)?;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(_) if workers.iter().map(Handle::connections).sum::<usize>() >= connections_max => {
                metrics.connections_refused.inc()
            }
            Ok((stream, client)) => {
                let _ = stream.set_nodelay(true);
                let Ok(stream) = stream.into_std() else { continue };
                if let Some(worker) = workers.iter().min_by_key(|worker| worker.connections()) {
                    worker.take(Accepted { stream, client, tls: bound.tls });
                }
            }
            Err(error) => {
                // Either this connection is gone, or there are no descriptors: both pass.
                tracing::warn!(%error, address = %bound.address, "accepting failed");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}
