//! One request and its response through a filter.

use crate::describe;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use switchyard_runtime::{HookError, Plan, Prepared, RequestHeadInput, ResponseHeadInput};

/// A filter that is configured.
pub struct Filter {
    prepared: Arc<Prepared>,
}

/// An exchange whose hooks the test calls one after the other. Decisions come as text.
pub struct Exchange {
    inner: switchyard_runtime::Exchange,
}

impl Filter {
    pub(crate) fn new(prepared: Arc<Prepared>) -> Self {
        Self { prepared }
    }

    /// The hooks the filter asked for.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.prepared.plan()
    }

    /// # Panics
    /// When the host has no room: a test holds few exchanges.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange { inner: self.prepared.begin(1).expect("room for one more exchange") }
    }
}

impl Exchange {
    /// The head of `GET http://shop.example/orders?id=7` from 127.0.0.1, with these headers.
    pub fn request(&mut self, headers: &[(&str, &str)]) -> Result<String, HookError> {
        let head = RequestHeadInput {
            method: "GET",
            scheme: "http",
            authority: "shop.example",
            path_and_query: "/orders?id=7",
            client_address: "127.0.0.1",
            headers: &header_map(headers),
        };
        self.inner.on_request(&head, false).map(|decision| describe::request(&decision))
    }

    pub fn request_chunk(&mut self, chunk: &str, end: bool) -> Result<String, HookError> {
        self.inner.on_request_chunk(chunk.as_bytes(), end).map(|decision| describe::chunk(&decision))
    }

    pub fn request_body(&mut self, body: &str) -> Result<String, HookError> {
        self.inner.on_request_whole(body.as_bytes()).map(|decision| describe::whole(&decision))
    }

    pub fn response(&mut self, status: u16, headers: &[(&str, &str)]) -> Result<String, HookError> {
        let head = ResponseHeadInput { status, headers: &header_map(headers) };
        self.inner.on_response(&head, false).map(|decision| describe::response(&decision))
    }

    pub fn response_chunk(&mut self, chunk: &str, end: bool) -> Result<String, HookError> {
        self.inner.on_response_chunk(chunk.as_bytes(), end).map(|decision| describe::chunk(&decision))
    }

    pub fn response_body(&mut self, body: &str) -> Result<String, HookError> {
        self.inner.on_response_whole(body.as_bytes()).map(|decision| describe::whole(&decision))
    }
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let parsed = headers.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the test gives header names");
        (name, HeaderValue::from_str(value).expect("the test gives header values"))
    });
    parsed.collect()
}
