//! Runs the cases of the model on two threads and prints a table: `model [--long] [--trace] [NAME…]`. A name selects
//! the cases whose part or title has it. The exit code is 1 if anything came out otherwise than it has to.

#![expect(clippy::print_stdout, reason = "the table is the output")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use userd_model::{CaseExpectation, ModelCase, SearchBounds, SearchReport, all_cases};

/// Two cores, two threads: each case is explored by one.
const THREADS: usize = 2;

/// A case that is not done within this is reported as partial, and as unexpected.
const BOUNDS: SearchBounds = SearchBounds { states_max: 40_000_000, time_max: Duration::from_secs(900) };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has_flag = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_selected = |case: &ModelCase| {
        let is_named = names.iter().any(|name| case.title.contains(*name) || case.part.contains(*name));
        (names.is_empty() && (has_flag("--long") || !case.is_long)) || is_named
    };
    let cases: Vec<ModelCase> = all_cases().into_iter().filter(is_selected).collect();
    println!("{:15}  {:82}  {:>9}  {:>8}  {:>7}  result", "part", "scenario", "states", "stores", "seconds");
    let unexpected = run_all(&cases, has_flag("--trace"));
    println!("{} cases, {unexpected} unexpected", cases.len());
    if unexpected == 0 && !cases.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all cases; prints each row as soon as those before it are printed. Returns how many came out otherwise.
fn run_all(cases: &[ModelCase], traces: bool) -> usize {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new((0, vec![None; cases.len()]));
    let unexpected = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let exploration = case.run(&BOUNDS);
                    let is_expected = case.is_as_expected(&exploration) && !exploration.is_partial;
                    unexpected.fetch_add(usize::from(!is_expected), Ordering::Relaxed);
                    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                    rows.1[index] = Some(row(case, &exploration, is_expected, traces));
                    while let Some(text) = rows.1.get(rows.0).cloned().flatten() {
                        println!("{text}");
                        rows.0 += 1;
                    }
                }
            });
        }
    });
    unexpected.load(Ordering::Relaxed)
}

fn row(case: &ModelCase, exploration: &SearchReport, is_expected: bool, traces: bool) -> String {
    let SearchReport { states, stores, elapsed, violation, tolerated, .. } = exploration;
    let result = match (violation, case.expected) {
        _ if exploration.is_partial => "PARTIAL".to_owned(),
        (Some((violation, trace)), CaseExpectation::IsCaught) => {
            format!("caught by {} after {} moves", violation.property, trace.len())
        }
        (Some((violation, _)), CaseExpectation::Holds) => {
            format!("VIOLATED {}: {}", violation.property, violation.detail)
        }
        (None, CaseExpectation::IsCaught) => "NOT CAUGHT".to_owned(),
        (None, CaseExpectation::Holds) if tolerated.is_empty() => "holds".to_owned(),
        (None, CaseExpectation::Holds) => {
            let lost: Vec<String> = tolerated.iter().map(|(property, count)| format!("{property} ({count})")).collect();
            format!("not promised here: {}", lost.join(", "))
        }
    };
    let seconds = elapsed.as_secs_f64();
    let mut text = format!("{:15}  {:82}  {states:9}  {stores:8}  {seconds:7.2}  {result}", case.part, case.title);
    if let Some((_, trace)) = violation.as_ref().filter(|_| traces || !is_expected) {
        for line in trace {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    text
}
