//! `/tenants/{t}/plugins`.

use crate::harness::{Installation, Node, filter, tenant};
use reqwest::Method;
use serde_json::json;

const PLACE: &str = "/api/v1/tenants/shop/plugins";

/// Tenant `shop`, plugin `headers` in two versions, nothing deployed.
async fn installation() -> Installation {
    let installation = Installation::start().await;
    let client = installation.client();
    client.upload(filter("headers", "1.0.0")).await.expect(201);
    client.upload(filter("headers", "1.1.0")).await.expect(201);
    client.post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    installation
}

async fn version_served(node: &mut Node, wanted: Option<&str>) {
    node.until(|snapshot| {
        let entry = snapshot.tenants.iter().find(|entry| entry.id.as_str() == "shop");
        let binding = entry.and_then(|entry| entry.bindings.first());
        binding.map(|binding| binding.split.arms[0].version.as_str()) == wanted
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_needs_a_release_or_a_pin() {
    let installation = installation().await;
    let (client, mut node) = (installation.client(), installation.node("one"));
    let refused = client.call(Method::POST, &format!("{PLACE}/headers/enable")).await.problem(409);
    assert!(refused.starts_with("/version: plugin headers is not deployed for tenant shop"), "{refused}");
    let unknown = client.put(&format!("{PLACE}/headers/config"), json!({ "version": "9.9.9" })).await.problem(400);
    assert!(unknown.contains("its newest are 1.1.0, 1.0.0"), "{unknown}");
    client.put(&format!("{PLACE}/headers/config"), json!({ "version": "1.0.0" })).await.expect(200);
    version_served(&mut node, Some("1.0.0")).await;
    // Taking the pin away would leave nothing.
    client.delete(&format!("{PLACE}/headers/pin")).await.problem(409);
    client.post("/api/v1/deployments", json!({ "pluginId": "headers", "version": "1.1.0" })).await.expect(201);
    assert_eq!(node.entry("shop").unwrap().bindings[0].split.arms[0].version.as_str(), "1.0.0", "pins stay");
    client.delete(&format!("{PLACE}/headers/pin")).await.expect(200);
    version_served(&mut node, Some("1.1.0")).await;
    client.put(&format!("{PLACE}/headers/pin"), json!({ "version": "1.0.0" })).await.expect(200);
    version_served(&mut node, Some("1.0.0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_and_disabling_keeps_the_configuration() {
    let installation = installation().await;
    let (client, mut node) = (installation.client(), installation.node("one"));
    client.post("/api/v1/deployments", json!({ "pluginId": "headers", "version": "1.0.0" })).await.expect(201);
    let setting = json!({
        "config": { "version_header": "x-v" }, "order": 7, "failurePolicy": "open", "isolation": "reused",
        "stickiness": { "cookie": "session", "clientAddress": true }, "limits": { "deadlineMs": 3 },
    });
    let bound = client.put(&format!("{PLACE}/headers/config"), setting.clone()).await.expect(200);
    for field in ["config", "order", "failurePolicy", "isolation"] {
        assert_eq!(bound[field], setting[field]);
    }
    version_served(&mut node, Some("1.0.0")).await;
    let binding = node.entry("shop").unwrap().bindings[0].clone();
    assert_eq!((&*binding.config, binding.limits.deadline_ms), ("{\"version_header\":\"x-v\"}", Some(3)));
    assert_eq!(binding.stickiness.cookie.as_deref(), Some("session"));

    assert_eq!(client.call(Method::POST, &format!("{PLACE}/headers/disable")).await.expect(200)["enabled"], false);
    version_served(&mut node, None).await;
    let again = client.call(Method::POST, &format!("{PLACE}/headers/enable")).await.expect(200);
    assert_eq!(again["config"], setting["config"]);
    version_served(&mut node, Some("1.0.0")).await;
    assert_eq!(client.get(PLACE).await.expect(200)["items"], json!([again]));

    client.delete(&format!("{PLACE}/headers")).await.expect(204);
    version_served(&mut node, None).await;
    for (method, what) in [(Method::POST, "disable"), (Method::DELETE, "pin")] {
        client.call(method, &format!("{PLACE}/headers/{what}")).await.problem(404);
    }
    client.delete(&format!("{PLACE}/headers")).await.problem(404);
    client.call(Method::POST, &format!("{PLACE}/nothing/enable")).await.problem(404);
    client.get("/api/v1/tenants/nobody/plugins").await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_the_filter_refuses_is_not_taken() {
    let installation = installation().await;
    let client = installation.client();
    client.post("/api/v1/deployments?wait=0", json!({ "pluginId": "headers", "version": "1.0.0" })).await.expect(201);
    let before = client.put(&format!("{PLACE}/headers/config"), json!({ "config": {} })).await.expect(200);
    let refused =
        client.put(&format!("{PLACE}/headers/config"), json!({ "config": { "request": 7 } })).await.problem(400);
    assert!(refused.starts_with("/config: headers 1.0.0: configure refused"), "{refused}");
    assert_eq!(client.get(PLACE).await.expect(200)["items"], json!([before]));
    // As a whole tenant, the place is in the list.
    let mut shop = tenant("shop", "shop.example");
    shop["plugins"] = json!([{ "plugin": "headers", "config": { "request": 7 } }]);
    let refused = client.put("/api/v1/tenants/shop", shop).await.problem(400);
    assert!(refused.starts_with("/plugins/0/config: "), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_stand_in_their_order() {
    let installation = installation().await;
    let (client, node) = (installation.client(), installation.node("one"));
    client.upload(filter("request-id", "1.0.0")).await.expect(201);
    let mut shop = tenant("shop", "shop.example");
    shop["plugins"] = json!([
        { "plugin": "request-id", "version": "1.0.0" },
        { "plugin": "headers", "version": "1.0.0" },
    ]);
    client.put("/api/v1/tenants/shop", shop).await.expect(200);
    let order = |node: &Node| {
        let entry = node.entry("shop");
        entry.map(|entry| entry.bindings.iter().map(|binding| binding.plugin.to_string()).collect::<Vec<_>>())
    };
    crate::harness::eventually(async || (order(&node)? == ["request-id", "headers"]).then_some(())).await;
    client.put(&format!("{PLACE}/headers/config"), json!({ "order": -1 })).await.expect(200);
    crate::harness::eventually(async || (order(&node)? == ["headers", "request-id"]).then_some(())).await;
}
