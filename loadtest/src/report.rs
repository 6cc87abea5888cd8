//! Measurements as Markdown, for a terminal and for the README.

use crate::compare::{BASE, Comparison, Row};
use crate::goals::Goal;
use crate::inflight::{InFlight, Run};
use crate::load::Summary;
use crate::stats::Spread;
use crate::swap::Swapped;
use std::fmt::Write;

pub fn comparison(comparison: &Comparison) -> String {
    let mut text = format!(
        "CPU per request and latency, scenario {}, {} rounds of {} s each, alternating; {}.\n\n\
         | proxy | CPU us per request | against {BASE} (rounds) | p50 us | p99 us | requests/s | failed |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        comparison.scenario,
        comparison.rows.first().map_or(0, |row| row.rounds.len()),
        comparison.seconds_per_sample,
        comparison.machine,
    );
    for row in &comparison.rows {
        let median = |figure: fn(&crate::compare::Sample) -> f64| {
            Spread::of(&row.figures(figure)).map_or(f64::NAN, |spread| spread.median)
        };
        let ratio = comparison.ratio(&row.name, BASE, |sample| sample.cpu_us);
        line(
            &mut text,
            format_args!(
                "| {} | {:.2} | {} | {:.0} | {:.0} | {:.0} | {} |",
                row.name,
                median(|sample| sample.cpu_us),
                ratio.map_or_else(|| "-".to_owned(), spread),
                median(|sample| sample.p50_us),
                median(|sample| sample.p99_us),
                median(|sample| sample.requests_per_s),
                row.failed(),
            ),
        );
    }
    text.push('\n');
    let versions = comparison.rows.iter().filter(|row| !row.name.starts_with("switchyard"));
    for Row { name, version, .. } in versions {
        line(&mut text, format_args!("- {name}: {version}"));
    }
    for skipped in &comparison.skipped {
        line(&mut text, format_args!("- skipped: {skipped}"));
    }
    text
}

pub fn swapped(swapped: &Swapped) -> String {
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "{} deployments under {:.0} requests/s: {} of {} requests failed{}.",
            swapped.deployments,
            swapped.all.requests_per_s,
            swapped.failed,
            swapped.requests,
            why(swapped.failed, &swapped.all)
        ),
    );
    line(
        &mut text,
        format_args!(
            "p99 {:.0} us while swapping, {:.0} us without; ratio of neighbouring stretches {}.",
            swapped.p99_us_swapping,
            swapped.p99_us_quiet,
            swapped.p99_ratio.map_or_else(|| "-".to_owned(), spread)
        ),
    );
    line(
        &mut text,
        format_args!(
            "A deployment was acknowledged within {:.1} ms (p50), {:.1} ms (p99).",
            swapped.deploy_ms_p50, swapped.deploy_ms_p99
        ),
    );
    line(
        &mut text,
        format_args!(
            "Resident memory {:.1} MiB before, {:.1} MiB {:.0} s after the last request ({:.3}).",
            mib(swapped.resident_bytes_before),
            mib(swapped.resident_bytes_after),
            swapped.settled_after_s,
            swapped.memory_ratio()
        ),
    );
    text
}

/// What came instead of the expected answers; nothing when nothing failed.
fn why(failed: u64, summary: &Summary) -> String {
    if failed == 0 {
        return String::new();
    }
    format!(" (status {:?}, failures {:?})", summary.statuses, summary.failures)
}

pub fn in_flight(inflight: &InFlight) -> String {
    let mut text = String::new();
    let run = |run: &Run| {
        let Run { sent, ok, unavailable, failed, summary, .. } = run;
        format!("{sent} sent, {ok} served, {unavailable} refused with 503, {failed} failed{}", why(*failed, summary))
    };
    let at_once = if inflight.within.all_at_once { "all at one moment" } else { "NOT all at one moment" };
    line(&mut text, format_args!("Up to the cap of {}: {}, {at_once}.", inflight.exchanges, run(&inflight.within)));
    line(
        &mut text,
        format_args!(
            "Resident memory {:.0} MiB idle, {:.0} MiB at the peak.",
            mib(inflight.resident_bytes_idle),
            mib(inflight.resident_bytes_peak)
        ),
    );
    line(
        &mut text,
        format_args!(
            "Beyond the cap: {}; Retry-After: {}.",
            run(&inflight.beyond),
            inflight.retry_after.as_deref().unwrap_or("none")
        ),
    );
    text
}

pub fn goals(goals: &[Goal]) -> String {
    let mut text = "| goal | at most | then | measured | |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for goal in goals {
        let measured = goal.spread.map_or_else(|| number(goal.measured), spread);
        let next = goal.next.map(number).unwrap_or_default();
        line(
            &mut text,
            format_args!("| {} | {} | {next} | {measured} | {} |", goal.what, number(goal.first), goal.verdict()),
        );
    }
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}

fn spread(spread: Spread) -> String {
    format!("{:.3} ({:.3}-{:.3})", spread.median, spread.min, spread.max)
}

/// Whole numbers as such.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Sample;

    #[test]
    fn the_table_shows_medians_and_ratios_of_rounds() {
        let sample =
            |cpu_us, failed| Sample { cpu_us, p50_us: 10.4, p99_us: 99.6, requests_per_s: 5e4, requests: 9, failed };
        let row = |name: &str, rounds: Vec<Sample>| Row { name: name.to_owned(), version: "1.2".to_owned(), rounds };
        let measured = Comparison {
            machine: "a machine".to_owned(),
            scenario: "headers".to_owned(),
            seconds_per_sample: 4.0,
            rows: vec![
                row(BASE, vec![sample(20.0, 0), sample(40.0, 0), sample(20.0, 0)]),
                row("nginx", vec![sample(10.0, 0), sample(24.0, 1), sample(12.0, 2)]),
            ],
            skipped: vec!["envoy: not installed".to_owned()],
        };
        let text = comparison(&measured);
        assert!(text.contains("| bare pingora | 20.00 | 1.000 (1.000-1.000) | 10 | 100 | 50000 | 0 |"), "{text}");
        assert!(text.contains("| nginx | 12.00 | 0.600 (0.500-0.600) | 10 | 100 | 50000 | 3 |"), "{text}");
        assert!(text.contains("- nginx: 1.2\n- skipped: envoy: not installed\n"), "{text}");
    }
}
