//! Lists in pages: `limit` and `cursor`. A cursor is the key of the last item shown; pages stay
//! right while items come and go.

use super::Problem;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::{Deserialize, Serialize};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 500;

#[derive(Debug)]
pub struct Page {
    pub limit: usize,
    pub cursor: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Give it as `cursor` for what follows; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(raw) = Query::<Raw>::from_request_parts(parts, state).await?;
        let limit = raw.limit.unwrap_or(LIMIT_DEFAULT);
        if limit == 0 || limit > LIMIT_MAX {
            return Err(Problem::malformed(format!("limit is 1 to {LIMIT_MAX}, not {limit}")));
        }
        Ok(Self { limit, cursor: raw.cursor })
    }
}

impl Page {
    /// One page of what comes after the cursor. `items` are only those; `key` is what they sort by.
    pub fn of<I, T>(
        &self,
        items: impl Iterator<Item = I>,
        key: impl Fn(&I) -> String,
        view: impl Fn(I) -> T,
    ) -> Listed<T> {
        let mut items = items.peekable();
        let mut listed = Vec::new();
        let mut last = None;
        while listed.len() < self.limit {
            let Some(item) = items.next() else { break };
            last = Some(key(&item));
            listed.push(view(item));
        }
        let next = last.filter(|_| items.peek().is_some());
        Listed { items: listed, next }
    }

    /// The cursor as a key of that kind.
    pub fn after<K: std::str::FromStr>(&self) -> Result<Option<K>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let wrong = |_| Problem::malformed("the cursor is not one that this list gave");
        cursor.parse().map(Some).map_err(wrong)
    }
}
