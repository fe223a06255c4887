//! What is run on the repository itself. `cargo xtask check` runs what a change must pass.

use std::path::Path;
use std::process::ExitCode;

use check::{SECTIONS, check};
use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser};

mod background;
mod check;
mod command;
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
}

fn possible_sections() -> impl Iterator<Item = PossibleValue> {
    SECTIONS.iter().map(|section| PossibleValue::new(section.name).help(section.about))
}

fn main() -> ExitCode {
    let Task::Check { sections } = Task::parse();
    match std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")) {
        Ok(()) if check(&sections) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the folder of the repository: {error}");
            ExitCode::FAILURE
        }
    }
}
