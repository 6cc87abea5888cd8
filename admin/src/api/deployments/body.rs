//! A deployment as it is asked for.

use crate::api::{Problem, names};
use serde::Deserialize;
use std::collections::BTreeSet;
use switchyard_contract::split::BUCKETS;
use switchyard_domain::command::Share;
use switchyard_domain::release::Scope;
use switchyard_domain::{Environment, Reason};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeploymentBody {
    /// Name or UUID.
    #[serde(alias = "plugin")]
    pub plugin_id: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    versions: Option<Vec<ShareBody>>,
    /// When it is said, it must be the environment of this installation.
    environment: Option<Environment>,
    strategy: Option<Strategy>,
    /// Left out: all tenants, those to come included.
    tenants: Option<Vec<String>>,
}

/// How a choice comes to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Strategy {
    /// One version, at once.
    Direct,
    /// Shares, at once.
    Split,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareBody {
    version: String,
    /// Percent, at most four decimals.
    weight: f64,
}

/// Other shares for a deployment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsBody {
    versions: Vec<ShareBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    #[serde(default)]
    pub reason: String,
}

impl DeploymentBody {
    /// Errors: everything that is wrong with it as a text.
    pub fn choice(&self, here: Environment) -> Result<(Vec<Share>, Scope), Problem> {
        let mut reasons = Vec::new();
        if let Some(environment) = self.environment.filter(|environment| *environment != here) {
            let reason = format!("this installation is {here:?}, not {environment:?}: ask the admin of that one");
            reasons.push(Reason::at("/environment", reason));
        }
        let shares = self.shares(&mut reasons);
        let scope = self.scope(&mut reasons);
        if reasons.is_empty() { Ok((shares, scope)) } else { Err(Problem::invalid(reasons)) }
    }

    fn shares(&self, reasons: &mut Vec<Reason>) -> Vec<Share> {
        match (&self.version, &self.versions) {
            (Some(version), None) => {
                if self.strategy == Some(Strategy::Split) {
                    reasons.push(Reason::at("/versions", "strategy Split takes \"versions\" with weights"));
                }
                let version = names::parsed(version, "/version", reasons);
                version.map(|version| Share { version, weight_ppm: BUCKETS }).into_iter().collect()
            }
            (None, Some(versions)) => {
                if self.strategy == Some(Strategy::Direct) {
                    reasons.push(Reason::at("/version", "strategy Direct takes one \"version\""));
                }
                shares(versions, reasons)
            }
            (Some(_), Some(_)) => {
                reasons.push(Reason::at("/versions", "give either \"version\" or \"versions\""));
                Vec::new()
            }
            (None, None) => {
                reasons.push(Reason::at("/version", "give \"version\", or \"versions\" with weights"));
                Vec::new()
            }
        }
    }

    fn scope(&self, reasons: &mut Vec<Reason>) -> Scope {
        let Some(tenants) = &self.tenants else { return Scope::Everyone };
        let parsed = tenants.iter().enumerate();
        let parsed = parsed.filter_map(|(at, tenant)| names::parsed(tenant, &format!("/tenants/{at}"), reasons));
        Scope::Only(parsed.collect::<BTreeSet<_>>())
    }
}

impl WeightsBody {
    pub fn shares(&self) -> Result<Vec<Share>, Problem> {
        let mut reasons = Vec::new();
        let shares = shares(&self.versions, &mut reasons);
        if reasons.is_empty() { Ok(shares) } else { Err(Problem::invalid(reasons)) }
    }
}

fn shares(bodies: &[ShareBody], reasons: &mut Vec<Reason>) -> Vec<Share> {
    let mut shares = Vec::with_capacity(bodies.len());
    for (at, body) in bodies.iter().enumerate() {
        let version = names::parsed(&body.version, &format!("/versions/{at}/version"), reasons);
        let weight_ppm = ppm(body.weight);
        if weight_ppm.is_none() {
            let reason = format!("a weight is 0 to 100 percent with at most four decimals, not {}", body.weight);
            reasons.push(Reason::at(format!("/versions/{at}/weight"), reason));
        }
        if let (Some(version), Some(weight_ppm)) = (version, weight_ppm) {
            shares.push(Share { version, weight_ppm });
        }
    }
    shares
}

/// Percent to parts per million. A double holds four decimals of a percentage exactly enough: what
/// is off by more than that was not four decimals.
fn ppm(percent: f64) -> Option<u32> {
    let scaled = percent * 10_000.0;
    let rounded = scaled.round();
    let fits = (0.0..=f64::from(BUCKETS)).contains(&rounded) && (scaled - rounded).abs() < 1e-6;
    fits.then_some(rounded as u32)
}
