//! `/plugins`: registering, reading, deleting.

use crate::harness::{Installation, filter, send, tenant};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_registered_once_and_never_changes() {
    let installation = Installation::start().await;
    let client = installation.client();
    let component = filter("headers", "1.0.0");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let part = reqwest::multipart::Part::bytes(component.clone());
    let form = reqwest::multipart::Form::new().part("artifact", part);
    let upload = client.request(Method::POST, "/api/v1/plugins").header("traceparent", trace).multipart(form);
    let made = send(upload).await.expect(201);
    assert_eq!(
        (&made["version"], &made["status"], &made["traceparent"]),
        (&json!("1.0.0"), &json!("Registered"), &json!(trace))
    );
    assert_eq!(made["sizeBytes"], component.len());
    let plugin = &made["plugin"];
    assert_eq!((&plugin["name"], &plugin["type"]), (&json!("headers"), &json!("middleware")));

    let again = client.upload(component.clone()).await.expect(200);
    assert_eq!(again["registeredAt"], made["registeredAt"]);

    // The same name and version around other code.
    let other = with_manifest_of(&component, &filter("api-key", "1.0.0"));
    let refused = client.upload(other).await.problem(409);
    assert!(refused.contains("a version never changes"), "{refused}");
    let kept = client.get("/api/v1/plugins/headers/versions/1.0.0/artifact").await;
    assert_eq!(kept.bytes, component);

    client.upload(filter("headers", "1.10.0")).await.expect(201);
    client.upload(filter("headers", "1.9.0")).await.expect(201);
    let id = plugin["id"].as_str().unwrap();
    let by_id = client.get(&format!("/api/v1/plugins/{id}")).await.expect(200);
    let versions: Vec<_> = by_id["versions"].as_array().unwrap().iter().map(|one| one["version"].clone()).collect();
    assert_eq!(versions, ["1.10.0", "1.9.0", "1.0.0"]);
    assert_eq!(client.get("/api/v1/plugins/headers").await.expect(200), by_id);
    let listed = client.get("/api/v1/plugins/headers/versions").await.expect(200);
    assert_eq!(listed["items"], by_id["versions"]);
}

/// The bytes of `code` with the manifest section of `named`: another artifact of the same version.
fn with_manifest_of(named: &[u8], code: &[u8]) -> Vec<u8> {
    let section = |component: &[u8]| {
        let manifests = switchyard_filter_manifest::surface(component).unwrap().manifests;
        manifests.into_iter().next().unwrap()
    };
    let (wanted, present) = (section(named), section(code));
    let at = code.windows(present.len()).position(|window| window == present).unwrap();
    // A custom section: id 0, length, name length, name, contents. Replaced from its id on.
    let name = switchyard_filter_manifest::SECTION.as_bytes();
    let head = 1 + name.len();
    let mut start = at - head - 1;
    while code[start] != 0 {
        start -= 1;
    }
    let mut section = vec![0];
    let mut length = head + wanted.len();
    while length >= 0x80 {
        section.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    section.push(length as u8);
    section.push(name.len() as u8);
    section.extend_from_slice(name);
    section.extend_from_slice(&wanted);
    [&code[..start], &section, &code[at + present.len()..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let installation = Installation::start().await;
    let client = installation.client();
    client.upload(filter("headers", "1.0.0")).await.expect(201);
    for path in [
        "/plugins/nothing",
        "/plugins/00000000-0000-4000-8000-000000000000",
        "/plugins/Not%20A%20Name",
        "/plugins/headers/versions/9.9.9",
        "/plugins/headers/versions/one",
        "/plugins/headers/versions/9.9.9/artifact",
        "/plugins/nothing/versions",
    ] {
        client.get(&format!("/api/v1{path}")).await.problem(404);
    }
    client.delete("/api/v1/plugins/nothing").await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_deleted_when_nobody_uses_it() {
    let installation = Installation::start().await;
    let client = installation.client();
    client.upload(filter("headers", "1.0.0")).await.expect(201);
    let mut shop = tenant("shop", "shop.example");
    shop["plugins"] = json!([{ "plugin": "headers", "version": "1.0.0", "enabled": false }]);
    client.post("/api/v1/tenants", shop).await.expect(201);
    let refused = client.delete("/api/v1/plugins/headers").await.problem(409);
    assert!(refused.contains("tenant shop has plugin headers on its path"), "{refused}");
    client.delete("/api/v1/tenants/shop/plugins/headers").await.expect(204);
    client.delete("/api/v1/plugins/headers").await.expect(204);
    client.get("/api/v1/plugins/headers").await.problem(404);
    // Its bytes may come back as something else: the name is free again.
    client.upload(filter("headers", "1.0.0")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_listed_in_pages() {
    let installation = Installation::start().await;
    let client = installation.client();
    for name in ["headers", "api-key", "request-id"] {
        client.upload(filter(name, "1.0.0")).await.expect(201);
    }
    let names = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = client.get("/api/v1/plugins?limit=2").await.expect(200);
    assert_eq!(names(&first), ["api-key", "headers"]);
    let cursor = first["next"].as_str().unwrap();
    let second = client.get(&format!("/api/v1/plugins?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((names(&second), &second["next"]), (vec!["request-id".to_owned()], &Value::Null));
    for wrong in ["limit=0", "limit=501", "limit=many", "cursor=%00"] {
        client.get(&format!("/api/v1/plugins?{wrong}")).await.problem(400);
    }
}
