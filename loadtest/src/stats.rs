//! Medians and ratios. Two sides of a ratio are always of the same round: rounds differ more than proxies do.

use serde::Serialize;

/// The middle of some figures, and how far they reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[upper] } else { (sorted[upper - 1] + sorted[upper]) / 2.0 };
        Some(Self { median, min, max })
    }

    /// Of the figures above those below, round by round.
    pub fn of_ratios(above: &[f64], below: &[f64]) -> Option<Self> {
        Self::of(&above.iter().zip(below).map(|(above, below)| above / below).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    /// A machine that was twice as slow in the second round: the ratio of medians would be 1.5, and wrong.
    #[test]
    fn a_slow_round_does_not_move_a_ratio() {
        let spread = Spread::of_ratios(&[20.0, 40.0, 20.0], &[10.0, 20.0, 10.0]);
        assert_eq!(spread, Some(Spread { median: 2.0, min: 2.0, max: 2.0 }));
    }
}
