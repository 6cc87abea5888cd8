//! Reads bodies, as configured:
//!
//! ```json
//! { "request": "count", "response": "uppercase", "body_bytes_max": 65536 }
//! ```
//!
//! What it saw of the request's body is told by response headers; what it saw of a body read in chunks
//! is logged at its end.

use switchyard_filter::prelude::*;

#[config]
struct Config {
    #[serde(default)]
    request: Mode,
    #[serde(default)]
    response: Mode,
    /// For `whole`.
    #[serde(default = "body_bytes_max")]
    body_bytes_max: u32,
}

fn body_bytes_max() -> u32 {
    64 << 10
}

#[config]
#[derive(Copy, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Not seen.
    #[default]
    Splice,
    /// Chunks go on as they come and are counted.
    Count,
    /// Chunks go on in upper case.
    Uppercase,
    /// Every chunk is held back until the end, which brings all of them.
    Hold,
    /// The first chunk ends the exchange.
    Abort,
    /// The client is told that its body is wrong.
    Reject,
    /// Seen at once, goes on in upper case; the head gets `x-body-bytes`.
    Whole,
    /// Seen at once and answered with 422 and its length.
    Answer,
}

struct Body {
    config: &'static Config,
    request: Seen,
    response: Seen,
}

/// What was seen of one body.
#[derive(Default)]
struct Seen {
    chunks: u32,
    bytes: usize,
    held: Vec<u8>,
}

#[filter]
impl Filter for Body {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config, request: Seen::default(), response: Seen::default() }
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        Ok(match self.config.request {
            Mode::Splice => request.pass(),
            Mode::Whole | Mode::Answer => request.pass().read_body(self.config.body_bytes_max),
            _ => request.pass().read_chunks(),
        })
    }

    fn on_request_chunk(&mut self, chunk: &[u8], end: bool) -> Result<Chunk, Failure> {
        self.request.chunk(self.config.request, chunk, end)
    }

    fn on_request_body(&mut self, body: Vec<u8>) -> Result<Whole> {
        self.request.whole(self.config.request, body)
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        let edits = match self.config.response {
            Mode::Splice => response.pass(),
            Mode::Whole | Mode::Answer => response.pass().read_body(self.config.body_bytes_max),
            _ => response.pass().read_chunks(),
        };
        let Seen { chunks, bytes, .. } = self.request;
        Ok(edits.set("x-request-chunks", chunks.to_string()).set("x-request-bytes", bytes.to_string()))
    }

    fn on_response_chunk(&mut self, chunk: &[u8], end: bool) -> Result<Chunk, Failure> {
        self.response.chunk(self.config.response, chunk, end)
    }

    fn on_response_body(&mut self, body: Vec<u8>) -> Result<Whole> {
        self.response.whole(self.config.response, body)
    }
}

impl Seen {
    fn chunk(&mut self, mode: Mode, chunk: &[u8], end: bool) -> Result<Chunk, Failure> {
        // The end may come by itself.
        self.chunks += u32::from(!chunk.is_empty());
        self.bytes += chunk.len();
        if end {
            let (chunks, bytes) = (self.chunks.to_string(), self.bytes.to_string());
            log::emit(log::Level::Info, "end of a body", &[("chunks", &chunks), ("bytes", &bytes)]);
        }
        Ok(match mode {
            Mode::Splice | Mode::Count | Mode::Whole | Mode::Answer => Chunk::Keep,
            Mode::Uppercase => Chunk::Replace(chunk.to_ascii_uppercase()),
            Mode::Hold => {
                self.held.extend_from_slice(chunk);
                Chunk::Replace(if end { std::mem::take(&mut self.held) } else { Vec::new() })
            }
            Mode::Abort => Chunk::Abort,
            Mode::Reject => return Err(reject("the body is wrong on purpose")),
        })
    }

    fn whole(&mut self, mode: Mode, mut body: Vec<u8>) -> Result<Whole> {
        self.chunks += 1;
        self.bytes += body.len();
        if mode == Mode::Answer {
            return Err(Reply::new(422).text(format!("a body of {} bytes", body.len())).into());
        }
        body.make_ascii_uppercase();
        Ok(Whole::replace(body).set("x-body-bytes", self.bytes.to_string()))
    }
}
