//! One JSON line a request, written by a thread of its own.
//!
//! A worker appends lines to a buffer of its thread and hands full buffers over: no lock, no
//! wake-up and no allocation for a request. When the writer cannot keep up, whole buffers are
//! dropped and their lines counted; requests never wait for the log.

use crate::metrics::Metrics;
use crate::settings::AccessLog;
use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A buffer is handed over at this size, or when `flush_thread` finds it.
const BUFFER_BYTES: usize = 32 << 10;
/// Buffers on their way to the writer: with `BUFFER_BYTES` about 8 MiB at most.
const BUFFERS_MAX: usize = 256;
/// Bytes of a path or host that are written; the rest is cut.
const TEXT_BYTES_MAX: usize = 2_048;

/// What a line says. Durations are microseconds.
pub struct Line<'a> {
    pub tenant: &'a str,
    pub client: IpAddr,
    pub method: &'a str,
    pub host: &'a [u8],
    pub path: &'a [u8],
    pub protocol: &'static str,
    pub status: u16,
    pub response_bytes: usize,
    pub duration_us: u64,
    /// `None`: no upstream was asked.
    pub upstream: Option<(std::net::SocketAddr, u64)>,
    pub request_id: u64,
    /// `plugin=1.2.0, other=2.0.1`, empty without filters.
    pub versions: &'a str,
}

struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
    /// The second the text of the timestamp belongs to.
    second: u64,
    second_text: String,
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const {
        RefCell::new(Buffer { bytes: Vec::new(), lines: 0, second: 0, second_text: String::new() })
    };
}

/// What the writer is sent.
enum Message {
    Lines(Vec<u8>),
    Close,
}

/// The end workers write to.
pub struct AccessLogger {
    sender: SyncSender<Message>,
    metrics: Arc<Metrics>,
}

/// The thread that writes. It ends after `AccessLogger::close`.
pub struct Writer(JoinHandle<()>);

impl Writer {
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the access log writer had panicked; lines may be missing");
        }
    }
}

/// Opens the log. `None`: it is off. Errors: the file cannot be opened.
pub fn open(to: &AccessLog, metrics: Arc<Metrics>) -> std::io::Result<Option<(AccessLogger, Writer)>> {
    let out: Box<dyn Write + Send> = match to {
        AccessLog::Off => return Ok(None),
        AccessLog::Stderr => Box::new(std::io::stderr()),
        AccessLog::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    };
    let (sender, receiver) = sync_channel(BUFFERS_MAX);
    let writer = std::thread::Builder::new().name("access-log".into()).spawn(move || write_all(receiver, out))?;
    Ok(Some((AccessLogger { sender, metrics }, Writer(writer))))
}

fn write_all(receiver: Receiver<Message>, mut out: Box<dyn Write + Send>) {
    let mut failing = false;
    while let Ok(Message::Lines(buffer)) = receiver.recv() {
        let result = out.write_all(&buffer).and_then(|()| out.flush());
        if let (Err(error), false) = (&result, failing) {
            tracing::error!(%error, "the access log cannot be written; lines are lost until it can");
        }
        failing = result.is_err();
    }
}

impl AccessLogger {
    pub fn log(&self, line: &Line<'_>) {
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.bytes.capacity() == 0 {
                buffer.bytes.reserve(BUFFER_BYTES + TEXT_BYTES_MAX);
            }
            append(buffer, line);
            buffer.lines += 1;
            if buffer.bytes.len() >= BUFFER_BYTES {
                self.hand_over(buffer);
            }
        });
    }

    /// Hands over what the calling thread has; each worker does so a few times a second.
    pub fn flush_thread(&self) {
        BUFFER.with_borrow_mut(|buffer| {
            if !buffer.bytes.is_empty() {
                self.hand_over(buffer);
            }
        });
    }

    /// The last message: what is handed over later is not written. Waits while the queue is full.
    pub fn close(&self) {
        // An error says the writer has ended already.
        let _ = self.sender.send(Message::Close);
    }

    fn hand_over(&self, buffer: &mut Buffer) {
        let full = std::mem::replace(&mut buffer.bytes, Vec::with_capacity(BUFFER_BYTES + TEXT_BYTES_MAX));
        let lines = std::mem::take(&mut buffer.lines);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.sender.try_send(Message::Lines(full)) {
            self.metrics.access_log_dropped.inc_by(lines);
        }
    }
}

fn append(buffer: &mut Buffer, line: &Line<'_>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    if now.as_secs() != buffer.second {
        let timestamp = jiff::Timestamp::from_second(now.as_secs() as i64).unwrap_or_default();
        buffer.second = now.as_secs();
        // `2026-11-20T10:52:00Z` without the Z.
        buffer.second_text = timestamp.to_string().trim_end_matches('Z').to_owned();
    }
    let out = &mut buffer.bytes;
    out.extend_from_slice(b"{\"timestamp\":\"");
    out.extend_from_slice(buffer.second_text.as_bytes());
    // Three digits: a thousand more, and the first digit cut off.
    let mut digits = itoa::Buffer::new();
    out.push(b'.');
    out.extend_from_slice(digits.format(1_000 + now.subsec_millis()).as_bytes().get(1..).unwrap_or_default());
    out.extend_from_slice(b"Z\",\"tenantId\":\"");
    out.extend_from_slice(line.tenant.as_bytes());
    out.extend_from_slice(b"\",\"client\":\"");
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}", line.client);
    text(out, "method", line.method.as_bytes());
    text(out, "host", line.host);
    text(out, "path", line.path);
    text(out, "protocol", line.protocol.as_bytes());
    out.push(b'"');
    number(out, "status", u64::from(line.status));
    number(out, "responseBytes", line.response_bytes as u64);
    number(out, "durationUs", line.duration_us);
    if let Some((address, duration_us)) = line.upstream {
        number(out, "upstreamUs", duration_us);
        let _ = write!(out, ",\"upstream\":\"{address}\"");
    }
    if !line.versions.is_empty() {
        let _ = write!(out, ",\"versions\":\"{}\"", line.versions);
    }
    let _ = writeln!(out, ",\"requestId\":\"{:016x}\"}}", line.request_id);
}

/// Ends the text before, starts `"name":"value` and leaves it open.
fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    let value = value.get(..TEXT_BYTES_MAX).unwrap_or(value);
    if value.iter().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\')) {
        return out.extend_from_slice(value);
    }
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7e => out.push(*byte),
            // Bytes, not characters: a request line need not be UTF-8.
            _ => {
                let _ = write!(out, "\\u00{byte:02x}");
            }
        }
    }
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_whatever_the_client_sent() {
        let mut buffer = Buffer { bytes: Vec::new(), lines: 0, second: 0, second_text: String::new() };
        let line = Line {
            tenant: "shop",
            client: "192.0.2.1".parse().unwrap(),
            method: "GET",
            host: b"shop.example",
            path: b"/a\"b\\c\n\xff",
            protocol: "HTTP/1.1",
            status: 200,
            response_bytes: 12,
            duration_us: 345,
            upstream: Some(("127.0.0.1:80".parse().unwrap(), 300)),
            request_id: 7,
            versions: "a=1.0.0, b=2.0.0",
        };
        append(&mut buffer, &line);
        let parsed: serde_json::Value = serde_json::from_slice(&buffer.bytes).unwrap();
        assert_eq!(parsed["path"], "/a\"b\\c\n\u{ff}");
        assert_eq!(parsed["status"], 200);
        assert_eq!(parsed["upstream"], "127.0.0.1:80");
        assert_eq!(parsed["versions"], "a=1.0.0, b=2.0.0");
        assert_eq!(parsed["requestId"], "0000000000000007");
        let timestamp: jiff::Timestamp = parsed["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(jiff::Timestamp::now().duration_since(timestamp).abs() < jiff::SignedDuration::from_secs(60));
        assert!(buffer.bytes.ends_with(b"\n"));
    }
}
