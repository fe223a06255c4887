//! Shared by the measurements: release builds of functions, tables, and limits.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use coaching_tests::{event_file, plan_name, usecase_name, user_name};
use serde_json::{Value, json};

/// The functions that are measured. They are built together, so that shared code is built once.
const PACKAGES: [&str; 4] = ["floor", "create-session", "list-sessions", "retrieve-progress"];

/// Builds the functions as they are deployed, and returns their folder.
pub fn build_functions() -> PathBuf {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap());
    cargo.args(["build", "--release", "--locked"]).args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    println!("{cargo:?}");
    assert!(cargo.current_dir(coaching_tests::root()).status().unwrap().success());
    // target/<profile of the measurement>/deps/<measurement>
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("release")
}

/// A session with a usecase, so that creating it takes as few DynamoDB calls as possible.
pub fn session() -> Value {
    json!({
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("ana-plan"),
        "usecaseName": usecase_name("care"),
        "sessionTime": "2026-06-02T15:00:00Z",
        "meetingNotes": "Listened to two calls together.",
    })
}

/// The event that creates it, with everything that API Gateway adds.
pub fn create_session() -> Value {
    let mut event = event_file("create-session", "created");
    event["body"] = session().to_string().into();
    event
}

/// Prints what is measured, and on which machine.
pub fn print_machine(title: &str) {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().unwrap();
    println!("\n## {title}\n\n{cores} cores of {processor}\n");
}

/// The median.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a table in Markdown.
pub fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let line = |cells: &[String]| println!("| {} |", cells.join(" | "));
    line(&head.iter().map(ToString::to_string).collect::<Vec<_>>());
    line(&vec!["---".to_owned(); head.len()]);
    rows.iter().for_each(|row| line(row));
    println!();
}

/// The limits that were exceeded.
#[derive(Default)]
pub struct Limits {
    passed: Vec<String>,
}

impl Limits {
    /// Records `figure` if it exceeds `limit`.
    pub fn hold(&mut self, what: &str, figure: f64, limit: f64) {
        if figure > limit {
            self.passed.push(format!("{what}: {figure}, and the limit is {limit}"));
        }
    }

    /// Fails if a limit was exceeded, and prints which, with figure and limit.
    pub fn judge(self) -> ExitCode {
        for passed in &self.passed {
            eprintln!("over the limit: {passed} (tests/benches/limits.rs)");
        }
        if self.passed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
