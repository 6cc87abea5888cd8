//! The demo's operator: drives the product through its real admin API, as a script of a release
//! engineer would.

use crate::client::Client;
use crate::commands::deploy::outcome;
use crate::failure::Failure;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub struct Tenant {
    pub id: &'static str,
    pub host: &'static str,
}

/// A choice of versions that every node serves.
pub struct Deployed {
    pub id: String,
    /// From the call until the node said that it serves.
    pub took: Duration,
}

pub struct Operator<'a>(pub &'a Client);

impl Operator<'_> {
    /// Gives the version that was registered.
    pub async fn register(&self, component: Vec<u8>) -> Result<String, Failure> {
        let form = Form::new().part("artifact", Part::bytes(component).file_name("filter.wasm"));
        let answer = self.0.upload("register a filter", &["plugins"], form).await?;
        Ok(answer["version"].as_str().unwrap_or_default().to_owned())
    }

    /// A tenant of one origin with these plugins on its path.
    pub async fn tenant(&self, tenant: &Tenant, origin: SocketAddr, plugins: Value) -> Result<(), Failure> {
        let body = json!({
            "id": tenant.id,
            "hosts": [tenant.host],
            "upstreams": [{ "name": "main", "addresses": [origin.to_string()] }],
            "showVersions": true,
            "plugins": plugins,
        });
        self.0.put(&format!("set tenant {}", tenant.id), &["tenants", tenant.id], &body).await.map(drop)
    }

    /// `shares`: versions with percents; `tenants`: empty for everyone.
    pub async fn deploy(&self, plugin: &str, shares: &[(&str, u32)], tenants: &[&str]) -> Result<Deployed, Failure> {
        let mut body = json!({ "pluginId": plugin, "versions": versions(shares) });
        if !tenants.is_empty() {
            body["tenants"] = json!(tenants);
        }
        let tried = format!("deploy {plugin} {}", named(shares));
        let began = Instant::now();
        let answer = self.0.post(&tried, &["deployments"], &[], &body).await?;
        self.settled(&tried, answer, began).await
    }

    pub async fn weights(&self, deployment: &str, shares: &[(&str, u32)]) -> Result<Deployed, Failure> {
        let tried = format!("move the weights to {}", named(shares));
        let began = Instant::now();
        let body = json!({ "versions": versions(shares) });
        let answer = self.0.patch(&tried, &["deployments", deployment], &body).await?;
        self.settled(&tried, answer, began).await
    }

    pub async fn roll_back(&self, deployment: &str) -> Result<Deployed, Failure> {
        let tried = "roll back";
        let began = Instant::now();
        let answer = self.0.post(tried, &["deployments", deployment, "rollback"], &[], &json!({})).await?;
        self.settled(tried, answer, began).await
    }

    /// The report of the one node there is.
    pub async fn node(&self) -> Result<Value, Failure> {
        let answer = self.0.get("read the node's report", &["nodes"], &[]).await?;
        Ok(answer.pointer("/items/0/report").cloned().unwrap_or_default())
    }

    async fn settled(&self, tried: &str, answer: Value, began: Instant) -> Result<Deployed, Failure> {
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        outcome(self.0, tried, answer, Duration::from_secs(60)).await?;
        Ok(Deployed { id, took: began.elapsed() })
    }
}

fn versions(shares: &[(&str, u32)]) -> Value {
    shares.iter().map(|(version, percent)| json!({ "version": version, "weight": percent })).collect()
}

fn named(shares: &[(&str, u32)]) -> String {
    shares.iter().map(|(version, percent)| format!("{version} at {percent} %")).collect::<Vec<_>>().join(", ")
}
