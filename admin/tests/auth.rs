//! Who may do what: every route with no token, a wrong one, and each role.

use crate::harness::{Client, Installation, filter, production, send, tenant};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use switchyard_admin::ADMIN_TOKEN_FILE;

/// Every route of the API that needs a token, with who may use it in Production: of Admin,
/// Developer, the owner of tenant `shop`, the owner of another tenant, Viewer. `ok` is anything
/// but 401, 403 and 404.
const ROUTES: &[(&str, &str, [&str; 5])] = &[
    ("GET", "/plugins", ["ok", "ok", "ok", "ok", "ok"]),
    ("POST", "/plugins", ["ok", "ok", "403", "403", "403"]),
    ("GET", "/plugins/headers", ["ok", "ok", "ok", "ok", "ok"]),
    ("GET", "/plugins/headers/versions", ["ok", "ok", "ok", "ok", "ok"]),
    ("GET", "/plugins/headers/versions/1.0.0", ["ok", "ok", "ok", "ok", "ok"]),
    ("GET", "/plugins/headers/versions/1.0.0/artifact", ["ok", "ok", "ok", "ok", "ok"]),
    ("POST", "/plugins/headers/rollback", ["ok", "403", "403", "403", "403"]),
    ("DELETE", "/plugins/headers", ["ok", "403", "403", "403", "403"]),
    ("GET", "/tenants", ["ok", "ok", "ok", "ok", "ok"]),
    ("POST", "/tenants", ["ok", "403", "403", "404", "403"]),
    ("GET", "/tenants/shop", ["ok", "ok", "ok", "404", "ok"]),
    ("PUT", "/tenants/shop", ["ok", "403", "403", "404", "403"]),
    ("GET", "/tenants/shop/plugins", ["ok", "ok", "ok", "404", "ok"]),
    ("POST", "/tenants/shop/plugins/headers/enable", ["ok", "403", "ok", "404", "403"]),
    ("POST", "/tenants/shop/plugins/headers/disable", ["ok", "403", "ok", "404", "403"]),
    ("PUT", "/tenants/shop/plugins/headers/config", ["ok", "403", "ok", "404", "403"]),
    ("PUT", "/tenants/shop/plugins/headers/pin", ["ok", "403", "ok", "404", "403"]),
    ("DELETE", "/tenants/shop/plugins/headers/pin", ["ok", "403", "ok", "404", "403"]),
    ("DELETE", "/tenants/shop/plugins/headers", ["ok", "403", "ok", "404", "403"]),
    ("DELETE", "/tenants/shop", ["ok", "403", "403", "404", "403"]),
    ("GET", "/deployments", ["ok", "ok", "ok", "ok", "ok"]),
    ("POST", "/deployments?wait=0", ["ok", "403", "403", "403", "403"]),
    ("GET", "/deployments/{deployment}", ["ok", "ok", "ok", "ok", "ok"]),
    ("PATCH", "/deployments/{deployment}?wait=0", ["ok", "403", "403", "403", "403"]),
    ("POST", "/deployments/{deployment}/rollback?wait=0", ["ok", "403", "403", "403", "403"]),
    ("GET", "/nodes", ["ok", "ok", "404", "404", "ok"]),
    ("GET", "/audit", ["ok", "ok", "404", "404", "ok"]),
    ("GET", "/audit/verify", ["ok", "ok", "404", "404", "ok"]),
    ("GET", "/explain?host=shop.example", ["ok", "ok", "ok", "404", "ok"]),
    ("GET", "/tokens", ["ok", "403", "403", "403", "403"]),
    ("POST", "/tokens", ["ok", "403", "403", "403", "403"]),
    ("DELETE", "/tokens/{token}", ["ok", "403", "403", "403", "403"]),
];

/// A body that is in order for that route.
fn body(path: &str) -> Option<Value> {
    Some(match path.split('?').next().unwrap() {
        "/tenants" | "/tenants/shop" => tenant("shop", "shop.example"),
        "/tenants/shop/plugins/headers/config" => json!({ "config": {} }),
        "/tenants/shop/plugins/headers/pin" => json!({ "version": "1.0.0" }),
        "/deployments" => json!({ "pluginId": "headers", "version": "1.0.0" }),
        "/deployments/{deployment}" => json!({ "versions": [{ "version": "1.0.0", "weight": 100 }] }),
        "/tokens" => json!({ "name": "another", "role": "Viewer" }),
        _ => return None,
    })
}

async fn ask(client: &Client, method: &str, path: &str, deployment: &str, token: &str) -> u16 {
    let address = format!("/api/v1{path}").replace("{deployment}", deployment).replace("{token}", token);
    let method: Method = method.parse().unwrap();
    if (method.as_str(), path) == ("POST", "/plugins") {
        return client.upload(b"no filter".to_vec()).await.status;
    }
    let request = client.request(method.clone(), &address);
    let request = match body(path).filter(|_| method != Method::GET && method != Method::DELETE) {
        Some(body) => request.json(&body),
        None => request,
    };
    send(request).await.status
}

struct World {
    installation: Installation,
    deployment: String,
    victim_token: String,
}

/// A plugin that is deployed and bound to tenant `shop`, beside tenant `bank`.
async fn world() -> World {
    let installation = Installation::start_with(production).await;
    let client = installation.client();
    client.upload(filter("headers", "1.0.0")).await.expect(201);
    let deployment = json!({ "pluginId": "headers", "version": "1.0.0" });
    let deployment = client.post("/api/v1/deployments?wait=0", deployment).await.expect(201);
    let mut shop = tenant("shop", "shop.example");
    shop["plugins"] = json!([{ "plugin": "headers" }]);
    client.post("/api/v1/tenants", shop).await.expect(201);
    client.post("/api/v1/tenants", tenant("bank", "bank.example")).await.expect(201);
    let victim = client.post("/api/v1/tokens", json!({ "name": "victim", "role": "Viewer" })).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    World { deployment: text(&deployment["id"]), victim_token: text(&victim["id"]), installation }
}

fn roles() -> [Value; 5] {
    [
        json!({ "name": "admin", "role": "Admin" }),
        json!({ "name": "developer", "role": "Developer" }),
        json!({ "name": "shop owner", "role": "TenantOwner", "tenants": ["shop"] }),
        json!({ "name": "bank owner", "role": "TenantOwner", "tenants": ["bank"] }),
        json!({ "name": "viewer", "role": "Viewer" }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_only_whom_it_should() {
    let World { installation, deployment, victim_token } = world().await;
    // From the least powerful to the most, so that what an Admin breaks is not there to be refused.
    for (at, role) in roles().into_iter().enumerate().rev() {
        let client = installation.client_as(role.clone()).await;
        for (method, path, expected) in ROUTES {
            if at == 0 && (*method == "DELETE" || path.ends_with("/rollback") || path.ends_with("rollback?wait=0")) {
                continue;
            }
            let status = ask(&client, method, path, &deployment, &victim_token).await;
            let said = match status {
                401 | 403 | 404 => status.to_string(),
                500.. => panic!("{method} {path} as {role}: {status}"),
                _ => "ok".to_owned(),
            };
            assert_eq!(said, expected[at], "{method} {path} as {role} answered {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_a_valid_token() {
    let World { installation, deployment, victim_token } = world().await;
    let good = std::fs::read_to_string(installation.settings.data_dir.join(ADMIN_TOKEN_FILE)).unwrap();
    let (id, secret) = good.trim().rsplit_once('_').unwrap();
    let last = if secret.ends_with('0') { '1' } else { '0' };
    let altered = format!("{id}_{}{last}", &secret[..secret.len() - 1]);
    let mut clients = vec![installation.stranger()];
    for wrong in ["nonsense", "swy_", "swy_x_y", &altered, &format!("{id}_"), &good.trim()[4..]] {
        clients.push(installation.client_with(wrong));
    }
    for client in clients {
        for (method, path, _) in ROUTES {
            assert_eq!(ask(&client, method, path, &deployment, &victim_token).await, 401, "{method} {path}");
        }
    }
    let answer = installation.stranger().get("/api/v1/plugins").await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert!(answer.problem(401).contains("needs a token"));
    let basic = installation.stranger().request(Method::GET, "/api/v1/plugins").header("authorization", "Basic eDp5");
    assert!(send(basic).await.problem(401).contains("Bearer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_is_for_its_owner_only_and_stays_the_same() {
    let mut installation = Installation::start().await;
    let path = installation.settings.data_dir.join(ADMIN_TOKEN_FILE);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.clone()), mode(installation.settings.data_dir.clone())), (0o600, 0o700));
    let before = std::fs::read_to_string(&path).unwrap();
    installation.start_again().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    installation.client().get("/api/v1/tokens").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_shown_once_revoked_and_expire() {
    let installation = Installation::start().await;
    let client = installation.client();
    let made = client.post("/api/v1/tokens", json!({ "name": "ci", "role": "Developer" })).await.expect(201);
    let ci = installation.client_with(made["token"].as_str().unwrap());
    ci.get("/api/v1/plugins").await.expect(200);
    let listed = client.get("/api/v1/tokens").await;
    assert!(!String::from_utf8_lossy(&listed.bytes).contains("swy_"), "a secret is never shown again");
    assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), 2);
    client.delete(&format!("/api/v1/tokens/{}", made["id"].as_str().unwrap())).await.expect(204);
    ci.get("/api/v1/plugins").await.problem(401);
    client.delete(&format!("/api/v1/tokens/{}", made["id"].as_str().unwrap())).await.expect(204);

    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    let short = json!({ "name": "short", "role": "Viewer", "expiresAt": soon.to_string() });
    let short = client.post("/api/v1/tokens", short).await.expect(201);
    let short = installation.client_with(short["token"].as_str().unwrap());
    crate::harness::eventually(async || (short.get("/api/v1/plugins").await.status == 401).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_makes_no_sense_is_refused_with_every_reason() {
    let installation = Installation::start().await;
    let client = installation.client();
    let past =
        json!({ "name": " ", "role": "TenantOwner", "tenants": ["nobody"], "expiresAt": "2020-01-01T00:00:00Z" });
    let reasons = client.post("/api/v1/tokens", past).await.problem(400);
    for part in ["/name: ", "/expiresAt: ", "/tenants/0: there is no tenant nobody"] {
        assert!(reasons.contains(part), "{reasons}");
    }
    let viewer = json!({ "name": "v", "role": "Viewer", "tenants": ["shop"] });
    assert!(client.post("/api/v1/tokens", viewer).await.problem(400).contains("only a TenantOwner"));
    let role = client.post("/api/v1/tokens", json!({ "name": "v", "role": "viewer" })).await.problem(400);
    assert!(role.contains("/role: ") && role.contains("did you mean `Viewer`"), "{role}");
    // The way in stays open.
    let only = client.get("/api/v1/tokens").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(client.delete(&format!("/api/v1/tokens/{only}")).await.problem(409).contains("only valid Admin"));
    client.delete("/api/v1/tokens/00000000-0000-4000-8000-000000000000").await.problem(404);
    client.delete("/api/v1/tokens/nonsense").await.problem(404);
}

/// What an Admin may do that the matrix leaves out because it would take the matrix's world away.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_may_take_everything_away() {
    let World { installation, deployment, victim_token } = world().await;
    let client = installation.client();
    for (method, path) in [
        ("DELETE", "/tenants/shop/plugins/headers"),
        ("POST", "/deployments/{deployment}/rollback?wait=0"),
        ("DELETE", "/tenants/shop"),
        ("DELETE", "/plugins/headers"),
        ("DELETE", "/tokens/{token}"),
    ] {
        let status = ask(&client, method, path, &deployment, &victim_token).await;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    }
}

/// Developers deploy where it hurts nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_developer_deploys_in_development() {
    let installation = Installation::start().await;
    let developer = installation.client_as(json!({ "name": "dev", "role": "Developer" })).await;
    developer.upload(filter("headers", "1.0.0")).await.expect(201);
    let deployment = json!({ "pluginId": "headers", "version": "1.0.0", "environment": "Development" });
    developer.post("/api/v1/deployments?wait=0", deployment).await.expect(201);
}
