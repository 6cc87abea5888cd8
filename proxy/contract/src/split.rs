//! Which version a request key gets: ranges over a million buckets, moved as little as possible
//! when shares change.
//!
//! A key that has a version keeps it while that version's share does not shrink. Only buckets of
//! shrinking arms move, and only to growing ones, for any number of arms.

use crate::Version;
use crate::ids::Digest;
use serde::{Deserialize, Serialize};

/// One bucket is a millionth of the keys.
pub const BUCKETS: u32 = 1_000_000;

/// Ranges a split may be cut into before it is laid out anew.
const RANGES_MAX: usize = 64;

/// A version with its share of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    pub version: Version,
    pub digest: Digest,
    /// Buckets, in parts per million. The arms of a split add up to `BUCKETS`.
    pub weight_ppm: u32,
}

/// Buckets from the end of the range before up to `end`, exclusive, belong to `arms[arm]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub end: u32,
    pub arm: u16,
}

/// Why a list of arms is no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSplit {
    #[error("a split needs at least one version")]
    Empty,
    #[error("a split has at most {max} versions, this one has {given}")]
    TooMany { given: usize, max: usize },
    #[error("the weights of a split add up to 100 %, these add up to {} %", *.total_ppm as f64 / 10_000.0)]
    Total { total_ppm: u64 },
    #[error("version {version} stands twice in the split")]
    Twice { version: Version },
    #[error("the ranges of the split do not match its weights")]
    Ranges,
}

/// Versions a split may hold at once.
pub const ARMS_MAX: usize = 16;

/// The choice among versions for one plugin of one tenant. `salt` decides how keys fall into
/// buckets; it stays the same while shares change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub salt: u64,
    pub arms: Vec<Arm>,
    pub ranges: Vec<Range>,
}

impl Split {
    /// A split laid out in the order of its arms.
    pub fn new(salt: u64, arms: Vec<Arm>) -> Result<Self, InvalidSplit> {
        check_arms(&arms)?;
        let ranges = contiguous(&arms);
        Ok(Self { salt, arms, ranges })
    }

    /// Everything to one version.
    pub fn whole(salt: u64, version: Version, digest: Digest) -> Self {
        let arms = vec![Arm { version, digest, weight_ppm: BUCKETS }];
        let ranges = contiguous(&arms);
        Self { salt, arms, ranges }
    }

    /// The same split with other shares, moving as few keys as possible.
    pub fn reweighted(&self, arms: Vec<Arm>) -> Result<Self, InvalidSplit> {
        check_arms(&arms)?;
        let mut ranges = move_least(self, &arms);
        if ranges.len() > RANGES_MAX {
            ranges = contiguous(&arms);
        }
        Ok(Self { salt: self.salt, arms, ranges })
    }

    /// The arm of a bucket. `None` only for a split that `check` refuses.
    pub fn arm_index(&self, bucket: u32) -> Option<usize> {
        self.ranges.iter().find(|range| bucket < range.end).map(|range| usize::from(range.arm))
    }

    /// What arrives from elsewhere is checked before it is used.
    pub fn check(&self) -> Result<(), InvalidSplit> {
        check_arms(&self.arms)?;
        let mut weights = vec![0u32; self.arms.len()];
        let mut start = 0;
        for range in &self.ranges {
            let weight = weights.get_mut(usize::from(range.arm)).ok_or(InvalidSplit::Ranges)?;
            let length = range.end.checked_sub(start).filter(|length| *length > 0);
            *weight += length.ok_or(InvalidSplit::Ranges)?;
            start = range.end;
        }
        let fits = start == BUCKETS && weights.iter().zip(&self.arms).all(|(weight, arm)| *weight == arm.weight_ppm);
        if fits { Ok(()) } else { Err(InvalidSplit::Ranges) }
    }
}

/// The bucket of a 64-bit hash: the high bits, so that every bucket is as likely as the next to
/// within one part in 10^13.
pub fn bucket(hash: u64) -> u32 {
    ((u128::from(hash) * u128::from(BUCKETS)) >> 64) as u32
}

fn check_arms(arms: &[Arm]) -> Result<(), InvalidSplit> {
    if arms.is_empty() {
        return Err(InvalidSplit::Empty);
    }
    if arms.len() > ARMS_MAX {
        return Err(InvalidSplit::TooMany { given: arms.len(), max: ARMS_MAX });
    }
    for (i, arm) in arms.iter().enumerate() {
        if arms.iter().take(i).any(|other| other.version == arm.version) {
            return Err(InvalidSplit::Twice { version: arm.version.clone() });
        }
    }
    let total_ppm = arms.iter().map(|arm| u64::from(arm.weight_ppm)).sum();
    if total_ppm != u64::from(BUCKETS) {
        return Err(InvalidSplit::Total { total_ppm });
    }
    Ok(())
}

fn contiguous(arms: &[Arm]) -> Vec<Range> {
    let mut end = 0;
    let mut ranges = Vec::with_capacity(arms.len());
    for (arm, weighted) in arms.iter().enumerate() {
        end += weighted.weight_ppm;
        if weighted.weight_ppm > 0 {
            ranges.push(Range { end, arm: arm as u16 });
        }
    }
    ranges
}

/// Walks the old ranges once: an arm keeps buckets up to its new share; the rest goes to the arms
/// that are still short, in their order.
fn move_least(old: &Split, arms: &[Arm]) -> Vec<Range> {
    let mut short: Vec<u32> = arms.iter().map(|arm| arm.weight_ppm).collect();
    let kept_arm = |range: &Range| {
        let version = &old.arms.get(usize::from(range.arm))?.version;
        arms.iter().position(|arm| arm.version == *version)
    };
    // First pass: what every old range keeps.
    let mut pieces: Vec<(u32, Option<usize>)> = Vec::new();
    let mut start = 0;
    for range in &old.ranges {
        let length = range.end - start;
        start = range.end;
        let arm = kept_arm(range);
        let kept = arm.and_then(|arm| short.get_mut(arm)).map_or(0, |short| {
            let kept = length.min(*short);
            *short -= kept;
            kept
        });
        pieces.push((kept, arm));
        pieces.push((length - kept, None));
    }
    // Second pass: what was let go is handed to the arms still short.
    let mut ranges: Vec<Range> = Vec::new();
    let mut end = 0;
    let mut push = |arm: usize, length: u32| {
        if length == 0 {
            return;
        }
        end += length;
        match ranges.last_mut() {
            Some(last) if usize::from(last.arm) == arm => last.end = end,
            _ => ranges.push(Range { end, arm: arm as u16 }),
        }
    };
    for (length, arm) in pieces {
        if let Some(arm) = arm {
            push(arm, length);
            continue;
        }
        let mut free = length;
        for (arm, short) in short.iter_mut().enumerate() {
            let taken = free.min(*short);
            *short -= taken;
            free -= taken;
            push(arm, taken);
        }
    }
    ranges
}
