//! Replaces values in a JSON text and leaves every other byte as it was: numbers keep their digits,
//! objects their order. Works on the text, so depth costs no stack.

use serde::de::IgnoredAny;
use std::borrow::Cow;

/// The text with the value of every secret field replaced; `None` when there is none. Errors: the
/// text is no JSON.
pub(crate) fn redact(
    json: &[u8],
    is_secret: impl Fn(&str) -> bool,
    replacement: &str,
) -> Result<Option<Vec<u8>>, serde_json::Error> {
    // From here on the text is known to be sound, and reading it needs no error.
    serde_json::from_slice::<IgnoredAny>(json)?;
    let mut text = Text { rest: json };
    let mut redacted = Vec::new();
    let mut kept = json;
    while let Some(string) = text.next_string() {
        if !text.skip_colon() || !is_name(string, &is_secret) {
            continue;
        }
        let value_start = json.len() - text.rest.len();
        text.skip_value();
        redacted.extend_from_slice(&kept[..value_start - (json.len() - kept.len())]);
        redacted.extend_from_slice(replacement.as_bytes());
        kept = text.rest;
    }
    if kept.len() == json.len() {
        return Ok(None);
    }
    redacted.extend_from_slice(kept);
    Ok(Some(redacted))
}

/// `string` has its quotes. A name may be written with escapes.
fn is_name(string: &[u8], is_secret: impl Fn(&str) -> bool) -> bool {
    serde_json::from_slice::<Cow<'_, str>>(string).is_ok_and(|name| is_secret(&name))
}

/// What is left of a sound JSON text.
struct Text<'t> {
    rest: &'t [u8],
}

impl<'t> Text<'t> {
    /// The next string anywhere, with its quotes; the text goes on behind it.
    fn next_string(&mut self) -> Option<&'t [u8]> {
        let start = self.rest.iter().position(|byte| *byte == b'"')?;
        self.rest = &self.rest[start..];
        let string = self.rest;
        self.skip_string();
        Some(&string[..string.len() - self.rest.len()])
    }

    /// Stands at a quote; goes behind the closing one.
    fn skip_string(&mut self) {
        let mut escaped = false;
        let end = self.rest.iter().skip(1).position(|byte| {
            let closes = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            closes
        });
        self.rest = end.map_or(&[], |end| &self.rest[end + 2..]);
    }

    /// Whether the string before was a name; then the text goes on at its value.
    fn skip_colon(&mut self) -> bool {
        let after = self.rest.trim_ascii_start();
        let Some(value) = after.strip_prefix(b":") else { return false };
        self.rest = value.trim_ascii_start();
        true
    }

    /// Stands at a value; goes behind it.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.rest.first() {
            match byte {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.rest = &self.rest[1..];
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.rest = &self.rest[1..];
                }
                _ => self.skip_scalar(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A number or a word, or what stands between values.
    fn skip_scalar(&mut self) {
        let ends = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']' | b',' | b' ' | b'\n' | b'\r' | b'\t');
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        self.rest = &self.rest[end.max(1).min(self.rest.len())..];
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    fn check(json: &str, expect: Option<&str>) {
        let redacted = redact(json.as_bytes(), |name| name == "pw" || name == "ü", "\"***\"").expect(json);
        assert_eq!(redacted.map(|bytes| String::from_utf8(bytes).expect(json)).as_deref(), expect, "{json}");
    }

    #[test]
    fn values_of_every_kind_are_replaced() {
        check(r#"{"pw":"x"}"#, Some(r#"{"pw":"***"}"#));
        check(r#"{"pw" : 12.50e3 , "a":1}"#, Some(r#"{"pw" : "***" , "a":1}"#));
        check(r#"{"a":1.10,"pw":null}"#, Some(r#"{"a":1.10,"pw":"***"}"#));
        check(r#"[{"pw":[1,{"pw":"]}\""}]},{"pw":{}}]"#, Some(r#"[{"pw":"***"},{"pw":"***"}]"#));
        check(r#"{"a":{"b":[{"pw":true}]}}"#, Some(r#"{"a":{"b":[{"pw":"***"}]}}"#));
        check(r#"{"pw":"a\"b\\","c":"pw"}"#, Some(r#"{"pw":"***","c":"pw"}"#));
        check(r#"{"p\u0077":1,"\u00fc":2}"#, Some(r#"{"p\u0077":"***","\u00fc":"***"}"#));
    }

    #[test]
    fn everything_else_is_left_alone() {
        for json in [r#"["pw",":",1]"#, r#"{"a":"pw","b":["pw"]}"#, "12", r#""pw""#, r#"{"PW":1,"pw2":2}"#] {
            check(json, None);
        }
        assert!(redact(br#"{"pw":"#, |_| true, "0").is_err());
        assert!(redact(b"\"pw\":1", |_| true, "0").is_err());
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        check(&deep, None);
        check(&format!("{{\"pw\":{deep}}}"), Some(r#"{"pw":"***"}"#));
    }
}
