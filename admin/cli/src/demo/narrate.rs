//! How the demo tells its story: numbered steps with indented findings, colourless where stdout is
//! no terminal, JSON lines where a program listens.

use crate::failure::Failure;
use crate::output::print;
use clap::builder::styling::{AnsiColor, Style};
use serde_json::json;
use std::io::IsTerminal;

pub struct Narrator {
    json: bool,
    colour: bool,
    step: u32,
}

impl Narrator {
    pub fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colour: wanted && std::io::stdout().is_terminal(), step: 0 }
    }

    /// A new step: what is about to be done.
    pub fn step(&mut self, title: &str) -> Result<(), Failure> {
        self.step += 1;
        if self.json {
            return print(&format!("{}\n", json!({ "step": self.step, "title": title })));
        }
        print(&format!("\n{}\n", self.paint(Style::new().bold(), &format!("{:>2}. {title}", self.step))))
    }

    /// What was found.
    pub fn say(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        if self.json {
            return print(&format!("{}\n", json!({ "step": self.step, "says": text.as_ref() })));
        }
        print(&format!("    {}\n", text.as_ref()))
    }

    /// The last line, the one scripts look for.
    pub fn verdict(&self, total: u64, failed: u64) -> Result<(), Failure> {
        if self.json {
            return print(&format!("{}\n", json!({ "requests": total, "failed": failed })));
        }
        let colour = if failed == 0 { AnsiColor::Green } else { AnsiColor::Red };
        let text = format!("failed requests: {failed} of {}", grouped(total));
        print(&format!("\n{}\n", self.paint(Style::new().bold().fg_color(Some(colour.into())), &text)))
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// 1234567 as people read it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let grouped = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
    }
}
