//! What bad uploads get: every reason, and nothing stored.

use crate::harness::{Client, Installation, filter, send};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::path::Path;

/// A component with a manifest, imports and exports, and nothing inside.
fn component(manifest: &str, imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import {name:?} (instance))")).collect();
    let exports: String = exports.iter().map(|name| format!("(export {name:?} (instance 0))")).collect();
    let section = switchyard_filter_manifest::SECTION;
    wat::parse_str(format!("(component {imports} {exports} (@custom {section:?} {manifest:?}))")).unwrap()
}

const MANIFEST: &str =
    "name = \"hollow\"\nversion = \"1.0.0\"\ntype = \"middleware\"\ndescription = \"\"\ncapabilities = [\"log\"]\n";

async fn nothing_is_stored(installation: &Installation, client: &Client) {
    assert_eq!(client.get("/api/v1/plugins").await.expect(200)["items"], Value::Array(Vec::new()));
    assert_eq!(files(&installation.settings.artifacts_dir), 0);
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_filter_is_refused_with_every_reason() {
    let installation = Installation::start().await;
    let client = installation.client();
    let handler = switchyard_filter_manifest::HANDLER_EXPORT;
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        ("empty", Vec::new(), &["no WebAssembly"]),
        ("text", b"hello, I am a filter".to_vec(), &["no WebAssembly"]),
        ("a core module", wat::parse_str("(module)").unwrap(), &["core module"]),
        ("no manifest, no export", wat::parse_str("(component)").unwrap(), &["switchyard-manifest", handler]),
        (
            "imports what does not exist, lacks the export, and has a bad manifest",
            component(
                &MANIFEST.replace("1.0.0", "one").replace("type", "typ"),
                &["wasi:filesystem/types@0.2.0", "switchyard:filter/network@0.1.0"],
                &["other"],
            ),
            &["version", "typ", "wasi:filesystem/types@0.2.0", "switchyard:filter/network@0.1.0", handler],
        ),
        (
            "imports what it does not list",
            component(MANIFEST, &["switchyard:filter/random@0.1.0"], &[handler]),
            &["\"random\" is imported but not listed"],
        ),
    ];
    for (what, bytes, expected) in cases {
        let reasons = client.upload(bytes).await.problem(400);
        for part in expected {
            assert!(reasons.contains(part), "{what}: {part:?} is not in\n{reasons}");
        }
        assert!(reasons.lines().all(|line| line.starts_with("/artifact: ")), "{what}:\n{reasons}");
    }
    let mut cut = filter("headers", "1.0.0");
    cut.truncate(cut.len() / 2);
    client.upload(cut).await.problem(400);
    nothing_is_stored(&installation, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_are_not_granted_are_refused() {
    let installation = Installation::start_granting(&["log"]).await;
    let client = installation.client();
    let reasons = client.upload(filter("request-id", "1.0.0")).await.problem(400);
    assert!(reasons.contains("clock") && reasons.contains("random"), "{reasons}");
    nothing_is_stored(&installation, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configure_is_asked_before_anything_is_stored() {
    let installation = Installation::start().await;
    let client = installation.client();
    let form = |config: &'static str| {
        Form::new().part("artifact", Part::bytes(filter("headers", "1.0.0"))).text("config", config)
    };
    let refused = client.upload_form(form("{\"request\": 7}")).await.problem(400);
    assert!(refused.starts_with("/config: configure refused"), "{refused}");
    nothing_is_stored(&installation, &client).await;
    client.upload_form(form("{\"version_header\": \"x-v\"}")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_not_the_one_inside_is_refused() {
    let installation = Installation::start().await;
    let client = installation.client();
    let artifact = filter("headers", "1.0.0");
    let form =
        |manifest: String| Form::new().part("artifact", Part::bytes(artifact.clone())).text("manifest", manifest);
    let inside = switchyard_filter_manifest::Manifest::from_component(&artifact).unwrap().to_toml();
    let other = client.upload_form(form(inside.replace("1.0.0", "2.0.0"))).await.problem(400);
    assert_eq!(other, "/manifest: it is not the manifest that is in the artifact");
    let broken = client.upload_form(form("nam = 3".to_owned())).await.problem(400);
    assert!(broken.contains("/manifest: ") && broken.contains("did you mean \"name\""), "{broken}");
    nothing_is_stored(&installation, &client).await;
    client.upload_form(form(inside)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_too_large_is_refused_while_it_comes() {
    let installation = Installation::start_with(|settings| settings.artifact_bytes_max = 10_000).await;
    let client = installation.client();
    client.upload(vec![0; 10_001]).await.problem(413);
    // Beyond what the form may hold, too.
    let answer = client.request(Method::POST, "/api/v1/plugins");
    let form = Form::new().part("artifact", Part::bytes(vec![0; 3 << 20]));
    // The server may close before everything was sent: what matters is that nothing is kept.
    if let Ok(response) = answer.multipart(form).send().await {
        assert_eq!(response.status(), 413);
    }
    nothing_is_stored(&installation, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_no_upload_is_refused() {
    let installation = Installation::start().await;
    let client = installation.client();
    let bytes = || Part::bytes(b"x".to_vec());
    client.post("/api/v1/plugins", serde_json::json!({ "image": "oci://x" })).await.problem(415);
    let text = client.request(Method::POST, "/api/v1/plugins").header("content-type", "text/plain").body("x");
    send(text).await.problem(415);
    let no_artifact = client.upload_form(Form::new().text("config", "{}")).await.problem(400);
    assert_eq!(no_artifact, "/artifact: the part \"artifact\" is missing");
    let twice = Form::new().part("artifact", bytes()).part("artifact", bytes());
    assert!(client.upload_form(twice).await.problem(400).contains("stands twice"));
    let unknown = Form::new().part("artefact", bytes());
    assert!(client.upload_form(unknown).await.problem(400).contains("unknown part \"artefact\""));
    let long = Form::new().text("config", "x".repeat(70_000));
    client.upload_form(long).await.problem(413);
    let broken = client.request(Method::POST, "/api/v1/plugins");
    let broken = broken.header("content-type", "multipart/form-data; boundary=x").body("--x\r\nnonsense");
    send(broken).await.problem(400);
    nothing_is_stored(&installation, &client).await;
}
