//! hyper's executor for single-threaded use: what it spawns runs on the thread that called it, inside a `LocalSet`.

use std::future::Future;

#[derive(Debug, Clone, Copy)]
pub(crate) struct SameThread;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for SameThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
