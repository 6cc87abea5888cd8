//! `/deployments`.

use crate::harness::{Installation, filter, tenant};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_registered_deployed_served_and_rolled_back() {
    let installation = Installation::start().await;
    let (client, node) = (installation.client(), installation.node("one"));
    client.upload(filter("headers", "1.0.0")).await.expect(201);
    client.upload(filter("headers", "1.1.0")).await.expect(201);
    let first =
        client.post("/api/v1/deployments", json!({ "pluginId": "headers", "version": "1.0.0" })).await.expect(201);
    assert_eq!(first["status"], "Completed");
    let mut shop = tenant("shop", "shop.example");
    shop["plugins"] = json!([{ "plugin": "headers", "config": { "version_header": "x-v" } }]);
    client.post("/api/v1/tenants", shop).await.expect(201);
    let second =
        client.post("/api/v1/deployments", json!({ "pluginId": "headers", "version": "1.1.0" })).await.expect(201);
    assert_eq!(second["status"], "Completed");
    let version =
        |node: &crate::harness::Node| node.entry("shop").unwrap().bindings[0].split.arms[0].version.to_string();
    assert_eq!(version(&node), "1.1.0");
    let id = second["id"].as_str().unwrap();
    let back = client.post(&format!("/api/v1/deployments/{id}/rollback"), json!({})).await.expect(200);
    assert_eq!(back["status"], "RolledBack");
    assert_eq!(version(&node), "1.0.0");
}
