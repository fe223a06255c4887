//! The service on one machine, as its binary, over HTTP.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "local/import.rs"]
mod import;
mod local_security;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};

use chrono::Utc;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_coaching");

/// A folder in which the service ran once, so it holds the demo data; and the lines that it wrote of that to standard
/// error.
static LOADED: LazyLock<(tempfile::TempDir, Vec<String>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Running::start(folder.path(), &[]);
    let said = BufReader::new(service.process.stderr.take().unwrap());
    assert_eq!(service.end("-INT"), Some(0));
    (folder, said.lines().map(Result::unwrap).collect())
});

/// A copy of the demo data in a folder of the caller's own.
fn folder_with_demo_data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(LOADED.0.path().join(".coaching")).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    folder
}

/// A running binary.
struct Running {
    process: Child,
    /// The folder in which it was started.
    folder: PathBuf,
    greeting: String,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["--port", "0"]).args(arguments).current_dir(folder).env("LOG_LEVEL", "off");
        let mut started = Self::of(command.stderr(Stdio::piped()));
        folder.clone_into(&mut started.folder);
        started
    }

    /// Starts `command`.
    fn of(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Ctrl-C ends it.") {
            if lines.read_line(&mut greeting).unwrap() == 0 {
                let mut error = String::new();
                process.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                panic!("the service did not start: {error}");
            }
        }
        Self { process, folder: PathBuf::new(), greeting, lines }
    }

    /// The text behind `label` in the greeting; for a role, its token, from the data folder if there is one.
    fn told(&self, label: &str) -> String {
        let behind = |label: &str| {
            let line = self.greeting.lines().find(|line| line.trim_start().starts_with(label))?;
            Some(line.trim_start()[label.len()..].trim().to_owned())
        };
        let token = || {
            let environment = self.folder.join(behind("data").unwrap()).join("environment");
            let environment = std::fs::read_to_string(environment).unwrap();
            let variable = format!("export {}_TOKEN=", label.to_uppercase());
            environment.lines().find_map(|line| line.strip_prefix(&variable)).map(str::to_owned)
        };
        behind(label).or_else(token).unwrap_or_else(|| panic!("{label}: {}", self.greeting))
    }

    fn url(&self) -> String {
        self.told("Coaching Service at")
    }

    /// `curl` with a token of `role` and a path below the profile `support` of `acme`.
    fn curl(&self, role: &str, path: &str, arguments: &[&str]) -> (u16, Value) {
        let authorization = format!("authorization: Bearer {}", self.told(role));
        let url = format!("{}/v1/customers/acme/profiles/support/{path}", self.url());
        curl(&[&["-H", &authorization], arguments, &[&url]].concat())
    }

    /// Sends `signal`, waits, and returns how it ended.
    fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The status and the JSON of the answer to `curl`.
fn curl(arguments: &[&str]) -> (u16, Value) {
    try_curl(arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// Like [`curl`], or its error if the answer is incomplete.
fn try_curl(arguments: &[&str]) -> Result<(u16, Value), String> {
    let output = Command::new("curl").args(["-sS", "-w", "\n%{http_code}"]).args(arguments).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    Ok((status.parse().unwrap(), serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"))))
}

fn shell(script: &str, folder: &Path) -> Output {
    Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(folder).output().unwrap()
}

/// The reference's request, with real names filled in.
fn session(meeting_notes: &str) -> String {
    json!({
        "createTime": "2019-08-24T14:15:22Z",
        "updateTime": "2019-08-24T14:15:22Z",
        "managerUpdateTime": "2019-08-24T14:15:22Z",
        "agentUpdateTime": "2019-08-24T14:15:22Z",
        "agentUserName": "customers/acme/users/ana",
        "creatorUserName": "customers/acme/users/maria",
        "coachingPlanName": "customers/acme/profiles/support/coachingPlans/ana-plan",
        "sessionTime": "2019-08-24T14:15:22Z",
        "meetingNotes": meeting_notes,
        "usecaseName": "customers/acme/profiles/support/usecases/care",
    })
    .to_string()
}

const JSON: [&str; 2] = ["-H", "Content-Type: application/json"];

#[test]
fn the_printed_request_answers_a_session() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let start = service.greeting.find(". .coaching/environment\ncurl ").unwrap();
    let request = service.greeting[start..].split("\n\n").next().unwrap();
    let output = shell(request, folder.path());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["coachingSession"]["agentUserName"], "customers/acme/users/ana", "{answer}");
}

#[test]
fn every_request_of_the_readme_and_of_the_api_page_is_answered() {
    let folder = folder_with_demo_data();
    let _service = Running::start(folder.path(), &[]);
    let day = Utc::now().date_naive();
    let (mut answers_shown, mut histories) = (0, 0);
    for page in [include_str!("../README.md"), include_str!("../docs/api.md")] {
        let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap());
        let blocks: Vec<(&str, &str)> = blocks.filter(|(block, _)| block.contains("curl ")).collect();
        assert!(blocks.len() >= 2, "both pages show requests");
        for (block, rest) in blocks {
            let answers = answers_to(block, folder.path());
            for answer in &answers {
                assert_eq!(is_refused(answer), block.contains("# refused"), "{block}: {answer}");
                if let Some(changes) = answer["changes"].as_array() {
                    let operations: Vec<&Value> = changes.iter().map(|change| &change["operation"]).collect();
                    let life = ["acknowledge-session", "update-session", "update-session", "create-session"];
                    assert_eq!(operations, life);
                    histories += 1;
                }
            }
            if let Some((_, shown)) = rest.split("```sh").next().unwrap().split_once("```json answer\n") {
                let shown: Value = serde_json::from_str(shown.split("```").next().unwrap()).unwrap();
                // The figures of the demo depend on days counted back from today.
                if Utc::now().date_naive() == day {
                    let last = answers.into_iter().next_back().unwrap();
                    assert_eq!(without_places_in_time(last), without_places_in_time(shown));
                }
                answers_shown += 1;
            }
        }
    }
    assert_eq!((answers_shown, histories), (2, 1), "answers of progress that are shown, and the history of a session");
}

/// Runs the requests of `block` (at least one) in a shell in `folder`, and returns their answers.
fn answers_to(block: &str, folder: &Path) -> Vec<Value> {
    let output = shell(&format!(". .coaching/environment\n{block}"), folder);
    assert!(output.status.success(), "{block}: {}", String::from_utf8_lossy(&output.stderr));
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter().collect::<Result<Vec<Value>, _>>();
    let answers = answers.unwrap();
    assert!(!answers.is_empty(), "{block}");
    answers
}

/// Whether a request, or an entry of a batch, was refused.
fn is_refused(answer: &Value) -> bool {
    let mut results = answer["results"].as_array().into_iter().flatten();
    answer.get("code").is_some() || results.any(|result| result.get("status").is_some())
}

/// An answer about progress without the parts that depend on the time of the request.
fn without_places_in_time(mut answer: Value) -> Value {
    for field in ["startTime", "endTime"] {
        assert!(answer.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    if let Some(token) = answer.get_mut("nextPageToken") {
        *token = Value::Null;
    }
    for agent in answer["agentCoachingProgresses"].as_array_mut().unwrap() {
        let last = agent.as_object_mut().unwrap().remove("lastCoachingSessionTime");
        assert_eq!(last.is_some(), agent["coachingSessionCount"] != 0, "{agent}");
    }
    answer
}

#[test]
fn the_references_requests_work_for_every_role() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    for role in ["admin", "manager", "service"] {
        let (status, answer) = service.curl(role, "coachingSessions", &[&JSON[..], &["-d", &session(role)]].concat());
        assert_eq!((status, &answer["coachingSession"]["meetingNotes"]), (200, &json!(role)));
    }
    let (status, _) = service.curl("agent", "coachingSessions", &[&JSON[..], &["-d", &session("agent")]].concat());
    assert_eq!(status, 403);
    for role in ["admin", "manager", "service", "agent"] {
        let (status, answer) = service.curl(role, "coachingSessions?pageSize=1000", &["-X", "GET"]);
        assert_eq!(status, 200);
        let expected = 3 + if role == "agent" { 3 + 3 } else { 22 * 3 + 3 };
        assert_eq!(answer["coachingSessions"].as_array().unwrap().len(), expected, "{answer}");
    }
}

#[test]
fn queries_repeat_and_ids_are_decoded() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let usecase = |id: &str| format!("usecaseNames=customers%2Facme%2Fprofiles%2Fsupport%2Fusecases%2F{id}");
    let path = format!("coachingSessions?{}&{}&pageSize=4", usecase("care"), usecase("other"));
    let (status, answer) = service.curl("manager", &path, &[]);
    assert_eq!((status, answer["coachingSessions"].as_array().unwrap().len()), (200, 4));
    let next = format!("{path}&pageToken={}", answer["nextPageToken"].as_str().unwrap());
    let (status, answer) = service.curl("manager", &next, &[]);
    assert_eq!((status, answer["coachingSessions"].as_array().unwrap().len()), (200, 4));
    assert_eq!(
        service.curl("manager", &format!("coachingSessions?{}", usecase("other")), &[]).1,
        json!({"coachingSessions": []})
    );
    assert_eq!(service.curl("manager", "coachingPlans/%61na%2Dplan", &[]).0, 200);
    assert_eq!(service.curl("manager", "coachingPlans/a%2Fb", &[]).0, 404);
    assert_eq!(service.curl("manager", "coachingPlans/a%252Fb", &[]).0, 400);
    let authorization = format!("authorization: Bearer {}", service.told("manager"));
    for (path, status) in [
        ("customers%2Facme%2Fprofiles%2Fsupport/coachingPlans/ana-plan", 200),
        ("customers%2facme%2fprofiles%2fsupport%2fcoachingPlans%2fana-plan", 200),
        ("customers%2Facme%2Fprofiles%2Fsupport/coachingSessions", 200),
        ("customers/acme%2Fprofiles%2Fsupport/coachingSessions", 200),
        ("customers%2Fother%2Fprofiles%2Fsupport/coachingSessions", 403),
        ("customers%2Facme%2Fprofiles%2F/coachingSessions", 404),
        ("customers/acme%2Fprofiles%2Fsupport/users/ana", 404),
        ("customers%252Facme%252Fprofiles%252Fsupport/coachingSessions", 404),
    ] {
        let answered = curl(&["-H", &authorization, &format!("{}/v1/{path}", service.url())]);
        assert_eq!(answered.0, status, "{path}: {}", answered.1);
    }
    let created = curl(&[
        "-H",
        &authorization,
        JSON[0],
        JSON[1],
        "-d",
        &session("in an escaped parent"),
        &format!("{}/v1/customers%2Facme%2Fprofiles%2Fsupport/coachingSessions", service.url()),
    ]);
    assert_eq!((created.0, &created.1["coachingSession"]["meetingNotes"]), (200, &json!("in an escaped parent")));
    let both = format!("coachingSessions?{}&pageSize=1&page_size=1", usecase("care"));
    assert_eq!(service.curl("manager", &both, &[]).0, 400);
}

#[test]
fn what_api_gateway_refuses_is_refused_in_its_form() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let url = format!("{}/v1/customers/acme/profiles/support/coachingSessions", service.url());
    assert_eq!(curl(&[&url]), (401, json!({"message": "Unauthorized"})));
    assert_eq!(curl(&["-H", "authorization: Bearer a.b.c", &url]), (401, json!({"message": "Unauthorized"})));

    let body = folder.path().join("body");
    let send = |bytes: usize| {
        let mut text = session("x");
        text.push_str(&" ".repeat(bytes - text.len()));
        std::fs::write(&body, text).unwrap();
        let body = format!("@{}", body.display());
        service.curl("manager", "coachingSessions", &[&JSON[..], &["--data-binary", &body]].concat())
    };
    assert_eq!(send(1024 * 1024).0, 200);
    let (status, answer) = send(1024 * 1024 + 1);
    assert_eq!((status, &answer["status"]), (400, &json!("INVALID_ARGUMENT")));
    assert_eq!(send(10 * 1024 * 1024 + 1), (413, json!({"message": "Request Entity Too Large"})));
    let long = format!("x-long: {}", "x".repeat(10_240));
    assert_eq!(curl(&["-H", &long, &url]).0, 431);
}

#[test]
fn the_document_and_its_page_need_no_token_and_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path(), &["--memory", "--no-demo"]);
    let (status, document) = curl(&[&format!("{}/openapi.json", service.url())]);
    // "Try it out" on the page sends requests to the first server.
    let committed = include_str!("../openapi.json").replacen("http://127.0.0.1:3000", &service.url(), 1);
    let committed: Value = serde_json::from_str(&committed).unwrap();
    assert_eq!(committed["servers"][0]["url"], service.url());
    assert_eq!((status, &document), (200, &committed));
    let whole = committed.to_string().len();
    let (status, compressed) = curl(&["--compressed", &format!("{}/openapi.json", service.url())]);
    assert_eq!((status, &compressed), (200, &committed));
    let told = [
        "-sS",
        "-H",
        "accept-encoding: br, gzip",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download} %header{content-encoding}",
    ];
    let told = Command::new("curl").args(told).arg(format!("{}/openapi.json", service.url())).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let (size, encoding) = told.split_once(' ').unwrap();
    assert_eq!(encoding, "gzip");
    assert!(size.parse::<usize>().unwrap() < whole / 5, "{size} bytes of {whole}");

    let page = service.told("docs");
    assert_eq!(page, format!("{}/docs", service.url()));
    let text = |url: &str| {
        let output = Command::new("curl").args(["-sSfL", url]).output().unwrap();
        assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let html = text(&page);
    let files = html.split(['"']).filter(|text| [".js", ".css"].iter().any(|ending| text.ends_with(ending)));
    let mut asked = 0;
    for file in files {
        assert!(!file.contains("//"), "{file}");
        text(&format!("{page}/{}", file.trim_start_matches("./")));
        asked += 1;
    }
    assert!(asked > 3, "{html}");
    assert!(text(&format!("{page}/swagger-initializer.js")).contains("\"/openapi.json\""));
    assert_eq!(curl(&["-X", "POST", &format!("{}/openapi.json", service.url())]).0, 401);
    assert_eq!(curl(&[&format!("{page}/no-such-file")]).0, 401);
}

/// The part of the URL after the host for `operation` at `path`, with the examples of its parameters.
fn prefilled(path: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let encoded = |value: &Value| utf8_percent_encode(&text(value), NON_ALPHANUMERIC).to_string();
        let example = parameter.get("example");
        match (parameter["in"].as_str().unwrap(), example) {
            ("path", example) => path = path.replace(&format!("{{{name}}}"), &encoded(example.unwrap())),
            ("query", Some(Value::Array(values))) => {
                query.extend(values.iter().map(|value| format!("{name}={}", encoded(value))));
            }
            ("query", Some(value)) => query.push(format!("{name}={}", encoded(value))),
            (_, example) => assert!(example.is_none(), "{path}: {name}"),
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

#[test]
fn every_example_of_the_document_succeeds_on_the_demo_customer() {
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let reading = folder_with_demo_data();
    let reading = Running::start(reading.path(), &[]);
    let mut failed = Vec::new();
    let mut sent = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let path = prefilled(path, operation);
            let examples = operation.pointer("/requestBody/content/application~1json/examples");
            let bodies =
                examples.map(|examples| examples.as_object().unwrap().values().map(|example| &example["value"]));
            let bodies: Vec<Option<&Value>> =
                bodies.map_or_else(|| vec![None], |bodies| bodies.map(Some).collect::<Vec<_>>());
            for body in bodies {
                let reads = ["get", "list", "retrieve"].iter().any(|verb| id.starts_with(verb));
                // Requests that change something start from the demo data as loaded.
                let own = (!reads).then(|| {
                    let folder = folder_with_demo_data();
                    let service = Running::start(folder.path(), &[]);
                    (folder, service)
                });
                let service = own.as_ref().map_or(&reading, |(_, service)| service);
                let authorization = format!("authorization: Bearer {}", service.told("admin"));
                let url = format!("{}{path}", service.url());
                let method = method.to_uppercase();
                let text = body.map(Value::to_string);
                let mut arguments = vec!["-X", &method, "-H", &authorization, &url];
                if let Some(text) = &text {
                    arguments.extend([JSON[0], JSON[1], "-d", text]);
                }
                let (status, answer) = curl(&arguments);
                let results = answer["results"].as_array().into_iter().flatten();
                let refused: Vec<&Value> = results.filter_map(|result| result.get("status")).collect();
                if status != 200 || !refused.is_empty() {
                    let told = answer["message"].as_str().map_or_else(|| json!(refused), Value::from);
                    failed.push(format!("{id}: {method} {path} {}: {status} {told}", text.unwrap_or_default()));
                }
                sent += 1;
            }
        }
    }
    assert!(failed.is_empty(), "{} of {sent}: {failed:#?}", failed.len());
    assert!(sent >= 42, "{sent}");
}

/// The demo's job is done by the service that began it, if it had the time, or else by this one.
#[test]
fn a_job_is_done_and_its_file_is_read_by_its_link_alone() {
    let folder = folder_with_demo_data();
    let _service = Running::start(folder.path(), &[]);
    let jobs = |arguments: &[&str]| {
        let done = Command::new(BINARY).arg("jobs").args(arguments).current_dir(folder.path()).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (succeeded, printed, said) = jobs(&["--watch", "export-1"]);
    assert!(succeeded, "{printed}{said}");
    let (rows, link) = printed.trim().split_once(" rows: ").unwrap();
    let read = |link: &str| Command::new("curl").args(["-sS", "-w", "%{http_code}", link]).output().unwrap().stdout;
    let file = String::from_utf8(read(link)).unwrap();
    assert!(file.starts_with("\u{feff}scorecard_name,") && file.ends_with("\r\n200"), "{file}");
    assert_eq!(
        file.lines().count() - 2,
        rows.parse::<usize>().unwrap(),
        "a row is a line, beside the header and the status"
    );
    for forged in [link.replace("signature=", "signature=0"), link.replace("export-1", "export-2")] {
        assert!(String::from_utf8(read(&forged)).unwrap().ends_with("403"), "{forged}");
    }
    let (succeeded, listed, _) = jobs(&[]);
    assert!(succeeded && listed.contains("export-1  SUCCEEDED  100 %"), "{listed}");
    assert!(!jobs(&["--watch", "none"]).0 && !jobs(&["--watch", "cancelled-1"]).0);
}

#[test]
fn an_unknown_path_is_not_found_in_the_services_form() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path(), &["--memory", "--no-demo"]);
    for path in ["coachingSession", "coachingSessions/", "", "coachingSessions:list"] {
        let (status, answer) = service.curl("manager", path, &[]);
        assert_eq!((status, &answer["status"], &answer["code"]), (404, &json!("NOT_FOUND"), &json!(5)), "{path}");
    }
    assert_eq!(service.curl("manager", "coachingSessions", &["-X", "PUT"]).0, 404);
}

#[test]
fn stopping_and_starting_keeps_the_data() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let (status, created) =
        service.curl("manager", "coachingSessions", &[&JSON[..], &["-d", &session("kept")]].concat());
    assert_eq!(status, 200);
    let token = service.told("manager");
    let (_, listed) = service.curl("manager", "coachingSessions?pageSize=2", &[]);
    assert_eq!(service.end("-INT"), Some(0));

    let service = Running::start(folder.path(), &[]);
    let (_, again) = service.curl("manager", "coachingSessions?pageSize=2", &[]);
    assert_eq!(again["coachingSessions"], listed["coachingSessions"]);
    assert_eq!(again["coachingSessions"][0], created["coachingSession"]);
    let authorization = format!("authorization: Bearer {token}");
    let next = format!(
        "{}/v1/customers/acme/profiles/support/coachingSessions?pageToken={}",
        service.url(),
        listed["nextPageToken"].as_str().unwrap()
    );
    assert_eq!(curl(&["-H", &authorization, &next]).0, 200, "tokens of before the restart are still good");
    let all = service.curl("manager", "coachingSessions?pageSize=1000", &[]).1;
    assert_eq!(all["coachingSessions"].as_array().unwrap().len(), 22 * 3 + 3 + 1, "the demo data is loaded once");
    assert_eq!(service.end("-TERM"), Some(0));
}

#[test]
fn the_demo_customer_is_whole_and_its_statistics_are_right() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let progress =
        json!({"usecaseNames": ["customers/acme/profiles/support/usecases/care"], "pageSize": 1000}).to_string();
    let arguments = [&JSON[..], &["-d", &progress]].concat();
    let (status, answer) = service.curl("manager", "coachingProgresses:retrieve", &arguments);
    assert_eq!(status, 200, "{answer}");
    let agents = answer["agentCoachingProgresses"].as_array().unwrap();
    assert_eq!(agents.len(), 160 - 8 - 2, "all but inactive and dev users");
    let (status, group) = curl(&[
        "-H",
        &format!("authorization: Bearer {}", service.told("manager")),
        &format!("{}/v1/customers/acme/groups/everyone", service.url()),
    ]);
    assert_eq!((status, group["group"]["subgroupNames"].as_array().unwrap().len()), (200, 2), "{group}");
    assert_eq!(service.end("-INT"), Some(0));

    let rebuild = ["rebuild-statistics", "--customer", "acme", "--profile", "sales"];
    let output = Command::new(BINARY).args(rebuild).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().last(), Some("80 of 80 agents recounted, 0 statistics put right"));
}

#[test]
fn a_third_of_the_demo_agents_improve_and_a_sixth_decline() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let authorization = format!("authorization: Bearer {}", service.told("admin"));
    let mut names = BTreeSet::new();
    let mut people = 0;
    for (profile, usecase, agents) in [("support", "care", 160), ("sales", "outbound", 80)] {
        let below = format!("customers/acme/profiles/{profile}");
        let body = json!({
            "usecaseNames": [format!("{below}/usecases/{usecase}")],
            "includeInactiveUsers": true,
            "includeDevUsers": true,
            "pageSize": 1000,
        });
        let url = format!("{}/v1/{below}/coachingProgresses:retrieve", service.url());
        let (status, answer) = curl(&["-H", &authorization, JSON[0], JSON[1], "-d", &body.to_string(), &url]);
        assert_eq!(status, 200, "{answer}");
        let progresses = answer["agentCoachingProgresses"].as_array().unwrap();
        assert_eq!(progresses.len(), agents);
        let moved: Vec<Option<f64>> = progresses.iter().map(|agent| agent["progress"].as_f64()).collect();
        let count = |like: fn(f64) -> bool| moved.iter().filter(|points| points.is_some_and(like)).count();
        let new = moved.iter().filter(|points| points.is_none()).count();
        let share = |count: usize| count as f64 / agents as f64;
        let counted = (count(|points| points > 5.0), count(|points| points < -5.0), new);
        assert!((0.28..0.38).contains(&share(counted.0)), "{profile}: a third improve: {counted:?}");
        assert!((0.13..0.20).contains(&share(counted.1)), "{profile}: a sixth decline: {counted:?}");
        assert!((0.16..0.17).contains(&share(counted.2)), "{profile}: a sixth are new: {counted:?}");
        if let Some(ana) = progresses.iter().find(|agent| agent["agentUserName"] == "customers/acme/users/ana") {
            assert!(ana["progress"].as_f64().unwrap() > 5.0, "{ana}");
            for criterion in ana["criterionProgresses"].as_array().unwrap() {
                assert!(criterion["progress"].as_f64().unwrap() > 0.0, "{criterion}");
            }
        }
        names.extend(progresses.iter().map(|agent| agent["agentDisplayName"].as_str().unwrap().to_owned()));
        people += agents;
        for team in 0..agents / 20 {
            let url = format!("{}/v1/customers/acme/users/{profile}-supervisor-{team}", service.url());
            names.insert(curl(&["-H", &authorization, &url]).1["user"]["displayName"].as_str().unwrap().to_owned());
            people += 1;
        }
    }
    let maria = curl(&["-H", &authorization, &format!("{}/v1/customers/acme/users/maria", service.url())]).1;
    names.insert(maria["user"]["displayName"].as_str().unwrap().to_owned());
    assert_eq!(names.len(), people + 1, "each name is one person's");
}

#[test]
fn in_memory_it_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let service = Running::start(folder.path(), &["--memory", "--no-demo"]);
    assert_eq!(service.end("-INT"), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The claims of a token, without verification.
fn claims(token: &str) -> Value {
    use base64::Engine;
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn claims_are_called_what_the_options_say() {
    let folder = tempfile::tempdir().unwrap();
    let named = ["--role-claim", "https://example.com/role", "--user-claim", "o'id"];
    let service = Running::start(folder.path(), &[&["--no-demo"][..], &named].concat());
    let token = claims(&service.told("manager"));
    assert_eq!((&token["https://example.com/role"], &token["o'id"]), (&json!("manager"), &json!("maria")));
    assert_eq!((&token["customer"], &token["profiles"]), (&json!("acme"), &json!("*")));
    assert!(token.get("role").is_none() && token.get("sub").is_none(), "{token}");
    assert_eq!(service.curl("manager", "coachingSessions", &[]).0, 200);
    let (status, refused) = service.curl("agent", "targets/none", &[]);
    assert_eq!((status, &refused["details"][0]["reason"]), (403, &json!("ROLE_NOT_ALLOWED")));
    // Functions started in that shell read the same claims.
    let script =
        ". .coaching/environment; printf '%s ' \"$CUSTOMER_CLAIM\" \"$PROFILES_CLAIM\" \"$ROLE_CLAIM\" \"$USER_CLAIM\"";
    let told = String::from_utf8(shell(script, folder.path()).stdout).unwrap();
    assert_eq!(told, "customer profiles https://example.com/role o'id ");
    let usual = service.told("manager");
    assert_eq!(service.end("-INT"), Some(0));

    // With other claim names the same token means nothing.
    let service = Running::start(folder.path(), &["--no-demo"]);
    let url = format!("{}/v1/customers/acme/profiles/support/coachingSessions", service.url());
    let (status, refused) = curl(&["-H", &format!("authorization: Bearer {usual}"), &url]);
    assert_eq!((status, &refused["details"][0]["metadata"]["claim"]), (403, &json!("role")));
}

#[test]
fn a_request_leaves_a_line_to_read_in_a_terminal_and_json_elsewhere() {
    let arguments = ["--port", "0", "--memory", "--no-demo"];
    let path = "coachingSessions?pageSize=-1";

    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("log")).unwrap();
    let service = Running::of(Command::new(BINARY).args(arguments).env("LOG_LEVEL", "info").stderr(file));
    assert_eq!(service.curl("manager", path, &[]).0, 400);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let line: Value = serde_json::from_str(&log).unwrap_or_else(|error| panic!("{error}: {log}"));
    let told = ["operation", "customer", "role", "code", "status"].map(|key| line[key].clone());
    let expected = ["list-sessions".into(), "acme".into(), "manager".into(), "INVALID_ARGUMENT".into(), json!(400)];
    assert_eq!(told, expected);

    // `script` runs its command in a terminal.
    let command = format!("env LOG_LEVEL=info {BINARY} {}", arguments.join(" "));
    let mut service = Running::of(Command::new("script").args(["-qefc", &command, "/dev/null"]));
    assert_eq!(service.curl("manager", path, &[]).0, 400);
    let mut line = String::new();
    service.lines.read_line(&mut line).unwrap();
    assert!(line.contains("list-sessions INVALID_ARGUMENT") && line.contains("INFO"), "{line}");
    assert!(serde_json::from_str::<Value>(&line).is_err(), "{line}");
}

#[test]
fn it_runs_on_another_dynamodb() {
    let folder = tempfile::tempdir().unwrap();
    let dynamodb = coaching_local::EmbeddedDynamoDb::start(None).unwrap();
    let arguments = ["--data", "a", "--no-demo", "--dynamodb", &dynamodb.url()];
    let service = Running::start(folder.path(), &arguments);
    let plan = json!({
        "name": "customers/acme/profiles/support/coachingPlans/ana-plan",
        "agentUserName": "customers/acme/users/ana",
        "creatorUserName": "customers/acme/users/maria",
        "isActive": true,
    });
    let person = |id: &str, role: &str| json!({"name": format!("customers/acme/users/{id}"), "displayName": id, "isActive": true, "roles": [role]});
    let people = json!({"users": [person("ana", "agent"), person("maria", "manager")]}).to_string();
    let authorization = format!("authorization: Bearer {}", service.told("admin"));
    let users = format!("{}/v1/customers/acme/users:batchUpsert", service.url());
    assert_eq!(curl(&[&["-H", &authorization][..], &JSON, &["-d", &people, &users]].concat()).0, 200);
    let care = json!({"usecases": [{"name": "customers/acme/profiles/support/usecases/care", "displayName": "Care"}]});
    let load = care.to_string();
    assert_eq!(service.curl("admin", "usecases:batchUpsert", &[&JSON[..], &["-d", &load]].concat()).0, 200);
    assert_eq!(service.curl("manager", "coachingPlans", &[&JSON[..], &["-d", &plan.to_string()]].concat()).0, 200);
    let (status, created) =
        service.curl("manager", "coachingSessions", &[&JSON[..], &["-d", &session("there")]].concat());
    assert_eq!(status, 200);
    assert_eq!(service.end("-INT"), Some(0));
    let service = Running::start(folder.path(), &["--memory", "--no-demo", "--dynamodb", &dynamodb.url()]);
    let (_, listed) = service.curl("manager", "coachingSessions?pageSize=1", &[]);
    assert_eq!(listed["coachingSessions"][0], created["coachingSession"]);
    assert!(!folder.path().join("a/dynamodb.sqlite").exists());
}

#[test]
fn what_keeps_it_from_starting_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a-file"), "x").unwrap();
    std::fs::create_dir(folder.path().join("bad-key")).unwrap();
    std::fs::write(folder.path().join("bad-key/signing-key.pem"), "x").unwrap();
    std::fs::create_dir(folder.path().join("bad-data")).unwrap();
    std::fs::write(folder.path().join("bad-data/dynamodb.sqlite"), "this is no database, and long enough to tell")
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port().to_string();
    let earlier = coaching_local::EmbeddedDynamoDb::start(None).unwrap();
    let mut table = coaching_local::TableDefinition::of_template(coaching_local::TEMPLATE).unwrap();
    table.global_secondary_indexes.retain(|index| index.index_name != "open-list");
    table.attribute_definitions.retain(|attribute| attribute.attribute_name != "open_list");
    let client = coaching_local::client_at(&earlier.url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(coaching_local::create_table(&client, coaching_local::TABLE_NAME, &table)).unwrap();
    for (arguments, named) in [
        (vec!["--port", "0", "--memory", "--dynamodb", &earlier.url()], "open-list"),
        (vec!["--port", &taken], taken.as_str()),
        (vec!["--port", "0", "--data", "a-file"], "a-file"),
        (vec!["--port", "0", "--data", "bad-key"], "signing-key.pem"),
        (vec!["--port", "0", "--data", "bad-data"], "dynamodb.sqlite"),
        (vec!["--prot", "3000"], "did you mean --port?"),
        (vec!["--port", "0", "--memory", "--role-claim", "sub"], "both called 'sub'"),
        (vec!["--port", "0", "--memory", "--user-claim", "the user"], "--user-claim"),
        (vec!["--port", "0", "--memory", "--dynamodb", "nonsense"], "http://127.0.0.1:8000"),
        (vec!["--port", "0", "--memory", "--dynamodb", "http://127.0.0.1:9"], "http://127.0.0.1:9"),
        (
            vec!["rebuild-statistics", "--customer", "nobodys", "--profile", "none"],
            "profile 'none' of customer 'nobodys'",
        ),
    ] {
        let output = Command::new(BINARY).args(&arguments).current_dir(folder.path()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.len() < 300, "{arguments:?}: {error}");
        assert!(error.starts_with("coaching: ") && error.contains(named), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
    let output = Command::new(BINARY).env("LOG_LEVEL", "loud").args(["--port", "0", "--memory"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("LOG_LEVEL"));
}

#[test]
fn a_rebuild_that_cannot_count_all_names_what_and_fails() {
    use aws_sdk_dynamodb::types::AttributeValue;

    let dynamodb = coaching_local::EmbeddedDynamoDb::start(None).unwrap();
    let table = coaching_local::TableDefinition::of_template(coaching_local::TEMPLATE).unwrap();
    let client = coaching_local::client_at(&dynamodb.url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(coaching_local::create_table(&client, coaching_local::TABLE_NAME, &table)).unwrap();
    let put = client.put_item().table_name(coaching_local::TABLE_NAME);
    let put = [
        ("PK", "acme#support#scorecard#bad"),
        ("SK", "scorecard"),
        ("profile_list", "acme#support#scorecards"),
        ("list_order", "1#bad"),
        ("scores", "what nobody is told"),
    ]
    .into_iter()
    .fold(put, |put, (name, text)| put.item(name, AttributeValue::S(text.to_owned())));
    runtime.block_on(put.send()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let arguments = ["rebuild-statistics", "--customer", "acme", "--profile", "support", "--dynamodb", &dynamodb.url()];
    let output = Command::new(BINARY).args(arguments).current_dir(folder.path()).output().unwrap();
    let (said, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{said}{error}");
    let named =
        "cannot be read, and is left out: customers/acme/profiles/support/scorecards/bad (scorecard bad), attribute";
    assert!(said.contains(named), "{said}{error}");
    assert!(error.starts_with("coaching: 1 record"), "{error}");
    assert!(!said.contains("what nobody is told") && !error.contains("what nobody is told"));
}

#[test]
fn help_is_not_a_failure() {
    for asked in ["--help", "help"] {
        let output = Command::new(BINARY).arg(asked).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("--dynamodb"));
    }
}

#[test]
fn the_greeting_fits_a_terminal_and_ends_with_the_address() {
    let folder = folder_with_demo_data();
    let service = Running::start(folder.path(), &[]);
    let (columns, rows) = (80, 24);
    let taken: usize = service.greeting.lines().map(|line| line.len().div_ceil(columns).max(1)).sum();
    assert!(taken < rows, "{taken} rows: {}", service.greeting);
    let last: Vec<&str> = service.greeting.lines().rev().take(3).collect();
    assert_eq!(last[0], "Ctrl-C ends it.");
    assert_eq!(last[1], format!("Coaching Service at {}", service.url()));
    assert_eq!(last[2].trim(), format!("docs      {}/docs", service.url()));
}

#[test]
fn a_load_without_a_terminal_says_from_its_start_how_far_it_is() {
    let [first, .., last] = &LOADED.1[..] else { panic!("{:?}", LOADED.1) };
    assert!(first.starts_with("loading the demo customer: 0 of "), "{first}");
    let all = first.trim_start_matches("loading the demo customer: 0 of ");
    assert_eq!(*last, format!("loading the demo customer: {} of {all}", all.split(' ').next().unwrap()));
}

// --- killed under load

/// The environment variable with the number of kills.
const CRASHES: &str = "CRASHES";
const WRITERS: usize = 4;

/// The acknowledged writes of one writer, and the write in progress when the service was killed.
#[derive(Default)]
struct Writer {
    /// By session id, the acknowledged notes.
    sessions: BTreeMap<String, String>,
    /// The ids of acknowledged scorecards.
    scorecards: BTreeSet<String>,
    /// The write without an answer: an id, and the notes if it is a session's.
    unanswered: Option<(String, Option<String>)>,
}

/// A path below the profile of the demo customer.
fn below_support(path: &str) -> String {
    format!("customers/acme/profiles/support/{path}")
}

/// Makes one write; returns whether its answer was complete, in which case it must be a success.
fn write(url: &str, token: &str, method: &str, path: &str, body: &Value) -> bool {
    let authorization = format!("authorization: Bearer {token}");
    let url = format!("{url}/v1/{}", below_support(path));
    let body = body.to_string();
    let answered = try_curl(&["-X", method, "-H", &authorization, JSON[0], JSON[1], "-d", &body, &url]);
    if let Ok((status, answer)) = &answered {
        assert_eq!(*status, 200, "{path}: {answer}");
    }
    answered.is_ok()
}

/// Writes until the service is gone, and calls `acknowledge` each time.
fn write_on(writer: &mut Writer, number: usize, round: usize, url: &str, token: &str, acknowledge: &Sender<()>) {
    let one = json!({"criterionId": "greeting", "numericValue": 3});
    for step in 0.. {
        let id = format!("crash-{round}-{number}-{}", step / 3);
        let notes = format!("notes of step {step}");
        let answered = match step % 3 {
            0 => {
                let mut body: Value = serde_json::from_str(&session(&notes)).unwrap();
                body["name"] = json!(below_support(&format!("coachingSessions/{id}")));
                write(url, token, "POST", "coachingSessions", &body)
            }
            1 => {
                let body = json!({"coachingSession": {"meetingNotes": notes}});
                write(url, token, "PATCH", &format!("coachingSessions/{id}"), &body)
            }
            _ => {
                let body = json!({
                    "name": below_support(&format!("scorecards/{id}")),
                    "conversationName": below_support("conversations/call"),
                    "agentUserName": "customers/acme/users/ana",
                    "templateName": below_support("scorecardTemplates/quality"),
                    "scores": [one],
                    "submitTime": Utc::now().to_rfc3339(),
                });
                write(url, token, "POST", "scorecards", &body)
            }
        };
        let is_session = step % 3 < 2;
        if !answered {
            writer.unanswered = Some((id, is_session.then_some(notes)));
            return;
        }
        if is_session {
            writer.sessions.insert(id, notes);
        } else {
            writer.scorecards.insert(id);
        }
        let _ = acknowledge.send(());
    }
}

/// All entries of a list, by id.
fn listed(service: &Running, path: &str, field: &str) -> BTreeMap<String, Value> {
    let mut entries = BTreeMap::new();
    let mut token = String::new();
    loop {
        let page = format!("{path}?agentUserName=customers/acme/users/ana&pageSize=1000&pageToken={token}");
        let (status, mut page) = service.curl("service", &page, &["-G"]);
        assert_eq!(status, 200, "{page}");
        for entry in page[field].as_array_mut().unwrap() {
            let entry = entry.take();
            entries.insert(entry["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), entry);
        }
        match page["nextPageToken"].as_str() {
            Some(next) if !next.is_empty() => token = next.to_owned(),
            _ => return entries,
        }
    }
}

#[test]
fn killed_under_load_it_loses_nothing_that_it_acknowledged_and_leaves_nothing_half_done() {
    let crashes: usize = std::env::var(CRASHES).map_or(10, |crashes| crashes.parse().unwrap());
    let folder = folder_with_demo_data();
    let (mut acknowledged, mut took_effect) = (0, 0);
    let mut known = Writer::default();
    for round in 0..crashes {
        let service = Running::start(folder.path(), &[]);
        let (url, token) = (service.url(), service.told("service"));
        let (acknowledge, acknowledgements) = channel();
        let mut writers: Vec<Writer> = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let (url, token, acknowledge) = (&url, &token, acknowledge.clone());
                    scope.spawn(move || {
                        let mut writer = Writer::default();
                        write_on(&mut writer, number, round, url, token, &acknowledge);
                        writer
                    })
                })
                .collect();
            drop(acknowledge);
            // At a different time in each round.
            for _ in 0..1 + round * 7 % 30 {
                acknowledgements.recv().unwrap();
            }
            assert_eq!(service.end("-KILL"), None);
            writers = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        });

        let service = Running::start(folder.path(), &[]);
        let sessions = listed(&service, "coachingSessions", "coachingSessions");
        let scorecards = listed(&service, "scorecards", "scorecards");
        for mut writer in writers {
            acknowledged += writer.sessions.len() + writer.scorecards.len();
            let Some((id, notes)) = writer.unanswered.take() else { panic!("a writer was not interrupted") };
            match notes {
                Some(notes) if sessions.get(&id).is_some_and(|session| session["meetingNotes"] == *notes) => {
                    took_effect += 1;
                    writer.sessions.insert(id, notes);
                }
                None if scorecards.contains_key(&id) => {
                    took_effect += 1;
                    writer.scorecards.insert(id);
                }
                _ => {}
            }
            // A change without its history would be half a change.
            for (id, notes) in writer.sessions.iter().rev().take(2) {
                let name = below_support(&format!("coachingSessions/{id}"));
                let (status, changes) = service.curl("admin", &format!("changes?name={name}"), &[]);
                assert_eq!((status, changes["changes"][0]["after"]["meetingNotes"].as_str()), (200, Some(&**notes)));
            }
            known.sessions.append(&mut writer.sessions);
            known.scorecards.append(&mut writer.scorecards);
        }
        let stored = sessions.iter().filter(|(id, _)| id.starts_with("crash-"));
        let stored: BTreeMap<String, String> =
            stored.map(|(id, session)| (id.clone(), session["meetingNotes"].as_str().unwrap().to_owned())).collect();
        assert_eq!(stored, known.sessions, "round {round}");
        let stored: BTreeSet<String> = scorecards.into_keys().filter(|id| id.starts_with("crash-")).collect();
        assert_eq!(stored, known.scorecards, "round {round}");
        let of_plan = service.curl("manager", "coachingPlans/ana-plan", &["-X", "DELETE"]).1["message"]
            .as_str()
            .unwrap()
            .to_owned();
        let counted =
            sessions.values().filter(|one| one["coachingPlanName"] == below_support("coachingPlans/ana-plan"));
        assert!(of_plan.contains(&format!("has {} sessions", counted.count())), "round {round}: {of_plan}");
        assert_eq!(service.end("-KILL"), None);
    }
    let recount = Command::new(BINARY)
        .args(["rebuild-statistics", "--customer", "acme", "--profile", "support"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8([recount.stdout, recount.stderr].concat()).unwrap();
    assert!(recount.status.success() && told.contains(" 0 statistics put right"), "{told}");
    assert!(!told.contains("changed within"), "{told}");
    println!(
        "killed {crashes} times under load and as often after: {acknowledged} sessions and scorecards \
         acknowledged and all there, {took_effect} of {} writes without an answer whole, the others absent",
        crashes * WRITERS
    );
}
