//! What was acknowledged is there after kill -9, whole; and a control plane that starts again
//! publishes what it had.

use crate::harness::{DEADLINE, Installation, filter, tenant};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use switchyard_admin::store::{AuditQuery, SqliteStore, Store, Verdict, verify_audit};
use tempfile::TempDir;

const KILLS: u32 = 12;

/// Ended whatever happens to the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the writer, kills it after that many acknowledgements and a moment, and gives the last
/// generation it acknowledged.
fn acknowledged_before_kill(store: &std::path::Path, acknowledgements: usize, moment: Duration) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_switchyard-admin-test-child"))
        .arg("commit")
        .arg(store)
        .stdout(Stdio::piped())
        .spawn()
        .map(Killed)
        .unwrap();
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let began = Instant::now();
    let mut last = 0;
    for line in lines.by_ref().take(acknowledgements) {
        last = line.parse().unwrap();
        assert!(began.elapsed() < DEADLINE, "the writer is too slow");
    }
    std::thread::sleep(moment);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    // What it said before it died counts; a line cut in two does not.
    lines.filter_map(|line| line.parse().ok()).max().unwrap_or(last).max(last)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let mut before = 0;
    for round in 0..KILLS {
        // Other numbers and moments every time the test runs.
        let random = rand::random::<u64>();
        let (acknowledgements, moment) = (1 + (random % 7) as usize, Duration::from_micros(random / 7 % 5_000));
        let store = path.clone();
        let killed =
            tokio::task::spawn_blocking(move || acknowledged_before_kill(&store, acknowledgements, moment)).await;
        let acknowledged = killed.unwrap();
        assert!(acknowledged > before, "round {round}");

        let store = SqliteStore::open(&path).await.unwrap();
        let loaded = store.load().await.unwrap();
        assert!(loaded.generation >= acknowledged, "lost: {} of {acknowledged}", loaded.generation);
        // Every commit is there whole: both its documents, and its audit row.
        let ids: std::collections::BTreeSet<_> = loaded.documents.iter().map(|document| document.id.as_str()).collect();
        for generation in 1..=loaded.generation {
            assert!(ids.contains(format!("left-{generation}").as_str()), "{generation}");
            assert!(ids.contains(format!("right-{generation}").as_str()), "{generation}");
        }
        assert_eq!(ids.len() as u64, 2 * loaded.generation);
        let head = AuditQuery { rows_max: 1, ..AuditQuery::default() };
        assert_eq!(store.audit(&head).await.unwrap()[0].generation, loaded.generation);
        assert!(
            matches!(verify_audit(&store).await.unwrap(), Verdict::Intact { rows, .. } if rows == loaded.generation)
        );
        before = loaded.generation;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_starts_again_publishes_what_it_had() {
    let mut installation = Installation::start().await;
    let client = installation.client();
    client.upload(filter("headers", "1.0.0")).await.expect(201);
    client.post("/api/v1/deployments?wait=0", json!({ "pluginId": "headers", "version": "1.0.0" })).await.expect(201);
    let mut shop = tenant("shop", "shop.example");
    shop["plugins"] = json!([{ "plugin": "headers" }]);
    client.post("/api/v1/tenants", shop).await.expect(201);
    let before = installation.node("one").until(|snapshot| !snapshot.tenants.is_empty()).await;

    installation.start_again().await;
    let mut node = installation.node("one");
    let after = node.until(|snapshot| !snapshot.tenants.is_empty()).await;
    assert_eq!(before.tenants, after.tenants);
    assert!(after.generation >= before.generation);
    // The token still opens, the artifact is still served, and the deployment gets its outcome.
    let client = installation.client();
    let artifact = client.get("/api/v1/plugins/headers/versions/1.0.0/artifact").await;
    assert_eq!((artifact.status, artifact.bytes), (200, filter("headers", "1.0.0")));
    let settled = crate::harness::eventually(async || {
        let listed = client.get("/api/v1/deployments").await.expect(200);
        (listed["items"][0]["status"] == "Completed").then_some(listed)
    });
    assert_eq!(settled.await["items"].as_array().unwrap().len(), 1);
}
