//! Processes that run beside the checks until they are no longer needed.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use crate::command::{Outcome, program, read, succeeds};

/// The time between two checks of whether a process is ready.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// The number of checks of whether an interrupted process has ended.
const LOOKS_AT_AN_END: usize = 50;

/// A running process. It ends when this is dropped.
pub(crate) struct Background {
    process: Child,
    log: PathBuf,
}

impl Background {
    /// Starts `command`; its output goes to the file `log`.
    ///
    /// # Errors
    ///
    /// It cannot be started, or the file cannot be made.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let output = File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = output.map_err(|error| format!("{}: {error}", log.display()))?;
        let started = command.stdout(stdout).stderr(stderr).spawn();
        let process = started.map_err(|error| format!("{}: {error}", program(command)))?;
        Ok(Self { process, log: log.to_owned() })
    }

    /// Waits until `ready` is true.
    ///
    /// # Errors
    ///
    /// The process ended before that: its output.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Outcome {
        while !ready() {
            if !self.runs() {
                return Err(self.printed());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }

    fn runs(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// The output of the process so far.
    pub(crate) fn printed(&self) -> String {
        read(&self.log).unwrap_or_else(|error| error)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // An interruption as from a terminal: `cargo lambda watch` then ends the functions that it started.
        if succeeds(Command::new("kill").args(["-INT", &self.process.id().to_string()])) {
            for _ in 0..LOOKS_AT_AN_END {
                if !self.runs() {
                    return;
                }
                std::thread::sleep(BETWEEN_LOOKS);
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port on loopback that nothing listens on.
///
/// # Errors
///
/// No port is free.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("a free port: {error}"))
}
