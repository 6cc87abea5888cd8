//! The admin API over HTTP, as every command uses it.

use crate::arguments::Globals;
use crate::data_dir::DataDir;
use crate::failure::{Exit, Failure, chain};
use crate::problem;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};
use std::time::Duration;

/// The most the API gives at once.
const PAGE: usize = 500;

/// An address and the token that belongs to it.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Client {
    /// Address and token from the command line or the environment, else from the local data folder.
    /// The local token goes only to the local address: another server must not learn it.
    pub fn from(globals: &Globals) -> Result<Self, Failure> {
        let data_dir = DataDir::of_client(globals.data_dir.as_deref())?;
        let local = data_dir.admin_address().map(|address| format!("http://{address}"));
        let base = match (&globals.admin, &local) {
            (Some(admin), _) => admin.trim_end_matches('/').to_owned(),
            (None, Ok(local)) => local.clone(),
            (None, Err(wrong)) => {
                let advice = "start `switchyard serve` here, or name an address with --admin or SWITCHYARD_ADMIN";
                return Err(Failure::failed("find the admin API", wrong).advise(advice));
            }
        };
        let local_token = || data_dir.admin_token().filter(|_| local.as_ref() == Ok(&base));
        let token = globals.token.clone().or_else(local_token);
        Self::new(&base, token)
    }

    /// A client of the API at `base`, such as `http://127.0.0.1:7070`.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, Failure> {
        let invalid = |wrong: String| {
            Failure::usage("understand the address of the admin API", wrong).advise("give it as http://HOST:PORT")
        };
        let base: Url = base.parse().map_err(|error| invalid(format!("{base:?} is no URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(invalid(format!("{base} is neither http:// nor https://")));
        }
        // Registering compiles on the far side, within limits of its own: the total is generous.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(300))
            .no_proxy()
            .user_agent(concat!("switchyard/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::from_chain("set up an HTTP client", &error))?;
        Ok(Self { http, base, token })
    }

    /// `tried` completes "could not …". `path` is below `/api/v1`; segments are escaped.
    pub async fn get(&self, tried: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        let request = self.http.request(Method::GET, self.url(path)?).query(query);
        self.send(tried, request).await
    }

    /// A list, page after page, up to `limit` items; as `{"items": [...]}`.
    pub async fn list(&self, tried: &str, path: &[&str], limit: usize) -> Result<Value, Failure> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        while items.len() < limit {
            let wanted = (limit - items.len()).min(PAGE).to_string();
            let mut query = vec![("limit", wanted.as_str())];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.get(tried, path, &query).await?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(json!({ "items": items }))
    }

    pub async fn post(
        &self,
        tried: &str,
        path: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, Failure> {
        self.send(tried, self.http.post(self.url(path)?).query(query).json(body)).await
    }

    pub async fn put(&self, tried: &str, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(tried, self.http.put(self.url(path)?).json(body)).await
    }

    /// Refused where the subject has changed since `generation`.
    pub async fn put_if(&self, tried: &str, path: &[&str], generation: u64, body: &Value) -> Result<Value, Failure> {
        let condition = format!("\"{generation}\"");
        self.send(tried, self.http.put(self.url(path)?).header("if-match", condition).json(body)).await
    }

    pub async fn patch(&self, tried: &str, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(tried, self.http.patch(self.url(path)?).json(body)).await
    }

    pub async fn delete(&self, tried: &str, path: &[&str]) -> Result<Value, Failure> {
        self.send(tried, self.http.delete(self.url(path)?)).await
    }

    pub async fn upload(&self, tried: &str, path: &[&str], form: reqwest::multipart::Form) -> Result<Value, Failure> {
        self.send(tried, self.http.post(self.url(path)?).multipart(form)).await
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        let cannot = || Failure::usage("reach the admin API", format!("{} cannot have a path", self.base));
        url.path_segments_mut().map_err(|()| cannot())?.pop_if_empty().extend(["api", "v1"]).extend(path);
        Ok(url)
    }

    async fn send(&self, tried: &str, request: RequestBuilder) -> Result<Value, Failure> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.unreachable(tried, &error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| self.unreachable(tried, &error))?;
        if !status.is_success() {
            return Err(problem::failure(tried, status.as_u16(), &body));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| {
            Failure::failed(tried, format!("the answer of {} is not JSON: {error}", self.base))
                .advise("is this the address of Switchyard's admin listener?")
        })
    }

    fn unreachable(&self, tried: &str, error: &reqwest::Error) -> Failure {
        let wrong = format!("no answer from the admin API at {}: {}", self.base, chain(error));
        let advice = "is `switchyard serve` running there? Another address: --admin or SWITCHYARD_ADMIN";
        Failure { exit: Exit::Failed, tried: tried.to_owned(), wrong: vec![wrong], advice: Some(advice.to_owned()) }
    }
}
