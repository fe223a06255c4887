//! A bare Lambda host: serves the Runtime API on loopback and runs one function binary against it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use crate::record::{LOG, record_file};

/// The longest that an invocation may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lambda's header for the X-Ray trace of an invocation.
const TRACE_HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// A function binary being run as Lambda runs it.
#[derive(Debug)]
pub struct LambdaHost {
    function: Child,
    invocations: mpsc::UnboundedSender<(String, Value)>,
    runtime: Arc<Runtime>,
    log: mpsc::UnboundedReceiver<String>,
    started: Instant,
    sent: u64,
}

/// The result of an invocation, and when it ended.
type Ending = (Result<Value, Value>, Instant);

#[derive(Debug)]
struct Runtime {
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<(String, Value)>>,
    endings: Mutex<HashMap<String, oneshot::Sender<Ending>>>,
    ready: watch::Sender<Option<Instant>>,
}

impl LambdaHost {
    /// Starts `binary` with `environment` and none of the test's own variables.
    pub async fn start(binary: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary);
        command.env_clear().envs(environment.iter().copied()).env("LOG_LEVEL", "trace").stdout(Stdio::piped());
        Self::run(command).await
    }

    /// Runs `command`, which in the end runs a function. Its standard output, if it is piped, is its log.
    pub async fn run(mut command: Command) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (invocations, next) = mpsc::unbounded_channel();
        let runtime = Arc::new(Runtime {
            next: tokio::sync::Mutex::new(next),
            endings: Mutex::default(),
            ready: watch::Sender::new(None),
        });
        let serving = Arc::clone(&runtime);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let runtime = Arc::clone(&serving);
                let answer = service_fn(move |request| answer(Arc::clone(&runtime), request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .kill_on_drop(true);
        let started = Instant::now();
        let mut function = command.spawn().unwrap();
        let (line, log) = mpsc::unbounded_channel();
        if let Some(output) = function.stdout.take() {
            let mut lines = BufReader::new(output).lines();
            let mut record = record_file(LOG);
            tokio::spawn(async move {
                while let Ok(Some(text)) = lines.next_line().await {
                    if let Some(file) = &mut record {
                        // In one write: others append to the same file.
                        file.write_all(format!("{text}\n").as_bytes()).unwrap();
                    }
                    let _ = line.send(text);
                }
            });
        }
        Self { function, invocations, runtime, log, started, sent: 0 }
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.function.id().unwrap()
    }

    /// Waits until the function asks for its first event; returns the time since its start.
    pub async fn ready(&mut self) -> Duration {
        let mut ready = self.runtime.ready.subscribe();
        tokio::select! {
            asked = ready.wait_for(Option::is_some) => asked.unwrap().unwrap() - self.started,
            status = self.function.wait() => panic!("the function ended: {}", status.unwrap()),
            () = tokio::time::sleep(PATIENCE) => panic!("the function does not start"),
        }
    }

    /// Waits until the function ends.
    pub async fn ended(&mut self) {
        self.function.wait().await.unwrap();
    }

    /// Kills the function, whatever it is doing, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.function.kill().await.unwrap();
    }

    /// The next line that the function writes to its log.
    pub async fn next_line(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.log.recv()).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The function's answer to `event`.
    pub async fn invoke(&mut self, event: Value) -> Value {
        self.timed(event).await.0
    }

    /// The function's answer to `event`, and the time of the answer since the function's start.
    pub async fn timed(&mut self, event: Value) -> (Value, Duration) {
        self.sent += 1;
        let id = format!("invocation-{}", self.sent);
        let (end, ended) = oneshot::channel();
        self.runtime.endings.lock().unwrap().insert(id.clone(), end);
        self.invocations.send((id, event)).unwrap();
        tokio::select! {
            ending = ended => {
                let (answer, at) = ending.unwrap();
                (answer.unwrap_or_else(|error| panic!("the invocation failed: {error}")), at - self.started)
            }
            status = self.function.wait() => panic!("the function ended: {}", status.unwrap()),
            () = tokio::time::sleep(PATIENCE) => panic!("the function does not answer"),
        }
    }
}

async fn answer(runtime: Arc<Runtime>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET {
        runtime.ready.send_if_modified(|ready| ready.is_none() && ready.replace(Instant::now()).is_none());
        let Some((id, event)) = runtime.next.lock().await.recv().await else {
            return Ok(with_status(StatusCode::GONE, Bytes::new()));
        };
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + PATIENCE;
        let mut response = with_status(StatusCode::OK, event.to_string().into());
        for (name, value) in [
            ("lambda-runtime-aws-request-id", id),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned()),
            ("lambda-runtime-trace-id", TRACE_HEADER.to_owned()),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        return Ok(response);
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let at = Instant::now();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut segments = path.rsplit('/');
    if let (Some(kind), Some(id)) = (segments.next(), segments.next())
        && let Some(end) = runtime.endings.lock().unwrap().remove(id)
    {
        let _ = end.send((if kind == "response" { Ok(body) } else { Err(body) }, at));
    }
    Ok(with_status(StatusCode::ACCEPTED, Bytes::new()))
}

fn with_status(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

/// The environment of every function on Lambda.
const LEAST_ENVIRONMENT: [(&str, &str); 8] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "function"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("TABLE_NAME", "coaching"),
];

/// Starts `binary` with `more` and the environment of every function on Lambda, but with `variable` set to `changed`
/// (`None`: not set). It must fail in one line that names the variable.
pub async fn refuses_to_start(binary: &str, more: &[(&str, &str)], variable: &str, changed: Option<&OsStr>) {
    let environment = LEAST_ENVIRONMENT.iter().chain(more).copied().filter(|(name, _)| *name != variable);
    let mut command = Command::new(binary);
    command.env_clear().envs(environment).envs(changed.map(|value| (variable, value))).kill_on_drop(true);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{variable}={changed:?}");
    assert!(output.stdout.is_empty(), "{variable}={changed:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let of_one_line = told.starts_with("Error: ") && told.lines().count() == 1;
    assert!(of_one_line && told.contains(variable) && !told.contains("panicked"), "{variable}={changed:?}: {told}");
}
