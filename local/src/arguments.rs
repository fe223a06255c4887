//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use coaching_domain::{ClaimNames, Timestamp};
use hyper::Uri;

use crate::import::Import;

/// Serves the Coaching Service on this machine.
///
/// The whole API at one address, on an embedded DynamoDB, with a demo customer. At start it prints the address and a request that is ready to paste; the file `environment` in the data folder has a token for each role. Ctrl-C ends it.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "coaching",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Environment:
  LOG_LEVEL  error, warn, info, debug, trace or off; one line per request at info [default: info]
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
             what requests to the DynamoDB of --dynamodb are signed with [default: local, local]

Examples:
  cargo run                                       serve on port 3000, data in .coaching/
  cargo run -- --memory --port 0                  leave nothing behind, on any free port
  cargo run -- --dynamodb http://127.0.0.1:8000   use a DynamoDB that runs already
  cargo run -- import users.csv --dry-run         check a table; without --dry-run, load it
  cargo run -- jobs --watch export-1              follow a job of the running service
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
    #[arg(long, global = true, value_name = "URL", value_parser = address)]
    pub dynamodb: Option<String>,

    /// Let the web pages of this origin, such as http://localhost:5173, call the API; may be repeated
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = origin)]
    pub cors_origins: Vec<String>,

    /// Claim of a token that holds the customer's id
    #[arg(long, value_name = "NAME", default_value = "customer")]
    pub customer_claim: String,

    /// Claim of a token that lists the profiles it opens; * opens all
    #[arg(long, value_name = "NAME", default_value = "profiles")]
    pub profiles_claim: String,

    /// Claim of a token that holds the role
    #[arg(long, value_name = "NAME", default_value = "role")]
    pub role_claim: String,

    /// Claim of a token that holds the user's id
    #[arg(long, value_name = "NAME", default_value = "sub")]
    pub user_claim: String,

    /// Do not load the demo customer
    #[arg(long)]
    pub no_demo: bool,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub task: Option<Task>,
}

impl Options {
    /// The names of the claims of tokens.
    ///
    /// # Errors
    /// One line, if they are not valid names.
    pub fn claim_names(&self) -> Result<ClaimNames, String> {
        let names = ClaimNames {
            customer: self.customer_claim.as_str().into(),
            profiles: self.profiles_claim.as_str().into(),
            role: self.role_claim.as_str().into(),
            user: self.user_claim.as_str().into(),
        };
        names
            .checked()
            .map_err(|fault| format!("--customer-claim, --profiles-claim, --role-claim, --user-claim: {fault}"))
    }
}

/// What can be done instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Load the rows of a table, such as scorecards.csv, into a service
    Import(Import),

    /// List the jobs of a profile of the running service, the newest first
    Jobs {
        /// The profile's id
        #[arg(long, value_name = "ID", default_value = "support")]
        profile: String,

        /// Show how far this job is until it has ended, and then where its files are
        #[arg(long, value_name = "ID")]
        watch: Option<String>,
    },

    /// Do a job that was left unfinished, while no service uses the data
    RunJob {
        /// The customer's id
        #[arg(long, value_name = "ID")]
        customer: String,

        /// The profile's id
        #[arg(long, value_name = "ID")]
        profile: String,

        /// The job's id
        #[arg(long, value_name = "ID")]
        job: String,
    },

    /// Erase again whom the list of erasures has, after the data were put back to an earlier time; while no service uses them
    EraseAgain {
        /// The customer's id
        #[arg(long, value_name = "ID")]
        customer: String,

        /// The time to which the data were put back, such as 2026-06-01T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = time)]
        since: Timestamp,
    },

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

/// A time.
fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "a time is such as 2026-06-01T12:00:00Z".to_owned())
}

/// The address of a DynamoDB.
fn address(text: &str) -> Result<String, String> {
    let is_address = |uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if text.parse::<Uri>().is_ok_and(is_address) {
        Ok(text.to_owned())
    } else {
        Err("an address is such as http://127.0.0.1:8000".to_owned())
    }
}

/// An origin as browsers write it: scheme and host in lower case, a port unless it is the scheme's own, no path.
fn origin(text: &str) -> Result<String, String> {
    let is_origin = |uri: Uri| {
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        let usual = if scheme == "http" { 80 } else { 443 };
        format!("{scheme}://{authority}") == text
            && !text.contains(['@', '*'])
            && text.to_lowercase() == text
            && uri.port_u16() != Some(usual)
    };
    if text.parse::<Uri>().is_ok_and(is_origin) {
        Ok(text.to_owned())
    } else {
        Err("an origin is such as http://localhost:5173, in lower case and without a path".to_owned())
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum CommandLine {
    /// Serve, or run the task that the options name.
    Run(Box<Options>),
    /// Print this text: the help or the version.
    Print(String),
}

/// Reads the command line.
///
/// # Errors
/// One line that says what is wrong with it.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, String> {
    let options =
        Options::command().try_get_matches_from(arguments).and_then(|found| Options::from_arg_matches(&found));
    match options {
        Ok(options) => Ok(CommandLine::Run(Box::new(options))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(CommandLine::Print(error.to_string()))
        }
        Err(error) => {
            let text = error.to_string();
            // The first paragraph says what is wrong; the rest is usage.
            let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let wrong = lines.join(" ");
            let suggested = suggestion(&error).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            Err(format!("{}{suggested}; --help tells more", wrong.trim_start_matches("error: ")))
        }
    }
}

/// The option or the task that was likely meant.
fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    match kinds.into_iter().find_map(|kind| error.get(kind))? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.first().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<CommandLine, String> {
        read(std::iter::once("coaching").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (line, named) in [
            ("--prot 3", "did you mean --port?"),
            ("rebuild-statistic --customer acme --profile support", "did you mean rebuild-statistics?"),
            ("--dynamodb nonsense", "http://127.0.0.1:8000"),
            ("--dynamodb 127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("--dynamodb ftp://127.0.0.1", "http://127.0.0.1:8000"),
            ("--cors-origin *", "http://localhost:5173"),
            ("--cors-origin null", "http://localhost:5173"),
            ("--cors-origin http://a.example/", "http://localhost:5173"),
            ("--cors-origin http://a.example:80", "http://localhost:5173"),
            ("--cors-origin http://A.example", "http://localhost:5173"),
            ("--port x", "--port"),
            ("--port 65536", "--port"),
            ("serve", "serve"),
            ("--memory --data x", "--memory"),
            ("--memory rebuild-statistics --customer acme --profile support", "--memory"),
            ("rebuild-statistics --customer acme", "--profile"),
            ("erase-again --customer acme --since yesterday", "2026-06-01T12:00:00Z"),
        ] {
            let message = asked(line).unwrap_err();
            assert!(message.contains(named) && !message.contains('\n'), "{line}: {message}");
        }
    }

    #[test]
    fn help_is_asked_for() {
        for line in ["--help", "help"] {
            let Ok(CommandLine::Print(text)) = asked(line) else { panic!("no help") };
            for part in [
                "--port",
                "--data",
                "--memory",
                "--dynamodb",
                "--cors-origin",
                "--role-claim",
                "--no-demo",
                "LOG_LEVEL",
            ] {
                assert!(text.contains(part), "{line}: {part}");
            }
        }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        for line in ["", "--cors-origin http://localhost:5173 --cors-origin https://a.example"] {
            let Ok(CommandLine::Run(options)) = asked(line) else { panic!("{line}") };
            assert_eq!(options.cors_origins.len(), line.matches("--cors-origin").count());
        }
    }
}
