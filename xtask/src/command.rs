//! Commands that end by themselves. Each has the caller's environment and the variables that are set for it.

use std::path::Path;
use std::process::Command;

/// The result of a step, or one text that says what went wrong.
pub type Outcome<T = ()> = Result<T, String>;

/// The command that `line` is in a shell. Spaces separate its words; nothing is quoted.
pub fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Runs `command` to its end.
///
/// # Errors
///
/// It cannot be started, or does not succeed.
pub fn run(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{}: {status}", program(command))),
        Err(error) => Err(format!("{}: {error}", program(command))),
    }
}

/// Whether `command` succeeds. Its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The text of the file `path`.
///
/// # Errors
///
/// It cannot be read.
pub fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The name of the program that `command` runs. Arguments and environment may hold tokens, so they are left out.
pub fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
