//! `cargo xtask check`: what a change must pass, in sections that also run alone.

use std::time::Instant;

use crate::command::Outcome;
use crate::sections;

/// A part of the checks. It installs and builds what it needs.
pub(crate) struct Section {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) title: &'static str,
    run: fn() -> Outcome,
}

/// All sections, in the order in which they run.
pub(crate) const SECTIONS: [Section; 16] = [
    Section { name: "format", title: "format", run: sections::format },
    Section { name: "lints", title: "lints", run: sections::lints },
    Section { name: "documentation", title: "documentation", run: sections::documentation },
    Section { name: "dependencies", title: "dependencies", run: sections::dependencies },
    Section { name: "tests", title: "tests", run: sections::tests },
    Section { name: "recorded", title: "rights and logs of the suite", run: sections::recorded },
    Section { name: "second-dynamodb", title: "the suite on a second DynamoDB", run: sections::second_dynamodb },
    Section { name: "counts", title: "size, start and allocations", run: sections::counts },
    Section { name: "template", title: "template", run: sections::template },
    Section { name: "functions", title: "functions", run: sections::functions },
    Section { name: "watch", title: "functions on the table of the service", run: sections::watch },
    Section { name: "document", title: "document", run: sections::document },
    Section { name: "page", title: "page of the document", run: sections::page },
    Section { name: "client", title: "client made from the document", run: sections::client },
    Section { name: "schemathesis", title: "schemathesis by the document", run: sections::schemathesis },
    Section { name: "deployment", title: "deployment to an emulated AWS", run: sections::deployment },
];

/// Runs the sections that are `named`, all if none is, to the first that fails; whether none did. Says at the end how long
/// each took.
pub(crate) fn check(named: &[String]) -> bool {
    let began = Instant::now();
    let mut seconds = Vec::new();
    let mut failure = None;
    for section in &SECTIONS {
        if failure.is_some() || !(named.is_empty() || named.iter().any(|name| name == section.name)) {
            continue;
        }
        println!("\n== {} ({}s) ==", section.title, began.elapsed().as_secs());
        let began = Instant::now();
        failure = (section.run)().err().map(|error| format!("{}: {error}", section.title));
        seconds.push((section.name, began.elapsed().as_secs()));
    }
    println!("\n== {} ({}s) ==", if failure.is_some() { "failed" } else { "done" }, began.elapsed().as_secs());
    for (name, seconds) in seconds {
        println!("{name:<16}{seconds:>6} s");
    }
    if let Some(failure) = &failure {
        eprintln!("\n{failure}");
    }
    failure.is_none()
}
