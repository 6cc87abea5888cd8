//! Shares of versions as people write them: `1.0.0=90,1.1.0=10`.

use crate::output::{items, plain};
use serde_json::{Value, json};
use std::str::FromStr;
use switchyard_contract::Version;

/// Versions with their shares in percent, adding up to 100.
#[derive(Debug, Clone, PartialEq)]
pub struct Split(Vec<(Version, f64)>);

impl FromStr for Split {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut arms = Vec::new();
        for arm in text.split(',') {
            let (version, percent) =
                arm.split_once('=').ok_or_else(|| format!("{arm:?} is not VERSION=PERCENT, such as 1.1.0=10"))?;
            let version: Version = version.trim().parse().map_err(|error| format!("{error}"))?;
            let number = percent.trim().trim_end_matches('%');
            let percent: f64 = number.parse().map_err(|_| format!("{number:?} is no share in percent"))?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(format!("a share is from 0 to 100 percent, {version} has {percent}"));
            }
            arms.push((version, percent));
        }
        let total: f64 = arms.iter().map(|(_, percent)| percent).sum();
        if (total - 100.0).abs() > 1e-6 {
            return Err(format!("the shares add up to {total} percent; they must add up to 100"));
        }
        Ok(Self(arms))
    }
}

impl Split {
    /// As the API takes it.
    pub fn body(&self) -> Value {
        self.0.iter().map(|(version, percent)| json!({ "version": version, "weight": percent })).collect()
    }
}

/// A list of versions with weights, as the API gives it, for a cell.
pub fn shares(arms: &Value) -> String {
    match items(arms) {
        [] => "-".to_owned(),
        [only] => plain(&only["version"]),
        arms => {
            let share = |arm: &Value| format!("{}={}%", plain(&arm["version"]), plain(&arm["weight"]));
            arms.iter().map(share).collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_versions_with_percents_that_make_a_hundred() {
        let split: Split = "1.0.0=90, 1.1.0=10%".parse().expect("valid");
        assert_eq!(split.body(), json!([{"version": "1.0.0", "weight": 90.0}, {"version": "1.1.0", "weight": 10.0}]));
        for bad in
            ["", "1.0.0", "1.0.0=", "1.0=100", "1.0.0=90", "1.0.0=101,1.1.0=-1", "1.0.0=NaN", "1.0.0=90,1.1.0=11"]
        {
            assert!(bad.parse::<Split>().is_err(), "{bad}");
        }
    }
}
