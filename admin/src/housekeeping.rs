//! What the control plane does by itself: records outcomes when nodes answer, and forgets answers
//! nobody will ask for again. On a signal and on a timer, from the full state.

use crate::app::{App, now_unix_ms};
use std::time::Duration;
use tokio::sync::watch;

/// Outcomes are looked at this often even when no node says anything.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// How long an `Idempotency-Key` is honoured.
const ANSWERS_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

pub(crate) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut ticks = app.feed().acknowledgement_ticks();
    let mut timer = tokio::time::interval(AT_LEAST_EVERY);
    loop {
        let woken_by = tokio::select! {
            () = stopped(&mut stop) => Woken::Stop,
            _ = ticks.changed() => Woken::Node,
            _ = timer.tick() => Woken::Timer,
        };
        match woken_by {
            Woken::Stop => return,
            Woken::Node => {}
            Woken::Timer => forget_answers(&app).await,
        }
        if let Err(error) = app.settle().await {
            tracing::warn!(%error, "outcomes of deployments could not be recorded; it is tried again");
        }
    }
}

enum Woken {
    Stop,
    Node,
    Timer,
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An embedder that is gone without a word has stopped as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn forget_answers(app: &App) {
    let before = now_unix_ms().saturating_sub(ANSWERS_KEPT_MS);
    if let Err(error) = app.store().forget_answers(before).await {
        tracing::warn!(%error, "old answers could not be forgotten; it is tried again");
    }
}
