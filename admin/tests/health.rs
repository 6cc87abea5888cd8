//! `/healthz`, `/readyz`, `/metrics`: open to those without a token.

use crate::harness::{Installation, eventually, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_when_the_node_serves_what_is_published() {
    let installation = Installation::start().await;
    let stranger = installation.stranger();
    assert_eq!(stranger.get("/healthz").await.status, 200);
    let waiting = stranger.get("/readyz").await.expect(503);
    assert!(waiting["nodes"].as_str().unwrap().contains("not acknowledged"), "{waiting}");
    let node = installation.node("one");
    eventually(async || (stranger.get("/readyz").await.status == 200).then_some(())).await;
    // A node that has gone does not take the control plane's word for what it missed.
    drop(node);
    installation.client().post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    assert_eq!(stranger.get("/readyz").await.status, 503);
    assert_eq!(stranger.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_shown() {
    let installation = Installation::start().await;
    let client = installation.client();
    client.post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    client.get("/api/v1/tenants/shop").await.expect(200);
    let answer = installation.stranger().get("/metrics").await;
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    let text = String::from_utf8(answer.bytes).unwrap();
    for line in [
        "switchyard_published_generation 2",
        "switchyard_plugins_registered_total 0",
        "switchyard_deployments_in_progress 0",
        "switchyard_admin_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/tenants/{tenant}\",status=\"200\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
