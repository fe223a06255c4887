//! `cargo xtask check`: the checks that a change must pass, in sections that also run alone.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    /// The sections that are over before it begins, if they run too: it needs what they make, or they use its files.
    after: &'static [&'static str],
    run: fn() -> Outcome,
}

/// The number of sections that run at a time: many leave a core idle, such as those that wait for an emulator.
const AT_ONCE: usize = 2;

/// The time in which the last lines of a section that is over are read.
const LAST_LINES: Duration = Duration::from_secs(5);

/// All sections. Of those that may begin, the first does.
pub(crate) const SECTIONS: [Section; 20] = [
    Section { name: "format", title: "format", about: "rustfmt changes nothing", after: &[], run: sections::format },
    Section { name: "lints", title: "lints", about: "clippy has no warning", after: &[], run: sections::lints },
    Section {
        name: "documentation",
        title: "documentation",
        about: "rustdoc has no warning",
        after: &[],
        run: sections::documentation,
    },
    Section {
        name: "dependencies",
        title: "dependencies",
        about: "Advisories, licences and sources of crates",
        after: &[],
        run: sections::dependencies,
    },
    Section {
        name: "functions",
        title: "functions",
        about: "All functions build, with the profile quick",
        after: &[],
        run: sections::functions,
    },
    Section {
        name: "client",
        title: "clients made from the document",
        about: "Clients made from openapi.json have types that fit, in Python and TypeScript, and one works",
        after: &[],
        run: sections::client,
    },
    Section {
        name: "tests",
        title: "tests",
        about: "The whole suite; records the rights that it uses and the lines that it logs",
        after: &[],
        run: sections::tests,
    },
    Section {
        name: "recorded",
        title: "rights and logs of the suite",
        about: "Roles allow what the suite used and no more, and logs hold nothing private; runs the suite if there is no record",
        after: &["tests"],
        run: sections::recorded,
    },
    Section {
        name: "second-dynamodb",
        title: "the suite on a second DynamoDB",
        about: "The suite on a DynamoDB that shares no code with the embedded one",
        after: &["tests"],
        run: sections::second_dynamodb,
    },
    Section {
        name: "deployment",
        title: "deployment to an emulated AWS",
        about: "An emulated AWS takes a deployment by the commands of docs/operations.md, and its IAM refuses nothing",
        after: &["functions", "client"],
        run: sections::deployment,
    },
    Section {
        name: "counts",
        title: "size, start and allocations",
        about: "Size of functions, instructions of a start, allocations of a request",
        after: &[],
        run: sections::counts,
    },
    Section {
        name: "template",
        title: "template",
        about: "The template is valid, and a stack has room for 70 functions",
        after: &[],
        run: sections::template,
    },
    Section {
        name: "watch",
        title: "functions on the table of the service",
        about: "Functions answer on the table of the service, run by cargo lambda watch",
        after: &["functions"],
        run: sections::watch,
    },
    Section {
        name: "document",
        title: "document",
        about: "openapi.json is well formed",
        after: &[],
        run: sections::document,
    },
    Section {
        name: "page",
        title: "page of the document",
        about: "The page that shows openapi.json has every operation, in a browser",
        after: &[],
        run: sections::page,
    },
    Section {
        name: "console-types",
        title: "types of the console",
        about: "The scripts of the console fit the types made from openapi.json",
        after: &[],
        run: sections::console_types,
    },
    Section {
        name: "console",
        title: "console in a browser",
        about: "Every screen of every role works in Chromium on the demo, and so does sign-in at an issuer; leaves pictures in target/console",
        after: &[],
        run: sections::console,
    },
    Section {
        name: "schemathesis",
        title: "schemathesis by the document",
        about: "The service answers requests made from openapi.json as it says",
        after: &[],
        run: sections::schemathesis,
    },
    Section {
        name: "time-zones",
        title: "time zones",
        about: "Evaluation periods begin in every time zone when Python's zoneinfo says",
        after: &[],
        run: sections::time_zones,
    },
    Section {
        name: "exported-files",
        title: "exported files",
        about: "DuckDB reads exported files, and LibreOffice takes no text of theirs for a formula",
        after: &[],
        run: sections::exported_files,
    },
];

/// Runs the sections that are `named`, or all if none is; returns whether all passed. One runs by itself. Several run two
/// at a time, each as a process whose lines begin with its name, and none begins after one has failed.
pub(crate) fn check(named: &[String]) -> bool {
    let is_named = |section: &&Section| named.is_empty() || named.iter().any(|name| name == section.name);
    match SECTIONS.iter().filter(is_named).collect::<Vec<_>>().as_slice() {
        [section] => alone(section),
        sections => side_by_side(sections),
    }
}

fn alone(section: &Section) -> bool {
    println!("== {} ==", section.title);
    let failure = (section.run)().err();
    if let Some(error) = &failure {
        eprintln!("{}: {error}", section.title);
    }
    failure.is_none()
}

/// The sections that are not over yet, and how those that are over ended.
#[derive(Default)]
struct Progress {
    waiting: Vec<&'static Section>,
    running: Vec<&'static str>,
    seconds: Vec<(&'static str, u64)>,
    failed: Vec<&'static str>,
}

impl Progress {
    /// The first section that may begin.
    fn next(&mut self) -> Option<&'static Section> {
        let is_over = |name: &&str| !self.running.contains(name) && !self.waiting.iter().any(|one| one.name == *name);
        let place = self.waiting.iter().position(|section| section.after.iter().all(is_over))?;
        let section = self.waiting.remove(place);
        self.running.push(section.name);
        Some(section)
    }
}

fn side_by_side(sections: &[&'static Section]) -> bool {
    let began = Instant::now();
    // Asked before anything is built: a program that was built anew has lost its name.
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("the program of the checks: {error}");
            return false;
        }
    };
    let progress = Mutex::new(Progress { waiting: sections.to_vec(), ..Progress::default() });
    let changed = Condvar::new();
    let progress_now = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || {
        let mut now = progress_now();
        loop {
            if !now.failed.is_empty() || now.waiting.is_empty() {
                return None;
            }
            if let Some(section) = now.next() {
                return Some(section);
            }
            now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(section) = next() {
                    let section_began = Instant::now();
                    let passed = in_a_process(&program, section).unwrap_or_else(|error| {
                        eprintln!("{}: {error}", section.name);
                        false
                    });
                    let mut now = progress_now();
                    now.running.retain(|name| *name != section.name);
                    now.seconds.push((section.name, section_began.elapsed().as_secs()));
                    now.failed.extend((!passed).then_some(section.name));
                    changed.notify_all();
                }
            });
        }
    });
    let Progress { seconds, failed, .. } = std::mem::take(&mut *progress_now());
    println!("\n== {} ({}s) ==", if failed.is_empty() { "done" } else { "failed" }, began.elapsed().as_secs());
    for (name, seconds) in seconds {
        println!("{name:<16}{seconds:>6} s");
    }
    failed.iter().for_each(|name| eprintln!("failed: {name}"));
    failed.is_empty()
}

/// Runs `section` in a process of its own, and prints its lines as they come; returns whether it passed.
fn in_a_process(program: &Path, section: &Section) -> Outcome<bool> {
    let cannot = |error: std::io::Error| format!("{}: {error}", program.display());
    let (lines, output) = std::io::pipe().map_err(cannot)?;
    let mut command = Command::new(program);
    command.args(["check", section.name]).stdout(output.try_clone().map_err(cannot)?).stderr(output);
    let mut process = command.spawn().map_err(cannot)?;
    // It holds the end of the pipe that is written to.
    drop(command);
    let name = section.name;
    let (reads, all_read) = channel::<()>();
    std::thread::spawn(move || {
        for line in BufReader::new(lines).split(b'\n').map_while(Result::ok) {
            println!("{name} | {}", String::from_utf8_lossy(&line));
        }
        drop(reads);
    });
    let status = process.wait().map_err(cannot)?;
    // What it left running may keep the pipe open for ever.
    let _ = all_read.recv_timeout(LAST_LINES);
    Ok(status.success())
}
