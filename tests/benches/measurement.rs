//! What the measurements share: functions built for release, tables, and limits that are held.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use coaching_tests::{event_file, plan_name, usecase_name, user_name};
use serde_json::{Value, json};

/// The functions that are measured. They are built together, so that what they share is built once.
const PACKAGES: [&str; 4] = ["floor", "create-session", "list-sessions", "retrieve-progress"];

/// Builds the functions as they are deployed, and gives the folder that they are in.
pub fn build_functions() -> PathBuf {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap());
    cargo.args(["build", "--release", "--locked"]).args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    println!("{cargo:?}");
    assert!(cargo.current_dir(coaching_tests::root()).status().unwrap().success());
    // target/<profile of the measurement>/deps/<measurement>
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("release")
}

/// A session that names all that it needs, so that creating it is one call of DynamoDB.
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

/// The event that creates it, with all that API Gateway puts into one.
pub fn create_session() -> Value {
    let mut event = event_file("create-session", "created");
    event["body"] = session().to_string().into();
    event
}

/// Says what is measured, on what.
pub fn print_machine(title: &str) {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().unwrap();
    println!("\n## {title}\n\n{cores} cores of {processor}\n");
}

/// The value in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a table as Markdown has it.
pub fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let line = |cells: &[String]| println!("| {} |", cells.join(" | "));
    line(&head.iter().map(ToString::to_string).collect::<Vec<_>>());
    line(&vec!["---".to_owned(); head.len()]);
    rows.iter().for_each(|row| line(row));
    println!();
}

/// Limits and what was measured.
#[derive(Default)]
pub struct Limits {
    passed: Vec<String>,
}

impl Limits {
    /// Notes if `figure` passes `limit`.
    pub fn hold(&mut self, what: &str, figure: f64, limit: f64) {
        if figure > limit {
            self.passed.push(format!("{what}: {figure}, and the limit is {limit}"));
        }
    }

    /// Fails if a limit was passed, and says which, with figure and limit.
    pub fn judge(self) -> ExitCode {
        for passed in &self.passed {
            eprintln!("over the limit: {passed} (tests/benches/limits.rs)");
        }
        if self.passed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
