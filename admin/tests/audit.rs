//! `/audit`.

use crate::harness::{Installation, send, tenant};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_on_record() {
    let installation = Installation::start().await;
    let client = installation.client();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let create = client.request(Method::POST, "/api/v1/tenants").header("traceparent", trace);
    send(create.json(&tenant("shop", "shop.example"))).await.expect(201);
    client.post("/api/v1/tenants", tenant("bank", "shop.example")).await.problem(409);
    client.delete("/api/v1/tenants/shop").await.expect(204);
    let all = client.get("/api/v1/audit").await.expect(200);
    let rows = all["items"].as_array().unwrap();
    let actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["tenant.delete", "tenant.create", "token.create"], "what was refused changed nothing");
    assert_eq!((&rows[1]["actor"], &rows[1]["subject"]), (&json!("first admin"), &json!("tenant shop")));
    assert_eq!((&rows[1]["traceparent"], &rows[1]["detail"]["hosts"]), (&json!(trace), &json!(["shop.example"])));

    let page = client.get("/api/v1/audit?limit=2").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap(), &rows[..2]);
    let cursor = page["next"].as_str().unwrap();
    let rest = client.get(&format!("/api/v1/audit?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((rest["items"].as_array().unwrap().as_slice(), &rest["next"]), (&rows[2..], &Value::Null));
    let of = client.get("/api/v1/audit?subject=tenant%20shop&actor=first%20admin").await.expect(200);
    assert_eq!(of["items"].as_array().unwrap().len(), 2);
    assert_eq!(client.get("/api/v1/audit?actor=nobody").await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_log_is_found() {
    let mut installation = Installation::start().await;
    installation.client().post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    let intact = installation.client().get("/api/v1/audit/verify").await.expect(200);
    assert_eq!((&intact["intact"], &intact["rowsVerified"]), (&json!(true), &json!(2)));
    installation.stop().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&installation.settings.store);
    let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("UPDATE audit SET actor = 'nobody' WHERE seq = 2").execute(&pool).await.unwrap();
    pool.close().await;
    installation.start_again().await;
    let broken = installation.client().get("/api/v1/audit/verify").await.expect(200);
    assert_eq!((&broken["intact"], &broken["brokenAt"]), (&json!(false), &json!(2)));
    assert!(broken["reason"].as_str().unwrap().contains("changed after it was written"));
}
