//! The service of this checkout, run beside the checks that send it requests.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::background::Background;
use crate::command::{Outcome, command, read, run};

/// The service on a table of its own, with the demo customer.
pub(crate) struct Service {
    /// The variables that its `environment` file sets: its address, its table, and a token for each role.
    pub(crate) environment: Vec<(String, String)>,
    /// A folder for the files of the check.
    pub(crate) folder: PathBuf,
    _process: Background,
}

impl Service {
    /// Builds the service and starts it without data, for the check `name`.
    ///
    /// # Errors
    ///
    /// It does not build, or does not start.
    pub(crate) fn start(name: &str) -> Outcome<Self> {
        build()?;
        let folder = empty_folder(name)?;
        let data = folder.join("data");
        let mut coaching = command("target/debug/coaching --port 0 --data");
        coaching.arg(&data).env("LOG_LEVEL", "warn");
        let mut process = Background::start(&mut coaching, &folder.join("service.log"))?;
        let environment = data.join("environment");
        process.wait_until(|| environment.exists())?;
        Ok(Self { environment: variables(&read(&environment)?), folder, _process: process })
    }

    /// The value of the variable `name`.
    ///
    /// # Errors
    ///
    /// The service does not set it.
    pub(crate) fn variable(&self, name: &str) -> Outcome<&str> {
        let variable = self.environment.iter().find(|(set, _)| set == name);
        variable.map(|(_, value)| value.as_str()).ok_or_else(|| format!("the service sets no {name}"))
    }
}

/// Builds the service, as target/debug/coaching, and the function of the console beside it.
///
/// # Errors
///
/// It does not build.
pub(crate) fn build() -> Outcome {
    // Together with a test, all crates have the features of the suite, and nothing that it built is built once more.
    run(&mut command("cargo build --workspace --locked --bin coaching --bin console --test local"))
}

/// The folder `name` of target/check, emptied.
fn empty_folder(name: &str) -> Outcome<PathBuf> {
    let folder = Path::new("target/check").join(name);
    let emptied = if folder.exists() { std::fs::remove_dir_all(&folder) } else { Ok(()) };
    let made = emptied.and_then(|()| std::fs::create_dir_all(&folder));
    made.map(|()| folder.clone()).map_err(|error| format!("{}: {error}", folder.display()))
}

/// The variables that a shell exports when it reads `text`, as the service writes it.
fn variables(text: &str) -> Vec<(String, String)> {
    let exported = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    exported.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

/// `command` with the variables of `service`.
pub(crate) fn beside<'a>(service: &Service, command: &'a mut Command) -> &'a mut Command {
    command.envs(service.environment.iter().map(|(name, value)| (name, value)))
}
