//! A real HTTP client with a token.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Once;

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    token: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        Self { http: reqwest::Client::new(), address, token }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.address));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).json(&body)).await
    }
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, path).json(&body)).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }
    /// Without a body.
    pub async fn call(&self, method: Method, path: &str) -> Answer {
        send(self.request(method, path)).await
    }

    pub async fn upload(&self, component: Vec<u8>) -> Answer {
        self.upload_form(Form::new().part("artifact", Part::bytes(component))).await
    }
    pub async fn upload_form(&self, form: Form) -> Answer {
        send(self.request(Method::POST, "/api/v1/plugins").multipart(form)).await
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap().to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, headers, body, bytes }
}

impl Answer {
    /// The body of an answer with that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.body
    }
    /// A problem of that status; gives its reasons as `pointer: reason` lines.
    #[track_caller]
    pub fn problem(self, status: u16) -> String {
        let kind = self.headers.get("content-type").unwrap().to_str().unwrap().to_owned();
        let body = self.expect(status);
        assert_eq!(kind, "application/problem+json");
        assert!(body["type"].as_str().unwrap().starts_with("urn:switchyard:problem:"), "{body}");
        assert_eq!(body["status"], status);
        let detail = body["detail"].as_str().unwrap().to_owned();
        match body["errors"].as_array() {
            None => detail,
            Some(errors) => {
                let line = |error: &Value| {
                    format!("{}: {}", error["pointer"].as_str().unwrap(), error["reason"].as_str().unwrap())
                };
                errors.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
