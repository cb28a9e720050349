//! What the rounds say.

use std::fs;
use std::process::ExitCode;

use envoy_ring::tools;

use crate::load::Round;
use crate::{Bench, Comparison, Subject, Target};

/// The most that a request with a session may cost beyond the empty filter (µs).
const MOST_ADDED: f64 = 12.0;
/// The largest module (bytes).
const LARGEST_MODULE: u64 = 2_500_000;

/// Prints everything; fails when a target is missed.
pub fn print(bench: &Bench) -> ExitCode {
    println!("{:46}{:>12}{:>9}{:>9}{:>16}{:>12}", "", "requests/s", "p50 µs", "p99 µs", "CPU µs/request", "over none");
    let [none, empty, latchkey] = &bench.session;
    let rows = bench.session.iter().chain(bench.comparisons.iter().flat_map(|comparison| &comparison.subjects));
    for subject in rows {
        println!(
            "{:46}{:>12.0}{:>9.0}{:>9.0}{:>16.1}{:>12.1}",
            subject.title,
            subject.median(|round| round.requests_per_second),
            subject.median(|round| round.p50),
            subject.median(|round| round.p99),
            subject.median(|round| round.cpu),
            subject.median(|round| round.cpu) - none.median(|round| round.cpu),
        );
    }
    let added = latchkey.paired(empty, |own, other| own.cpu - other.cpu);
    println!("a request with a session over the empty filter: {added:+.1} µs of CPU");
    let mut met = target(&format!("at most {MOST_ADDED} µs over the empty filter"), added <= MOST_ADDED);
    for comparison in &bench.comparisons {
        met &= judge(comparison);
    }
    let size = fs::metadata(tools::latchkey_module()).expect("the module").len();
    met &= target(&format!("module at most {LARGEST_MODULE} bytes, is {size}"), size <= LARGEST_MODULE);
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn judge(comparison: &Comparison) -> bool {
    let Some(own) = comparison.subjects.last() else { return false };
    let judge = |wanted: &Target| {
        let native = &comparison.subjects[wanted.of];
        let rate = own.paired(native, |own, other| own.requests_per_second / other.requests_per_second);
        let cpu = own.paired(native, |own, other| own.cpu / other.cpu);
        let p99 = own.paired(native, |own, other| own.p99 / other.p99);
        println!(
            "{}: {rate:.2} of the requests/s, {cpu:.2} of the CPU, {p99:.2} of the p99 of {}",
            own.title, native.title
        );
        let met = target(&format!("at least {} of its requests/s", wanted.rate), rate >= wanted.rate);
        wanted.p99.is_none_or(|most| target(&format!("at most {most} of its p99"), p99 <= most)) && met
    };
    // All are judged, whatever came out before.
    let judged: Vec<_> = comparison.targets.iter().map(judge).collect();
    judged.into_iter().all(|met| met)
}

fn target(what: &str, met: bool) -> bool {
    println!("  target: {what}: {}", if met { "met" } else { "MISSED" });
    met
}

impl Subject {
    fn median(&self, value: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(value).collect())
    }

    /// The median of comparisons with the same rounds of `other`.
    fn paired(&self, other: &Self, compare: impl Fn(&Round, &Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| compare(own, other)).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
