//! The write path. One writer at a time; what it commits is visible to readers and published
//! before the next one begins.

use super::{App, AppError, Executed, Order, Reply, documents, now_unix_ms};
use crate::artifacts::Staged;
use crate::auth::Actor;
use crate::store::{Answer, Commit, NewAuditRow, Store, StoreError};
use std::sync::{Arc, PoisonError};
use switchyard_contract::Generation;
use switchyard_domain::check::{check, check_changed};
use switchyard_domain::render::Rendering;
use switchyard_domain::{Changes, Command, Context, Refusal, World, decide};

/// How often a command is decided anew when another admin committed in between.
const ATTEMPTS_MAX: u32 = 5;

/// What only the writer touches.
#[derive(Default)]
pub(super) struct Writer {
    rendering: Rendering,
}

pub(super) async fn load(store: &dyn Store) -> Result<World, AppError> {
    let loaded = store.load().await?;
    let mut world = World::default();
    for document in &loaded.documents {
        world.apply(&switchyard_domain::Change::Put(documents::resource(document)?));
    }
    world.generation = Generation(loaded.generation);
    let findings = check(&world);
    if findings.is_empty() { Ok(world) } else { Err(AppError::Unsound(findings)) }
}

impl App {
    /// Carries out an order, whether or not whoever asked is still there to hear the answer.
    pub async fn execute(&self, order: Order) -> Result<Executed, AppError> {
        let app = self.clone();
        let done = tokio::spawn(async move { app.execute_to_the_end(order).await }).await;
        done.map_err(|error| if error.is_panic() { AppError::Panicked } else { AppError::Stopping })?
    }

    /// Whether the actor may ask for this at all: before work is done for somebody who may not.
    pub fn authorize(&self, actor: &Actor, command: &Command) -> Result<(), Refusal> {
        actor.principal().authorize(command, self.environment())
    }

    /// Waits until what is being carried out is done.
    pub async fn finish(&self) {
        drop(self.0.writer.lock().await);
    }

    async fn execute_to_the_end(&self, mut order: Order) -> Result<Executed, AppError> {
        let mut writer = self.0.writer.lock().await;
        if let Some(reply) = self.kept_answer(&order).await? {
            return Ok(Executed { reply, replayed: true, changes: None });
        }
        let mut artifact = order.artifact.take();
        for attempt in 1.. {
            let world = self.world();
            let changes = decide(&world, &order.command, &self.context(&order))?;
            let (reply, next) = prepared(&world, &changes, &order)?;
            let Some(next) = next else {
                return Ok(Executed { reply, replayed: false, changes: Some(changes) });
            };
            keep(&mut artifact).await?;
            match self.0.store.commit(&commit(&world, &changes, &order, &reply)?).await {
                Ok(()) => {
                    self.show(&mut writer, Arc::new(next));
                    return Ok(Executed { reply, replayed: false, changes: Some(changes) });
                }
                // Another admin committed, or an earlier commit of ours landed though it reported
                // a failure: look again, then decide on what is.
                Err(StoreError::Stale { .. }) if attempt < ATTEMPTS_MAX => {
                    let newest = load(self.store()).await?;
                    self.show(&mut writer, Arc::new(newest));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Stopping)
    }

    async fn kept_answer(&self, order: &Order) -> Result<Option<Reply>, AppError> {
        let Some((key, request_sha256)) = &order.asked.idempotency else { return Ok(None) };
        let Some(kept) = self.0.store.answer(&order.actor.idempotency_scope(), key).await? else { return Ok(None) };
        if kept.request_sha256 != *request_sha256 {
            return Err(AppError::KeyReused(key.clone()));
        }
        let body = serde_json::from_str(&kept.body).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Some(Reply { status: kept.status, body, shown: None }))
    }

    fn context(&self, order: &Order) -> Context {
        Context {
            now_unix_ms: now_unix_ms(),
            actor: order.actor.principal().clone(),
            environment: self.environment(),
            expect: order.asked.expect,
        }
    }

    /// Makes a committed world the one that readers and nodes see.
    fn show(&self, writer: &mut Writer, world: Arc<World>) {
        *self.0.world.write().unwrap_or_else(PoisonError::into_inner) = world.clone();
        writer.rendering.update(&world);
        self.0.feed.publish(writer.rendering.snapshot().clone());
        self.0.metrics.published(world.generation);
    }

    pub(super) async fn publish_loaded(&self) {
        let mut writer = self.0.writer.lock().await;
        self.show(&mut writer, self.world());
    }
}

/// The answer, and the world after the changes where there are any.
fn prepared(world: &World, changes: &Changes, order: &Order) -> Result<(Reply, Option<World>), AppError> {
    if changes.list.is_empty() {
        return Ok(((order.present)(world, changes), None));
    }
    let mut next = world.clone();
    changes.list.iter().for_each(|change| next.apply(change));
    next.generation = changes.generation;
    let findings = check_changed(&next, &changes.list);
    if !findings.is_empty() {
        return Err(AppError::Unsound(findings));
    }
    Ok(((order.present)(&next, changes), Some(next)))
}

/// Before the commit: a document never names bytes that are not there.
async fn keep(artifact: &mut Option<Box<dyn Staged>>) -> Result<(), AppError> {
    match artifact.take() {
        Some(artifact) => Ok(artifact.keep().await?),
        None => Ok(()),
    }
}

fn commit(world: &World, changes: &Changes, order: &Order, reply: &Reply) -> Result<Commit, AppError> {
    let now_unix_ms = now_unix_ms();
    let writes = changes.list.iter().map(|change| documents::write(world, change)).collect::<Result<_, _>>()?;
    let row = NewAuditRow {
        at_unix_ms: now_unix_ms,
        actor: order.actor.principal().name.clone(),
        action: changes.action.to_owned(),
        subject: changes.subject.to_string(),
        detail: changes.detail.to_string(),
        traceparent: order.asked.traceparent.clone(),
    };
    let answer = order.asked.idempotency.as_ref().map(|(key, request_sha256)| Answer {
        actor: order.actor.idempotency_scope(),
        idempotency_key: key.clone(),
        request_sha256: *request_sha256,
        status: reply.status,
        body: reply.body.to_string(),
        created_at_unix_ms: now_unix_ms,
    });
    Ok(Commit { generation: changes.generation.0, writes, audit: vec![row], answer })
}
