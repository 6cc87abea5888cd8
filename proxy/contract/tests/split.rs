//! Splits, over random histories of shares: always sound, and moving no key that could stay.

use proptest::prelude::*;
use switchyard_contract::Digest;
use switchyard_contract::split::{Arm, BUCKETS, InvalidSplit, Split, bucket};

/// Shares of versions 1.0.0, 2.0.0, … from relative weights; a zero weight leaves the version out.
fn arms(weights: &[u32]) -> Vec<Arm> {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let mut left = BUCKETS;
    let share = |weight: u32| (u64::from(weight) * u64::from(BUCKETS) / total) as u32;
    let mut arms: Vec<Arm> = weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight > 0)
        .map(|(i, weight)| {
            let weight_ppm = share(*weight);
            left -= weight_ppm;
            let version = format!("{}.0.0", i + 1).parse().expect("a version");
            Arm { version, digest: Digest::from_bytes([i as u8; 32]), weight_ppm }
        })
        .collect();
    arms.last_mut().expect("one weight is not zero").weight_ppm += left;
    arms
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0..1_000u32, 1..6)
        .prop_filter("one share at least", |weights| weights.iter().any(|w| *w > 0))
}

fn version_of(split: &Split, bucket: u32) -> &str {
    split.arms[split.arm_index(bucket).expect("every bucket has an arm")].version.as_str()
}

fn weight_of(split: &Split, version: &str) -> u32 {
    split.arms.iter().find(|arm| arm.version.as_str() == version).map_or(0, |arm| arm.weight_ppm)
}

proptest! {
    #[test]
    fn a_history_of_shares_moves_only_what_it_must(history in proptest::collection::vec(weights(), 1..12)) {
        let mut split = Split::new(7, arms(&history[0])).expect("sound");
        split.check().expect("sound");
        for weights in &history[1..] {
            let next = split.reweighted(arms(weights)).expect("sound");
            next.check().expect("sound");
            prop_assert_eq!(next.salt, split.salt);
            // Every 97th bucket: a sample of all ranges, and the ends of each.
            let ends = split.ranges.iter().chain(&next.ranges).flat_map(|range| [range.end - 1, range.end % BUCKETS]);
            for bucket in (0..BUCKETS).step_by(97).chain(ends) {
                let (before, after) = (version_of(&split, bucket), version_of(&next, bucket));
                if before != after {
                    prop_assert!(weight_of(&next, before) < weight_of(&split, before), "{} lost a key though it did not shrink", before);
                    prop_assert!(weight_of(&next, after) > weight_of(&split, after), "{} won a key though it did not grow", after);
                }
            }
            split = next;
        }
    }

    #[test]
    fn a_ramp_never_takes_a_key_back(mut steps in proptest::collection::vec(1..1_000u32, 1..10)) {
        steps.sort_unstable();
        let mut split = Split::new(1, arms(&[1_000])).expect("sound");
        for step in steps {
            let next = split.reweighted(arms(&[1_000 - step, step])).expect("sound");
            for bucket in (0..BUCKETS).step_by(101) {
                prop_assert!(version_of(&split, bucket) != "2.0.0" || version_of(&next, bucket) == "2.0.0");
            }
            split = next;
        }
    }

    #[test]
    fn buckets_are_in_range_and_in_order(a: u64, b: u64) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(bucket(low) <= bucket(high) && bucket(high) < BUCKETS);
    }
}

#[test]
fn every_bucket_is_as_likely() {
    assert_eq!((bucket(0), bucket(u64::MAX)), (0, BUCKETS - 1));
    let per_bucket = u64::MAX / u64::from(BUCKETS);
    assert_eq!(bucket(per_bucket * 499_999 + per_bucket / 2), 499_999);
}

#[test]
fn what_is_no_split_is_refused() {
    let one = arms(&[1]).remove(0);
    assert_eq!(Split::new(0, vec![]), Err(InvalidSplit::Empty));
    assert!(matches!(Split::new(0, vec![one.clone(), one.clone()]), Err(InvalidSplit::Twice { .. })));
    let half = Arm { weight_ppm: BUCKETS / 2, ..one.clone() };
    let refused = Split::new(0, vec![half]).expect_err("half is not all");
    assert_eq!(refused.to_string(), "the weights of a split add up to 100 %, these add up to 50 %");
    let mut forged = Split::new(0, arms(&[1, 1])).expect("sound");
    forged.ranges[0].end = 1;
    assert_eq!(forged.check(), Err(InvalidSplit::Ranges));
    forged.ranges[0].arm = 9;
    assert_eq!(forged.check(), Err(InvalidSplit::Ranges));
    forged.ranges.clear();
    assert_eq!(forged.check(), Err(InvalidSplit::Ranges));
}
