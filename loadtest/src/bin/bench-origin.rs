//! The origin as a process of its own, so that it can be pinned beside the load and not beside the proxy.

use clap::Parser;
use std::net::SocketAddr;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers every request with a small 200, HTTP/1.1 and HTTP/2 with prior knowledge on the same port.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// How long to hold each answer back, in milliseconds.
    #[arg(long, default_value_t = 0)]
    hold_ms: u64,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
        let local = tokio::task::LocalSet::new();
        let serving = switchyard_loadtest::origin::serve(listener, Duration::from_millis(arguments.hold_ms));
        local.run_until(serving).await;
        Ok(())
    })
}
