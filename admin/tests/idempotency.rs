//! `Idempotency-Key`.

use crate::harness::{Answer, Client, Installation, send, tenant};
use reqwest::Method;
use serde_json::{Value, json};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    send(client.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_same_answer() {
    let mut installation = Installation::start().await;
    let client = installation.client();
    let shop = tenant("shop", "shop.example");
    let first = post(&client, "/api/v1/tenants", "one", &shop).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let first = first.expect(201);
    let again = post(&client, "/api/v1/tenants", "one", &shop).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.expect(201), first);
    // Kept with the commit, it outlives the process.
    installation.start_again().await;
    let client = installation.client();
    assert_eq!(post(&client, "/api/v1/tenants", "one", &shop).await.expect(201), first);
    // Another key is another request.
    post(&client, "/api/v1/tenants", "two", &shop).await.problem(409);
    let audit = client.get("/api/v1/audit?subject=tenant%20shop").await.expect(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request_of_one_actor() {
    let installation = Installation::start().await;
    let client = installation.client();
    post(&client, "/api/v1/tenants", "key", &tenant("shop", "shop.example")).await.expect(201);
    let other = post(&client, "/api/v1/tenants", "key", &tenant("bank", "bank.example")).await.problem(422);
    assert!(other.contains("used for another request"), "{other}");
    post(&client, "/api/v1/tokens", "key", &json!({ "name": "x", "role": "Viewer" })).await.problem(422);
    let admin = installation.client_as(json!({ "name": "other", "role": "Admin" })).await;
    post(&admin, "/api/v1/tenants", "key", &tenant("bank", "bank.example")).await.expect(201);
    post(&admin, "/api/v1/tenants", &"k".repeat(256), &tenant("zoo", "zoo.example")).await.problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_may_be_tried_again() {
    let installation = Installation::start().await;
    let client = installation.client();
    client.post("/api/v1/tenants", tenant("bank", "shop.example")).await.expect(201);
    let shop = tenant("shop", "shop.example");
    post(&client, "/api/v1/tenants", "key", &shop).await.problem(409);
    client.delete("/api/v1/tenants/bank").await.expect(204);
    post(&client, "/api/v1/tenants", "key", &shop).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_at_once_is_done_once() {
    let installation = Installation::start().await;
    let client = installation.client();
    let shop = tenant("shop", "shop.example");
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (client, shop) = (client.clone(), shop.clone());
        asked.spawn(async move { post(&client, "/api/v1/tenants", "key", &shop).await.expect(201) });
    }
    let answers = asked.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_not_kept_for_a_replay() {
    let installation = Installation::start().await;
    let client = installation.client();
    let body = json!({ "name": "ci", "role": "Viewer" });
    let first = post(&client, "/api/v1/tokens", "key", &body).await.expect(201);
    let again = post(&client, "/api/v1/tokens", "key", &body).await.expect(201);
    assert_eq!((again.get("token"), &again["id"]), (None, &first["id"]));
    let secret = first["token"].as_str().unwrap().rsplit_once('_').unwrap().1.to_owned();
    for file in ["", "-wal"] {
        let path = format!("{}{file}", installation.settings.store.display());
        let bytes = std::fs::read(path).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file}");
    }
}
