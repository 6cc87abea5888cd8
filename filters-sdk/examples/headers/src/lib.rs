//! Header rewriting by configuration:
//!
//! ```json
//! {
//!   "request": { "set": { "x-tenant": "acme" }, "append": [["via", "switchyard"]], "remove": ["cookie"] },
//!   "response": { "remove": ["server"] },
//!   "version_header": "x-headers-version"
//! }
//! ```
//!
//! Removals come first, then `set`, then `append`. `version_header` names a response header that says
//! which version of this filter ran.

use std::collections::BTreeMap;
use switchyard_filter::prelude::*;

#[config]
struct Config {
    #[serde(default)]
    request: Rules,
    #[serde(default)]
    response: Rules,
    #[serde(default)]
    version_header: Option<String>,
}

#[config]
#[derive(Default)]
struct Rules {
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    append: Vec<(String, String)>,
    #[serde(default)]
    remove: Vec<String>,
}

struct Rewrite {
    config: &'static Config,
}

#[filter]
impl Filter for Rewrite {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config }
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        Ok(self.config.request.edits().fold(request.pass(), RequestEdits::edit))
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        let edits = self.config.response.edits().fold(response.pass(), ResponseEdits::edit);
        Ok(match &self.config.version_header {
            Some(name) => edits.set(name, switchyard_filter::version!()),
            None => edits,
        })
    }

    fn validate(config: &Config) -> Result<(), String> {
        let names = config.version_header.iter().chain(config.request.names()).chain(config.response.names());
        names.into_iter().try_for_each(|name| match is_name(name) {
            true => Ok(()),
            false => Err(format!("{name:?} is no header name")),
        })
    }
}

impl Rules {
    fn edits(&self) -> impl Iterator<Item = Edit> {
        let remove = self.remove.iter().map(Edit::remove);
        let set = self.set.iter().map(|(name, value)| Edit::set(name, value.as_str()));
        let append = self.append.iter().map(|(name, value)| Edit::append(name, value.as_str()));
        remove.chain(set).chain(append)
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.remove.iter().chain(self.set.keys()).chain(self.append.iter().map(|(name, _)| name))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
