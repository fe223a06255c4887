//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Serves the Coaching Service on this machine.
///
/// The whole API at one address, on an embedded DynamoDB, with a demo customer. At start it prints the address, a token for each role, and a request that is ready to paste. Ctrl-C ends it.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "coaching",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "\
Environment:
  LOG_LEVEL  error, warn, info, debug, trace or off; one line per request at info [default: info]

Examples:
  cargo run                                       serve on port 3000, data in .coaching/
  cargo run -- --memory --port 0                  leave nothing behind, on any free port
  cargo run -- --dynamodb http://127.0.0.1:8000   use a DynamoDB that runs already
  cargo run -- rebuild-statistics --customer acme --profile support"
)]
pub struct Options {
    /// Port to listen on, on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 3000)]
    pub port: u16,

    /// Folder that keeps the data, the keys and the tokens between starts
    #[arg(long, global = true, value_name = "DIR", default_value = ".coaching")]
    pub data: PathBuf,

    /// Keep everything in memory and leave nothing behind
    #[arg(long, conflicts_with = "data")]
    pub memory: bool,

    /// Use the DynamoDB at this address instead of the embedded one
    #[arg(long, global = true, value_name = "URL")]
    pub dynamodb: Option<String>,

    /// Do not load the demo customer
    #[arg(long)]
    pub no_demo: bool,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What can be done instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Recount the score statistics of a profile, put right what differs, and say what did
    RebuildStatistics {
        /// The customer's id
        #[arg(long, value_name = "ID")]
        customer: String,

        /// The profile's id
        #[arg(long, value_name = "ID")]
        profile: String,
    },
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// To serve, or for the task that the options name.
    ToRun(Options),
    /// For this text: the help or the version.
    ForText(String),
}

/// Reads the command line.
///
/// # Errors
/// One line that says what is wrong with it.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let options =
        Options::command().try_get_matches_from(arguments).and_then(|found| Options::from_arg_matches(&found));
    match options {
        Ok(options) => Ok(Asked::ToRun(options)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Asked::ForText(error.to_string()))
        }
        Err(error) => {
            let text = error.to_string();
            // The first paragraph says what is wrong; the rest is usage.
            let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            Err(format!("{}; --help tells more", lines.join(" ").trim_start_matches("error: ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        read(std::iter::once("coaching").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (line, named) in [
            ("--prot 3", "--prot"),
            ("--port x", "--port"),
            ("--port 65536", "--port"),
            ("serve", "serve"),
            ("--memory --data x", "--memory"),
            ("--memory rebuild-statistics --customer acme --profile support", "--memory"),
            ("rebuild-statistics --customer acme", "--profile"),
        ] {
            let message = asked(line).unwrap_err();
            assert!(message.contains(named) && !message.contains('\n'), "{line}: {message}");
        }
    }

    #[test]
    fn help_is_asked_for() {
        let Ok(Asked::ForText(text)) = asked("--help") else { panic!("no help") };
        for part in ["--port", "--data", "--memory", "--dynamodb", "--no-demo", "LOG_LEVEL", "Examples"] {
            assert!(text.contains(part), "{part}");
        }
    }
}
