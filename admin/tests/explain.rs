//! `/explain`.

use crate::harness::{Installation, filter, tenant};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn it_says_which_version_serves_and_why() {
    let installation = Installation::start().await;
    let client = installation.client();
    for version in ["1.0.0", "1.1.0"] {
        client.upload(filter("headers", version)).await.expect(201);
    }
    client.upload(filter("request-id", "1.0.0")).await.expect(201);
    let halves = json!([{ "version": "1.0.0", "weight": 50 }, { "version": "1.1.0", "weight": 50 }]);
    client.post("/api/v1/deployments?wait=0", json!({ "pluginId": "headers", "versions": halves })).await.expect(201);
    let mut shop = tenant("shop", "*.shop.example");
    shop["plugins"] = json!([
        { "plugin": "request-id", "version": "1.0.0" },
        { "plugin": "headers", "stickiness": { "header": "x-user", "clientAddress": true } },
    ]);
    client.post("/api/v1/tenants", shop).await.expect(201);

    let ask =
        async |query: &str| client.get(&format!("/api/v1/explain?host=www.Shop.example:8080{query}")).await.expect(200);
    let open = ask("").await;
    assert_eq!((&open["tenant"], &open["filters"][0]["version"]), (&json!("shop"), &json!("1.0.0")));
    assert!(open["filters"][0]["why"].as_str().unwrap().contains("pins"));
    assert_eq!(open["filters"][1].get("version"), None, "without a key it is left to chance");
    // The same key always gets the same; different keys get both.
    let mut seen = std::collections::BTreeSet::new();
    for user in 0..20 {
        let one = ask(&format!("&header=user-{user}")).await["filters"][1]["version"].clone();
        assert_eq!(ask(&format!("&header=user-{user}&address=10.0.0.1")).await["filters"][1]["version"], one);
        seen.insert(one.as_str().unwrap().to_owned());
    }
    assert_eq!(seen.len(), 2);
    assert!(ask("&address=10.0.0.1").await["filters"][1]["version"].is_string());
    assert_eq!(ask("&cookie=abc").await["filters"][1].get("version"), None, "it is not sticky by cookie");
    client.get("/api/v1/explain?host=shop.example").await.problem(404);
    client.get("/api/v1/explain?host=%00").await.problem(404);
    client.get("/api/v1/explain").await.problem(400);
}
