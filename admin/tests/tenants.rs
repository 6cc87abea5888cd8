//! `/tenants`.

use crate::harness::{Installation, send, tenant};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_created_read_replaced_and_deleted() {
    let installation = Installation::start().await;
    let (client, mut node) = (installation.client(), installation.node("one"));
    let made = client.post("/api/v1/tenants", tenant("shop", "Shop.Example")).await;
    let etag = made.header("etag").unwrap().to_owned();
    let made = made.expect(201);
    assert_eq!(made["hosts"], json!(["shop.example"]), "host names have no case");
    assert_eq!(made["upstreams"][0]["timeouts"]["connectMs"], 1_000);
    let shown = client.get("/api/v1/tenants/shop").await;
    assert_eq!(shown.header("etag"), Some(etag.as_str()));
    assert_eq!(shown.expect(200), made);

    let mut changed = tenant("shop", "shop.example");
    changed["showVersions"] = json!(true);
    changed["limits"] = json!({ "exchangesMax": 7 });
    changed["upstreams"][0]["protocol"] = json!("http2");
    changed["upstreams"][0]["tls"] = json!({ "serverName": "origin.example" });
    changed["upstreams"][0]["healthCheck"] = json!({ "path": "/up" });
    let replaced = client.put("/api/v1/tenants/shop", changed.clone()).await.expect(200);
    assert!(replaced["generation"].as_u64() > made["generation"].as_u64());
    assert_eq!(client.put("/api/v1/tenants/shop", changed).await.expect(200), replaced, "already so");
    let entry =
        node.until(|snapshot| snapshot.tenants.iter().any(|entry| entry.show_versions)).await.tenants[0].clone();
    assert_eq!((entry.limits.exchanges_max, entry.upstreams[0].tls.is_some()), (7, true));

    // PUT creates, too: files are applied without asking what is there.
    client.put("/api/v1/tenants/bank", tenant("bank", "bank.example")).await.expect(201);
    client.delete("/api/v1/tenants/shop").await.expect(204);
    client.get("/api/v1/tenants/shop").await.problem(404);
    client.delete("/api/v1/tenants/shop").await.problem(404);
    node.until(|snapshot| snapshot.tenants.len() == 1 && snapshot.tenants[0].id.as_str() == "bank").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_belongs_to_one_tenant() {
    let installation = Installation::start().await;
    let client = installation.client();
    client.post("/api/v1/tenants", tenant("shop", "shop.example")).await.expect(201);
    client.post("/api/v1/tenants", tenant("shop", "other.example")).await.problem(409);
    let taken = client.post("/api/v1/tenants", tenant("bank", "shop.example")).await.problem(409);
    assert_eq!(taken, "/hosts/0: host shop.example belongs to tenant shop");
    client.get("/api/v1/tenants/bank").await.problem(404);
    // Given up, it is free.
    client.put("/api/v1/tenants/shop", tenant("shop", "new.example")).await.expect(200);
    client.post("/api/v1/tenants", tenant("bank", "shop.example")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_makes_no_sense_is_refused_with_every_reason() {
    let installation = Installation::start().await;
    let client = installation.client();
    let texts = json!({ "id": "shop", "hosts": ["a b", "ok.example", "*"], "upstreams": [],
                        "plugins": [{ "plugin": "No" }, { "plugin": "p", "version": "1" }] });
    let reasons = client.post("/api/v1/tenants", texts).await.problem(400);
    for pointer in ["/hosts/0: ", "/hosts/2: ", "/plugins/0/plugin: ", "/plugins/1/version: "] {
        assert!(reasons.contains(pointer), "{pointer} is not in\n{reasons}");
    }
    let rules = json!({
        "id": "shop",
        "hosts": ["a.example", "a.example"],
        "upstreams": [
            { "name": "x y", "addresses": [] },
            { "name": "b", "addresses": ["nowhere", "h:0", "[::1]:80", "10.0.0.1:8080"],
              "tls": { "serverName": "" }, "healthCheck": { "path": "up", "timeoutMs": 0 }, "retriesMax": 99 },
            { "name": "b", "addresses": ["b.example:80"], "timeouts": { "connectMs": 0 } },
        ],
        "plugins": [{ "plugin": "missing" }, { "plugin": "missing", "stickiness": { "cookie": "a;b" } }],
        "limits": { "exchangesMax": 0, "bufferedBodyBytesMax": 1_000_000_000u64 },
    });
    let reasons = client.post("/api/v1/tenants", rules).await.problem(400);
    for expected in [
        "/hosts/1: ",
        "/upstreams/0/name: ",
        "/upstreams/0/addresses: ",
        "/upstreams/1/addresses/0: ",
        "/upstreams/1/addresses/1: ",
        "/upstreams/1/tls/serverName: ",
        "/upstreams/1/healthCheck/path: ",
        "/upstreams/1/healthCheck/timeoutMs: ",
        "/upstreams/1/retriesMax: ",
        "/upstreams/2/name: ",
        "/upstreams/2/timeouts/connectMs: ",
        "/plugins/0/plugin: there is no plugin missing",
        "/plugins/1/plugin: plugin missing stands twice",
        "/plugins/1/stickiness/cookie: ",
        "/limits/exchangesMax: ",
        "/limits/bufferedBodyBytesMax: ",
    ] {
        assert!(reasons.contains(expected), "{expected} is not in\n{reasons}");
    }
    assert!(
        !reasons.contains("/upstreams/1/addresses/2") && !reasons.contains("/upstreams/1/addresses/3"),
        "{reasons}"
    );
    assert_eq!(client.get("/api/v1/tenants").await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_read_strictly() {
    let installation = Installation::start().await;
    let client = installation.client();
    let mut wrong = tenant("shop", "shop.example");
    wrong["upstreams"][0]["adresses"] = json!([]);
    let reason = client.post("/api/v1/tenants", wrong).await.problem(400);
    assert!(reason.starts_with("/upstreams/0/adresses: unknown field `adresses`"), "{reason}");
    assert!(reason.ends_with("did you mean `addresses`?"), "{reason}");
    let raw = |body: &'static str| {
        client.request(Method::POST, "/api/v1/tenants").header("content-type", "application/json").body(body)
    };
    assert!(send(raw("{\"id\": ")).await.problem(400).contains("not JSON"));
    for wrong in ["", "[]", "{}", "null", "{\"id\": 3}"] {
        send(raw(wrong)).await.problem(400);
    }
    let typeless = client.request(Method::POST, "/api/v1/tenants").body("{}");
    send(typeless).await.problem(415);
    let mut huge = tenant("shop", "shop.example");
    huge["hosts"] = Value::String("x".repeat(3 << 20));
    client.post("/api/v1/tenants", huge).await.problem(413);
    let other = client.put("/api/v1/tenants/shop", tenant("bank", "shop.example")).await.problem(400);
    assert!(other.starts_with("/id: "), "{other}");
    client.put("/api/v1/tenants/No%20Id", tenant("No Id", "shop.example")).await.problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_guards_against_what_was_not_seen() {
    let installation = Installation::start().await;
    let client = installation.client();
    let etag = client.post("/api/v1/tenants", tenant("shop", "a.example")).await.header("etag").unwrap().to_owned();
    let put = |host: &str, condition: &str| {
        let request = client.request(Method::PUT, "/api/v1/tenants/shop").header("if-match", condition);
        send(request.json(&tenant("shop", host)))
    };
    let next = put("b.example", &etag).await;
    let newer = next.header("etag").unwrap().to_owned();
    next.expect(200);
    let stale = put("c.example", &etag).await.problem(409);
    assert!(stale.contains("If-Match asked for"), "{stale}");
    put("c.example", &newer).await.expect(200);
    for wrong in ["42", "\"x\"", "*", "W/\"1\""] {
        put("d.example", wrong).await.problem(400);
    }
    let missing = client.request(Method::PUT, "/api/v1/tenants/new").header("if-match", "\"1\"");
    send(missing.json(&tenant("new", "new.example"))).await.problem(409);
    let delete = client.request(Method::DELETE, "/api/v1/tenants/shop").header("if-match", &etag);
    send(delete).await.problem(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_only_its_own() {
    let installation = Installation::start().await;
    let client = installation.client();
    for id in ["bank", "shop", "zoo"] {
        client.post("/api/v1/tenants", tenant(id, &format!("{id}.example"))).await.expect(201);
    }
    let owner = json!({ "name": "owner", "role": "TenantOwner", "tenants": ["shop", "zoo"] });
    let owner = installation.client_as(owner).await;
    let page = owner.get("/api/v1/tenants?limit=1").await.expect(200);
    assert_eq!(page["items"][0]["id"], "shop");
    let page = owner.get("/api/v1/tenants?limit=1&cursor=shop").await.expect(200);
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!("zoo"), &Value::Null));
    owner.get("/api/v1/tenants/bank").await.problem(404);
}
