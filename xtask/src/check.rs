//! `cargo xtask check`: the checks that a change must pass, in sections that also run alone.

use std::time::Instant;

use crate::command::Outcome;
use crate::sections;

/// A part of the checks. It installs and builds everything that it needs.
pub(crate) struct Section {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The heading that it prints.
    pub(crate) title: &'static str,
    /// What it checks.
    pub(crate) about: &'static str,
    run: fn() -> Outcome,
}

/// All sections, in the order in which they run.
pub(crate) const SECTIONS: [Section; 18] = [
    Section { name: "format", title: "format", about: "rustfmt changes nothing", run: sections::format },
    Section { name: "lints", title: "lints", about: "clippy has no warning", run: sections::lints },
    Section {
        name: "documentation",
        title: "documentation",
        about: "rustdoc has no warning",
        run: sections::documentation,
    },
    Section {
        name: "dependencies",
        title: "dependencies",
        about: "Advisories, licences and sources of crates",
        run: sections::dependencies,
    },
    Section {
        name: "tests",
        title: "tests",
        about: "The whole suite; records the rights that it uses and the lines that it logs",
        run: sections::tests,
    },
    Section {
        name: "recorded",
        title: "rights and logs of the suite",
        about: "Roles allow what the suite used and no more, and logs hold nothing private; runs the suite if there is no record",
        run: sections::recorded,
    },
    Section {
        name: "second-dynamodb",
        title: "the suite on a second DynamoDB",
        about: "The suite on a DynamoDB that shares no code with the embedded one",
        run: sections::second_dynamodb,
    },
    Section {
        name: "counts",
        title: "size, start and allocations",
        about: "Size of functions, instructions of a start, allocations of a request",
        run: sections::counts,
    },
    Section {
        name: "template",
        title: "template",
        about: "The template is valid, and a stack has room for 70 functions",
        run: sections::template,
    },
    Section {
        name: "functions",
        title: "functions",
        about: "All functions build, with the profile quick",
        run: sections::functions,
    },
    Section {
        name: "watch",
        title: "functions on the table of the service",
        about: "Functions answer on the table of the service, run by cargo lambda watch",
        run: sections::watch,
    },
    Section { name: "document", title: "document", about: "openapi.json is well formed", run: sections::document },
    Section {
        name: "page",
        title: "page of the document",
        about: "The page that shows openapi.json has every operation, in a browser",
        run: sections::page,
    },
    Section {
        name: "client",
        title: "clients made from the document",
        about: "Clients made from openapi.json have types that fit, in Python and TypeScript, and one works",
        run: sections::client,
    },
    Section {
        name: "schemathesis",
        title: "schemathesis by the document",
        about: "The service answers requests made from openapi.json as it says",
        run: sections::schemathesis,
    },
    Section {
        name: "time-zones",
        title: "time zones",
        about: "Evaluation periods begin in every time zone when Python's zoneinfo says",
        run: sections::time_zones,
    },
    Section {
        name: "exported-files",
        title: "exported files",
        about: "DuckDB reads exported files, and LibreOffice takes no text of theirs for a formula",
        run: sections::exported_files,
    },
    Section {
        name: "deployment",
        title: "deployment to an emulated AWS",
        about: "An emulated AWS takes a deployment by the commands of docs/operations.md, and its IAM refuses nothing",
        run: sections::deployment,
    },
];

/// Runs the sections that are `named`, or all if none is, up to the first that fails; returns whether none did. Prints
/// at the end how long each took.
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
