//! Which version of a filter serves a request. Pure: the same key and split give the same version
//! on every node and in every release.
//!
//! The hash of a key is `contract::seed`'s, which the control plane's explanations use as well.

use http::HeaderMap;
use http::header::COOKIE;
use rand::RngExt;
use std::net::IpAddr;
use switchyard_contract::seed::Seed;
use switchyard_contract::snapshot::Stickiness;
use switchyard_contract::split::{Split, bucket};

/// The index of the arm that serves the request; 0 for a split of one.
pub fn decide(split: &Split, seed: Seed, stickiness: &Stickiness, headers: &HeaderMap, client: IpAddr) -> usize {
    if split.arms.len() == 1 {
        return 0;
    }
    let hash = key_hash(seed, stickiness, headers, client);
    split.arm_index(bucket(hash)).unwrap_or(0)
}

/// Cookie, else header, else client address, as far as the binding wants them; else a random draw.
fn key_hash(seed: Seed, stickiness: &Stickiness, headers: &HeaderMap, client: IpAddr) -> u64 {
    let named = stickiness.cookie.as_deref().and_then(|name| cookie(headers, name));
    let key = named.or_else(|| {
        let name = stickiness.header.as_deref()?;
        headers.get(name).map(http::HeaderValue::as_bytes).filter(|value| !value.is_empty())
    });
    match key {
        Some(key) => seed.hash(key),
        None if stickiness.client_address => seed.hash_address(client),
        None => rand::rng().random(),
    }
}

/// The value of the first cookie of that name (RFC 6265, section 5.4: pairs divided by `; `).
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use switchyard_contract::Digest;
    use switchyard_contract::split::{Arm, BUCKETS};

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    fn arms(weights: &[u32]) -> Vec<Arm> {
        let arm = |(i, weight_ppm): (usize, &u32)| Arm {
            version: format!("1.{i}.0").parse().unwrap(),
            digest: Digest::from_bytes([i as u8; 32]),
            weight_ppm: *weight_ppm,
        };
        weights.iter().enumerate().map(arm).collect()
    }
    fn seed() -> Seed {
        Seed::new(&"shop".parse().unwrap(), 42)
    }
    fn by_header() -> Stickiness {
        Stickiness { header: Some("x-user".into()), ..Stickiness::default() }
    }
    fn user(name: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-user".parse().unwrap(), name.parse().unwrap())])
    }
    fn arm_of(split: &Split, name: &str) -> usize {
        decide(split, seed(), &by_header(), &user(name), CLIENT)
    }

    #[test]
    fn the_key_is_the_cookie_then_the_header_then_the_address() {
        let mut headers = user("ada");
        headers.insert(COOKIE, "a=1; session=s1; session=s2".parse().unwrap());
        let all = Stickiness { cookie: Some("session".into()), header: Some("x-user".into()), client_address: true };
        assert_eq!(key_hash(seed(), &all, &headers, CLIENT), seed().hash(b"s1"));
        headers.remove(COOKIE);
        assert_eq!(key_hash(seed(), &all, &headers, CLIENT), seed().hash(b"ada"));
        headers.remove("x-user");
        assert_eq!(key_hash(seed(), &all, &headers, CLIENT), seed().hash_address(CLIENT));
    }

    #[test]
    fn a_cookie_whose_name_only_begins_alike_is_not_the_key() {
        let headers = HeaderMap::from_iter([(COOKIE, "session2=x; xsession=y; session=".parse().unwrap())]);
        assert_eq!(cookie(&headers, "session"), None);
    }

    #[test]
    fn each_version_gets_its_share_of_100_000_keys() {
        let split = Split::new(42, arms(&[700_000, 200_000, 50_000, 50_000])).unwrap();
        let mut counts = [0u32; 4];
        for key in 0..100_000 {
            counts[arm_of(&split, &format!("user-{key}"))] += 1;
        }
        for (count, arm) in counts.iter().zip(&split.arms) {
            let expected = f64::from(arm.weight_ppm) / f64::from(BUCKETS) * 100_000.0;
            // Five standard deviations of a binomial draw: less than one false alarm in a million.
            let allowed = 5.0 * (expected * (1.0 - expected / 100_000.0)).sqrt();
            assert!((f64::from(*count) - expected).abs() < allowed, "{counts:?}");
        }
    }

    #[test]
    fn without_a_key_requests_are_spread_by_chance() {
        let split = Split::new(1, arms(&[500_000, 500_000])).unwrap();
        let mut seen = [0u32; 2];
        for _ in 0..10_000 {
            seen[decide(&split, seed(), &Stickiness::default(), &HeaderMap::new(), CLIENT)] += 1;
        }
        assert!(seen.iter().all(|count| (4_500..5_500).contains(count)), "{seen:?}");
    }

    /// Any weights of 2 to 6 versions that add up to the whole.
    fn weights() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(0u32..=BUCKETS, 1..6).prop_map(|mut cuts| {
            cuts.extend([0, BUCKETS]);
            cuts.sort_unstable();
            cuts.windows(2).map(|pair| pair[1] - pair[0]).collect()
        })
    }

    proptest! {
        #[test]
        fn the_same_key_always_gets_the_same_version(weights in weights(), key in "[a-z0-9]{1,40}") {
            let split = Split::new(42, arms(&weights)).unwrap();
            prop_assert_eq!(arm_of(&split, &key), arm_of(&split.clone(), &key));
        }

        /// The share of the last version grows, all others shrink: nobody leaves it.
        #[test]
        fn who_has_the_growing_version_keeps_it(small in 0u32..=BUCKETS, growth in 0u32..=BUCKETS, start in 0u32..1000) {
            let large = small.saturating_add(growth).min(BUCKETS);
            let before = Split::new(42, arms(&[BUCKETS - small, small])).unwrap();
            let after = before.reweighted(arms(&[BUCKETS - large, large])).unwrap();
            for key in start..start + 300 {
                let name = format!("user-{key}");
                if arm_of(&before, &name) == 1 {
                    prop_assert_eq!(arm_of(&after, &name), 1);
                }
            }
        }

        /// Whatever the change, a key moves only if its version shrank, and only to one that grew.
        #[test]
        fn keys_move_only_from_shrinking_to_growing_versions(before in weights(), start in 0u32..1000) {
            let after: Vec<u32> = before.iter().rev().copied().collect();
            let old = Split::new(42, arms(&before)).unwrap();
            let new = old.reweighted(arms(&after)).unwrap();
            for key in start..start + 200 {
                let name = format!("user-{key}");
                let (from, to) = (arm_of(&old, &name), arm_of(&new, &name));
                prop_assert!(from == to || (after[from] < before[from] && after[to] > before[to]));
            }
        }
    }
}
