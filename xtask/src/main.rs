//! What is run on the repository itself. `cargo xtask check` runs what a change must pass.

use std::path::Path;
use std::process::ExitCode;

use check::{SECTIONS, check};
use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser};
use new::NewOperation;
use xtask::command;

mod background;
mod check;
mod generate;
mod new;
mod sections;
mod service;
mod tools;

/// What is run on the repository itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Runs what a change must pass, and stops at the first failure.
    Check {
        /// Runs these sections only, each by itself.
        #[arg(value_name = "SECTION", value_parser = PossibleValuesParser::new(possible_sections()))]
        sections: Vec<String>,
    },
    /// Measures in the release profile, as docs/performance.md tells.
    Bench {
        /// Runs these only; without names, the first two: the others take many minutes.
        #[arg(value_name = "BENCH", value_parser = ["startup", "per_request", "growth", "export", "load"])]
        benches: Vec<String>,
    },
    /// Writes what repeats the declarations of operations.
    Generate,
    /// Writes the files of a new operation, and what is generated from its declaration.
    New(NewOperation),
}

fn possible_sections() -> impl Iterator<Item = PossibleValue> {
    SECTIONS.iter().map(|section| PossibleValue::new(section.name).help(section.about))
}

fn bench(benches: &[String]) -> command::Outcome {
    let benches =
        if benches.is_empty() { ["startup", "per_request"].map(str::to_owned).to_vec() } else { benches.to_vec() };
    let mut bench = command::command("cargo bench --locked --package coaching-tests --no-fail-fast");
    command::run(bench.args(benches.iter().flat_map(|name| ["--bench", name.as_str()])))
}

fn main() -> ExitCode {
    let task = Task::parse();
    if let Err(error) = std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")) {
        eprintln!("the folder of the repository: {error}");
        return ExitCode::FAILURE;
    }
    let done = match task {
        Task::Check { sections } => return if check(&sections) { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        Task::Bench { benches } => bench(&benches),
        Task::Generate => generate::generate(),
        Task::New(operation) => new::new(&operation),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
