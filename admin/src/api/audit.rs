//! `/audit`: who did what, the newest first, and whether the log is whole.

use super::Problem;
use super::page::{Listed, Page};
use super::view::time;
use crate::api::address::Parameters;
use crate::app::App;
use crate::auth::{Actor, hex};
use crate::store::{AuditQuery, AuditRow, Verdict, verify_audit};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub struct Filter {
    actor: Option<String>,
    subject: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    seq: u64,
    generation: u64,
    at: String,
    actor: String,
    action: String,
    subject: String,
    detail: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    hash: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictView {
    intact: bool,
    /// Rows from the first on that are in order.
    rows_verified: u64,
    /// Hash of the newest row: kept elsewhere, it proves later that nothing before it was rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub async fn list(
    actor: Actor,
    State(app): State<App>,
    page: Page,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<Listed<AuditView>>, Problem> {
    actor.may_see_installation("audit log")?;
    let query = AuditQuery {
        beyond: page.after()?,
        oldest_first: false,
        actor: filter.actor,
        subject: filter.subject,
        // One more than is shown says whether there is a next page.
        rows_max: page.limit as u32 + 1,
    };
    let rows = app.store().audit(&query).await?;
    Ok(Json(page.of(rows.into_iter(), |row| row.seq.to_string(), view)))
}

fn view(row: AuditRow) -> AuditView {
    AuditView {
        seq: row.seq,
        generation: row.generation,
        at: time(row.row.at_unix_ms),
        actor: row.row.actor,
        action: row.row.action,
        subject: row.row.subject,
        // What is not JSON any more was tampered with: show it as it is.
        detail: serde_json::from_str(&row.row.detail).unwrap_or(Value::String(row.row.detail)),
        traceparent: row.row.traceparent,
        hash: hex(&row.hash),
    }
}

pub async fn verify(actor: Actor, State(app): State<App>) -> Result<Json<VerdictView>, Problem> {
    actor.may_see_installation("audit log")?;
    Ok(Json(match verify_audit(app.store()).await? {
        Verdict::Intact { rows, head } => {
            VerdictView { intact: true, rows_verified: rows, head: Some(hex(&head)), broken_at: None, reason: None }
        }
        Verdict::Broken { seq, reason } => VerdictView {
            intact: false,
            rows_verified: seq.saturating_sub(1),
            head: None,
            broken_at: Some(seq),
            reason: Some(reason),
        },
    }))
}
