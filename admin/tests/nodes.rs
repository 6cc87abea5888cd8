//! `/nodes`.

use crate::harness::{Installation, eventually, tenant};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_shown_with_what_they_refused() {
    let installation = Installation::start().await;
    let client = installation.client();
    assert_eq!(client.get("/api/v1/nodes").await.expect(200)["items"], json!([]));
    let node = installation.node("edge-1");
    node.refuse("shop", "the module cannot be compiled");
    client.post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    let shown = eventually(async || {
        let shown = client.get("/api/v1/nodes").await.expect(200)["items"][0].clone();
        (shown["acknowledgedGeneration"] == shown["publishedGeneration"]).then_some(shown)
    });
    let shown = shown.await;
    assert_eq!((&shown["node"], &shown["upToDate"]), (&json!("edge-1"), &json!(false)));
    assert_eq!(shown["refused"][0]["tenant"], "shop");
    assert_eq!(shown["refused"][0]["reason"], "the module cannot be compiled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_shown_as_it_came() {
    let installation = Installation::start().await;
    let report = json!({
        "node": "edge-1", "bootId": 7, "startedUnixMs": 1, "generation": 1, "draining": false, "connections": 3,
        "exchangesInFlight": 2, "instancesLive": 2, "instancesMax": 64, "modulesLoaded": 1, "residentBytes": 1000,
        "refused": [], "versions": [], "receipts": [],
    });
    installation.admin().feed().report(serde_json::from_value(report.clone()).unwrap()).await.unwrap();
    let shown = installation.client().get("/api/v1/nodes").await.expect(200)["items"][0].clone();
    assert_eq!((&shown["report"], &shown["upToDate"]), (&report, &json!(false)));
}
