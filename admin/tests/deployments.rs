//! `/deployments`.

use crate::harness::{Answer, Client, Installation, Node, eventually, filter, tenant};
use reqwest::Method;
use serde_json::{Value, json};
use switchyard_contract::split::Split;

const DEPLOYMENTS: &str = "/api/v1/deployments";

/// Three versions of `headers`; tenants `shop` and `bank` have it on their paths; 1.0.0 serves.
async fn installation() -> (Installation, Client, Node) {
    let installation = Installation::start().await;
    let (client, node) = (installation.client(), installation.node("one"));
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        client.upload(filter("headers", version)).await.expect(201);
    }
    deploy(&client, "1.0.0").await.expect(201);
    for id in ["shop", "bank"] {
        let mut body = tenant(id, &format!("{id}.example"));
        body["plugins"] = json!([{ "plugin": "headers" }]);
        client.post("/api/v1/tenants", body).await.expect(201);
    }
    (installation, client, node)
}

async fn deploy(client: &Client, version: &str) -> Answer {
    client.post(DEPLOYMENTS, json!({ "pluginId": "headers", "version": version })).await
}

async fn roll_back(client: &Client, deployment: &Value) -> Answer {
    let id = deployment["id"].as_str().unwrap();
    client.call(Method::POST, &format!("{DEPLOYMENTS}/{id}/rollback")).await
}

fn split(node: &Node, tenant: &str) -> Split {
    node.entry(tenant).unwrap().bindings[0].split.clone()
}

/// The versions a tenant is served, with their shares in parts per million.
fn served(node: &Node, tenant: &str) -> Vec<(String, u32)> {
    split(node, tenant).arms.iter().map(|arm| (arm.version.to_string(), arm.weight_ppm)).collect()
}

fn whole(version: &str) -> Vec<(String, u32)> {
    vec![(version.to_owned(), 1_000_000)]
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_are_taken_back_one_by_one() {
    let (_installation, client, node) = installation().await;
    let second = deploy(&client, "1.1.0").await.expect(201);
    assert_eq!((&second["status"], &second["strategy"]), (&json!("Completed"), &json!("Direct")));
    assert_eq!(second["progress"], json!({ "nodesTotal": 1, "nodesAcknowledged": 1 }));
    let third = deploy(&client, "1.2.0").await.expect(201);
    assert_eq!(served(&node, "shop"), whole("1.2.0"));
    // What is covered serves no one: taking it away would change nothing anybody sees.
    let refused = roll_back(&client, &second).await.problem(409);
    assert!(refused.contains("came after it"), "{refused}");

    let back = roll_back(&client, &third).await.expect(200);
    assert_eq!((&back["status"], &back["serving"]), (&json!("RolledBack"), &json!(false)));
    assert_eq!(served(&node, "shop"), whole("1.1.0"));
    assert_eq!(roll_back(&client, &third).await.expect(200), back, "it is so already");

    // By plugin: the newest that is left.
    let reason = json!({ "reason": "too slow" });
    let by_plugin = client.post("/api/v1/plugins/headers/rollback", reason).await.expect(200);
    assert_eq!(by_plugin["id"], second["id"]);
    assert_eq!(by_plugin["history"].as_array().unwrap().last().unwrap()["reason"], "too slow");
    assert_eq!(served(&node, "shop"), whole("1.0.0"));
    let refused = client.call(Method::POST, "/api/v1/plugins/headers/rollback").await.problem(409);
    assert!(refused.contains("nothing was deployed before for tenant bank"), "{refused}");
    assert_eq!(served(&node, "shop"), whole("1.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deploying_what_serves_already_makes_nothing_new() {
    let (_installation, client, _node) = installation().await;
    let second = deploy(&client, "1.1.0").await.expect(201);
    let again = deploy(&client, "1.1.0").await.expect(200);
    assert_eq!(again["id"], second["id"]);
    assert_eq!(client.get(DEPLOYMENTS).await.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_exact_and_move_as_few_keys_as_they_can() {
    let (_installation, client, node) = installation().await;
    let weights = |a: f64, b: f64, c: f64| json!([{ "version": "1.0.0", "weight": a }, { "version": "1.1.0", "weight": b }, { "version": "1.2.0", "weight": c }]);
    let body = json!({ "pluginId": "headers", "versions": weights(66.6667, 33.3333, 0.0) });
    let made = client.post(DEPLOYMENTS, body).await.expect(201);
    assert_eq!((&made["strategy"], &made["versions"][1]["weight"]), (&json!("Split"), &json!(33.3333)));
    let parts = |a, b, c| vec![("1.0.0".to_owned(), a), ("1.1.0".to_owned(), b), ("1.2.0".to_owned(), c)];
    assert_eq!(served(&node, "shop"), parts(666_667, 333_333, 0));
    let before = split(&node, "shop");

    let id = made["id"].as_str().unwrap();
    let path = format!("{DEPLOYMENTS}/{id}");
    let changed = client.patch(&path, json!({ "versions": weights(50.0, 33.3333, 16.6667) })).await.expect(200);
    assert_eq!((&changed["id"], &changed["status"]), (&made["id"], &json!("Completed")));
    let after = split(&node, "shop");
    assert_eq!(served(&node, "shop"), parts(500_000, 333_333, 166_667));
    assert_eq!(before.salt, after.salt);
    let moved = (0..1_000_000).filter(|bucket| before.arm_index(*bucket) != after.arm_index(*bucket)).count();
    assert_eq!(moved, 166_667, "only what the first version gave to the third");

    // Going on to one version is a deployment like any other, and starts from here.
    let whole_way =
        client.patch(&path, json!({ "versions": [{ "version": "1.2.0", "weight": 100 }] })).await.expect(200);
    assert_eq!(whole_way["strategy"], "Direct");
    assert_eq!(served(&node, "shop"), whole("1.2.0"));
    roll_back(&client, &made).await.expect(200);
    assert_eq!(served(&node, "shop"), whole("1.0.0"));
    client.patch(&path, json!({ "versions": weights(50.0, 50.0, 0.0) })).await.problem(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_makes_no_sense_is_refused_with_every_reason() {
    let (_installation, client, node) = installation().await;
    let before = node.snapshot().generation;
    let share = |version: &str, weight: f64| json!({ "version": version, "weight": weight });
    let with = |key: &str, value: Value| {
        let mut body = json!({ "pluginId": "headers" });
        body[key] = value;
        body
    };
    let cases = [
        (json!({ "pluginId": "headers" }), "/version: give \"version\""),
        (json!({ "pluginId": "headers", "version": "1.0.0", "versions": [] }), "/versions: give either"),
        (with("version", json!("9.9.9")), "/version: plugin headers has no version 9.9.9"),
        (with("version", json!("one")), "/version: version \"one\" is not valid"),
        (with("versions", json!([share("1.0.0", 50.0), share("1.1.0", 49.9999)])), "these add up to 99.9999 %"),
        (with("versions", json!([share("1.0.0", 50.00001), share("1.1.0", 49.99999)])), "/versions/1/weight: "),
        (with("versions", json!([share("1.0.0", -1.0), share("1.1.0", 101.0)])), "/versions/1/weight: "),
        (with("versions", json!([share("1.0.0", 50.0), share("1.0.0", 50.0)])), "stands twice"),
        (with("versions", json!([])), "/versions: a split needs at least one version"),
        (with("versions", json!([share("8.0.0", 50.0), share("9.0.0", 50.0)])), "/versions/1/version: "),
        (json!({ "pluginId": "headers", "version": "1.1.0", "tenants": [] }), "/tenants: no tenant is named"),
        (json!({ "pluginId": "headers", "version": "1.1.0", "tenants": ["nobody"] }), "/tenants/0: there is no"),
        (json!({ "pluginId": "headers", "version": "1.1.0", "environment": "Production" }), "/environment: "),
        (json!({ "pluginId": "headers", "version": "1.1.0", "strategy": "Split" }), "/versions: strategy Split"),
        (json!({ "pluginId": "headers", "version": "1.1.0", "strategy": "Canary" }), "/strategy: unknown variant"),
        (json!({ "pluginId": "headers", "versoin": "1.1.0" }), "did you mean `version`"),
    ];
    for (body, expected) in cases {
        let reasons = client.post(DEPLOYMENTS, body.clone()).await.problem(400);
        assert!(reasons.contains(expected), "{body}: {expected:?} is not in\n{reasons}");
    }
    client.post(DEPLOYMENTS, json!({ "pluginId": "nothing", "version": "1.0.0" })).await.problem(404);
    client
        .post(&format!("{DEPLOYMENTS}?wait=30001"), json!({ "pluginId": "headers", "version": "1.1.0" }))
        .await
        .problem(400);
    client.get(&format!("{DEPLOYMENTS}/nonsense")).await.problem(404);
    assert_eq!(node.snapshot().generation, before, "nothing changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_to_some_tenants_leaves_the_others_alone() {
    let (_installation, client, node) = installation().await;
    let body = json!({ "pluginId": "headers", "version": "1.1.0", "tenants": ["shop"] });
    let some = client.post(DEPLOYMENTS, body).await.expect(201);
    assert_eq!(some["tenants"], json!(["shop"]));
    assert_eq!((served(&node, "shop"), served(&node, "bank")), (whole("1.1.0"), whole("1.0.0")));
    // Everyone means everyone.
    let all = deploy(&client, "1.2.0").await.expect(201);
    assert_eq!((served(&node, "shop"), served(&node, "bank")), (whole("1.2.0"), whole("1.2.0")));
    roll_back(&client, &all).await.expect(200);
    assert_eq!((served(&node, "shop"), served(&node, "bank")), (whole("1.1.0"), whole("1.0.0")));
    // A tenant that goes takes what was only for it along.
    client.delete("/api/v1/tenants/shop").await.expect(204);
    roll_back(&client, &some).await.problem(409);
    assert_eq!(served(&node, "bank"), whole("1.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_refuses_is_shown_with_its_reasons() {
    let (_installation, client, node) = installation().await;
    node.refuse("shop", "configure refused: no such header");
    let failed = deploy(&client, "1.1.0").await.expect(201);
    assert_eq!((&failed["status"], &failed["refusalsTotal"]), (&json!("Failed"), &json!(1)));
    assert_eq!(
        failed["refusals"],
        json!([{ "node": "one", "tenant": "shop", "reason": "configure refused: no such header" }])
    );
    // It stays on record when the node thinks better of it.
    let id = failed["id"].as_str().unwrap();
    let recorded = async || {
        let shown = client.get(&format!("{DEPLOYMENTS}/{id}")).await.expect(200);
        let events = shown["history"].as_array().unwrap().iter().any(|event| event["event"] == "Failed");
        events.then_some(shown)
    };
    eventually(recorded).await;
    node.accept_all();
    let next = deploy(&client, "1.2.0").await.expect(201);
    assert_eq!(next["status"], "Completed");
    assert_eq!(client.get(&format!("{DEPLOYMENTS}/{id}")).await.expect(200)["status"], "Failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_from_the_nodes_it_is_in_progress() {
    let (installation, client, node) = installation().await;
    drop(node);
    let made = client
        .post(&format!("{DEPLOYMENTS}?wait=50"), json!({ "pluginId": "headers", "version": "1.1.0" }))
        .await
        .expect(201);
    assert_eq!((&made["status"], &made["progress"]["nodesAcknowledged"]), (&json!("InProgress"), &json!(0)));
    let _node = installation.node("one");
    let id = made["id"].as_str().unwrap();
    let completed = async || {
        let shown = client.get(&format!("{DEPLOYMENTS}/{id}")).await.expect(200);
        (shown["status"] == "Completed").then_some(())
    };
    eventually(completed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_are_listed_newest_first() {
    let (_installation, client, _node) = installation().await;
    deploy(&client, "1.1.0").await.expect(201);
    deploy(&client, "1.2.0").await.expect(201);
    let versions = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["versions"][0]["version"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = client.get(&format!("{DEPLOYMENTS}?limit=2")).await.expect(200);
    assert_eq!(versions(&first), ["1.2.0", "1.1.0"]);
    let cursor = first["next"].as_str().unwrap();
    let second = client.get(&format!("{DEPLOYMENTS}?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((versions(&second), &second["next"]), (vec!["1.0.0".to_owned()], &Value::Null));
}
