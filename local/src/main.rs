//! `cargo run`: the whole Coaching Service on this machine.

use std::process::ExitCode;

use coaching_local::{Service, arguments};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match arguments::read(std::env::args_os()) {
        Ok(arguments::Asked::ToServe(options)) => options,
        Ok(arguments::Asked::ForText(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(line) => return failed(&line),
    };
    let service = match Service::start(&options).await {
        Ok(service) => service,
        Err(line) => return failed(&line),
    };
    print!("{}", service.greeting());
    service.until_interrupted().await;
    ExitCode::SUCCESS
}

fn failed(line: &str) -> ExitCode {
    eprintln!("coaching: {line}");
    ExitCode::FAILURE
}
