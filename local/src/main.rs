//! `cargo run`: the whole Coaching Service on this machine.

use std::io::Write;
use std::process::ExitCode;

use coaching_local::arguments::Task;
use coaching_local::{Interruption, Service, arguments, erase_again, import, rebuild_statistics, run_job, show_jobs};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match arguments::read(std::env::args_os()) {
        Ok(arguments::CommandLine::Run(options)) => options,
        Ok(arguments::CommandLine::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(line) => return failed(&line),
    };
    if let Some(task) = &options.task {
        let done = match task {
            Task::Import(asked) => import(&options, asked, print).await,
            Task::Jobs { profile, watch } => show_jobs(&options, profile, watch.as_deref(), print).await,
            Task::RunJob { customer, profile, job } => run_job(&options, customer, profile, job, print).await,
            Task::EraseAgain { customer, since } => erase_again(&options, customer, *since, print).await,
            Task::RebuildStatistics { customer, profile } => {
                rebuild_statistics(&options, customer, profile, print).await
            }
        };
        return match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(line) => failed(&line),
        };
    }
    let service = match Service::start(&options).await {
        Ok(service) => service,
        Err(line) => return failed(&line),
    };
    // Before the greeting: whoever reads that may interrupt at once.
    let interruption = match Interruption::listen() {
        Ok(interruption) => interruption,
        Err(line) => return failed(&line),
    };
    print(&service.greeting());
    service.until(interruption).await;
    ExitCode::SUCCESS
}

/// Prints `text`. If nobody reads it any more, that is no reason to end.
fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

fn failed(line: &str) -> ExitCode {
    eprintln!("coaching: {line}");
    ExitCode::FAILURE
}
