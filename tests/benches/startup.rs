//! A function before its first answer: size, instructions, time, memory, and the cost of the connection to DynamoDB, on
//! a whole CPU and on the share that small functions get.
//!
//! `cargo bench -p coaching-tests --bench startup`; with `-- --counts` only what is the same on every machine. It
//! counts instructions with valgrind, and needs a cgroup to restrict a function to a share of a CPU.

mod limits;
mod measurement;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use coaching_tests::{LambdaHost, TestService, TlsEndpoint, event_file};
use measurement::{Limits, build_functions, create_session, median, print_machine, print_table};
use serde_json::json;
use tokio::process::Command;

/// The functions whose size and instructions are counted, with an event for each: those to compare with, the smallest
/// that writes, one that lists, and the largest.
const FUNCTIONS: [(&str, (&str, &str)); 5] = [
    ("hello-world", ("create-session", "created")),
    ("bare-sdk", ("create-session", "created")),
    ("create-session", ("create-session", "created")),
    ("list-sessions", ("list-sessions", "all")),
    ("retrieve-progress", ("retrieve-progress", "of-a-group")),
];

/// The number of starts of each function on a whole CPU, and on a share.
const STARTS: usize = 31;
const STARTS_ON_A_SHARE: usize = 9;

/// The shares of a CPU that functions of 128, 256 and 1769 MB get.
const SHARES: [f64; 3] = [0.07, 0.15, 1.0];

/// The period of Lambda's CPU shares, in microseconds.
const PERIOD_US: u64 = 20_000;

fn main() -> ExitCode {
    let only_counts = std::env::args().any(|argument| argument == "--counts");
    let folder = build_functions();
    // The embedded DynamoDB and the endpoint have a CPU of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let service = TestService::seeded().await;
        let mut limits = Limits::default();
        print_machine("Start-up and size");
        count(&folder, &service, &mut limits).await;
        if !only_counts {
            time(&folder, &service).await;
            connect(&folder, &service).await;
        }
        limits.judge()
    })
}

/// A function with what it needs to run on the service's table.
fn function(program: impl AsRef<Path>, service: &TestService) -> Command {
    let mut command = Command::new(program.as_ref());
    let write = json!({"Put": {"TableName": service.table(), "Item": {"PK": {"S": "ID"}, "SK": {"S": "ID"}}}});
    command
        .env_clear()
        .envs(service.environment())
        .env("TRANSACTION", json!({"TransactItems": [write]}).to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The peak memory of the process so far, in KiB.
fn peak_memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Counts bytes and instructions, and compares memory.
async fn count(folder: &Path, service: &TestService, limits: &mut Limits) {
    let mut rows = Vec::new();
    let mut memory_of_hello_world = None;
    for (name, (events, case)) in FUNCTIONS {
        let program = folder.join(name);
        let bytes = std::fs::metadata(&program).unwrap().len();
        // The least of several runs: on a busy machine a function waits, and waiting takes instructions too.
        let mut instructions = u64::MAX;
        for _ in 0..3 {
            instructions = instructions.min(instructions_to_ready(&program, service).await);
        }
        let mut memory = Vec::new();
        for _ in 0..5 {
            let mut host = LambdaHost::run(function(&program, service)).await;
            host.invoke(event_file(events, case)).await;
            memory.push(peak_memory(host.process_id()));
        }
        let memory = median(&mut memory);
        let ratio = memory / *memory_of_hello_world.get_or_insert(memory);
        if !["hello-world", "bare-sdk"].contains(&name) {
            limits.hold(&format!("{name}, bytes"), bytes as f64, limits::FUNCTION_BYTES as f64);
            let limit = limits::INSTRUCTIONS_TO_READY as f64;
            limits.hold(&format!("{name}, instructions to ready"), instructions as f64, limit);
            limits.hold(&format!("{name}, memory beside hello-world's"), ratio, limits::MEMORY_OF_HELLO_WORLD);
        }
        rows.push(vec![
            name.to_owned(),
            format!("{:.2} MB", bytes as f64 / 1e6),
            format!("{:.2} million", instructions as f64 / 1e6),
            format!("{:.1} MiB", memory / 1024.0),
            format!("{ratio:.2}"),
        ]);
    }
    rows.push(vec![
        "limit".to_owned(),
        format!("{:.2} MB", limits::FUNCTION_BYTES as f64 / 1e6),
        format!("{:.2} million", limits::INSTRUCTIONS_TO_READY as f64 / 1e6),
        String::new(),
        format!("{:.2}", limits::MEMORY_OF_HELLO_WORLD),
    ]);
    print_table(&["function", "stripped", "instructions to ready", "peak memory", "of hello-world's"], &rows);
}

/// The instructions that `program` executes until it asks for its first event.
async fn instructions_to_ready(program: &Path, service: &TestService) -> u64 {
    let profile = std::env::temp_dir().join(format!("startup-{}", uuid::Uuid::new_v4()));
    let mut command = function("valgrind", service);
    command
        .env("PATH", std::env::var("PATH").unwrap())
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program);
    let mut host = LambdaHost::run(command).await;
    host.ready().await;
    let terminated = std::process::Command::new("kill").arg(host.process_id().to_string()).status().unwrap();
    assert!(terminated.success());
    host.ended().await;
    let counted = std::fs::read_to_string(&profile).unwrap();
    std::fs::remove_file(&profile).unwrap();
    counted.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap().trim().parse().unwrap()
}

/// Compares start times, each function in turn. The first request that is refused before DynamoDB is called shows the
/// cost besides DynamoDB's own time.
async fn time(folder: &Path, service: &TestService) {
    let refused = event_file("create-session", "missing-fields");
    let functions = [
        ("hello-world", "", create_session()),
        ("bare-sdk", "one item written", create_session()),
        ("create-session", "created", create_session()),
        ("create-session", "refused", refused),
    ];
    let mut took = functions.each_ref().map(|_| (Vec::new(), Vec::new()));
    for _ in 0..STARTS {
        for ((name, _, event), (ready, first)) in functions.iter().zip(&mut took) {
            let mut host = LambdaHost::run(function(folder.join(name), service)).await;
            let (_, answered) = host.timed(event.clone()).await;
            ready.push(host.ready().await.as_secs_f64() * 1e3);
            first.push(answered.as_secs_f64() * 1e3);
        }
    }
    let medians = took.map(|(mut ready, mut first)| (median(&mut ready), median(&mut first)));
    let rows = functions.iter().zip(medians).map(|((name, what, _), (ready, first))| {
        let ratio = format!("{:.2}", first / medians[0].1);
        vec![(*name).to_owned(), (*what).to_owned(), format!("{ready:.2} ms"), format!("{first:.2} ms"), ratio]
    });
    let head = ["function", "first request", "start to first `next`", "start to first response", "of hello-world's"];
    print_table(&head, &rows.collect::<Vec<_>>());
    println!("Medians of {STARTS} starts. Goal: the first response in at most 2 of hello-world's.\n");
}

/// Compares first requests over TLS, with the connection opened at start or by the request, on shares of a CPU.
async fn connect(folder: &Path, service: &TestService) {
    let endpoint = TlsEndpoint::start(service.dynamodb_url()).await;
    let program = folder.join("create-session");
    let everybody = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
    let everybody_file = std::env::temp_dir().join(format!("authorities-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&everybody_file, everybody + endpoint.authority()).unwrap();
    let mut rows = Vec::new();
    for share in SHARES {
        let Some(cpu) = ShareOfCpu::new(share) else {
            println!("No cgroup of this machine can be written to: nothing is held to a share of a CPU.\n");
            continue;
        };
        for (what, refused, authorities) in [
            ("opened at the start", 0, endpoint.authority_file()),
            ("opened by the first request", 1, endpoint.authority_file()),
            ("opened at the start, all authorities of this system read", 0, everybody_file.to_str().unwrap()),
        ] {
            let (mut ready, mut first) = (Vec::new(), Vec::new());
            for _ in 0..STARTS_ON_A_SHARE {
                endpoint.refuse(refused);
                let opened = endpoint.opened();
                let mut command = function(&program, service);
                command.env("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url()).env("SSL_CERT_FILE", authorities);
                cpu.enter();
                let mut host = LambdaHost::run(command).await;
                cpu.leave();
                let started = host.ready().await;
                assert_eq!(endpoint.opened() - opened, 1 - refused);
                let asked = std::time::Instant::now();
                let answer = host.invoke(create_session()).await;
                first.push(asked.elapsed().as_secs_f64() * 1e3);
                ready.push(started.as_secs_f64() * 1e3);
                assert_eq!(answer["statusCode"], 200, "{answer}");
                assert_eq!(endpoint.opened() - opened, 1);
            }
            let (ready, first) = (median(&mut ready), median(&mut first));
            rows.push(vec![
                format!("{:.0} %", share * 100.0),
                what.to_owned(),
                format!("{ready:.1} ms"),
                format!("{first:.1} ms"),
                format!("{:.1} ms", ready + first),
            ]);
        }
    }
    std::fs::remove_file(&everybody_file).unwrap();
    let head = ["CPU", "connection to DynamoDB", "start to first `next`", "first request", "together"];
    print_table(&head, &rows);
    println!("Medians of {STARTS_ON_A_SHARE} starts of create-session, DynamoDB behind TLS on loopback.\n");
}

/// A cgroup with a share of a CPU.
struct ShareOfCpu {
    group: PathBuf,
    above: PathBuf,
}

impl ShareOfCpu {
    /// A share of one CPU; `None` if the machine has no writable cgroup for it.
    fn new(share: f64) -> Option<Self> {
        let quota = (share * PERIOD_US as f64).round();
        let groups = Path::new("/sys/fs/cgroup");
        let first = groups.join("cpu");
        let above = if first.is_dir() { first } else { groups.to_owned() };
        let group = above.join(format!("startup-{}", std::process::id()));
        let _ = std::fs::create_dir(&group);
        let second = std::fs::write(group.join("cpu.max"), format!("{quota} {PERIOD_US}"));
        let held = second.or_else(|_| {
            std::fs::write(group.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
            std::fs::write(group.join("cpu.cfs_quota_us"), quota.to_string())
        });
        held.ok().map(|()| Self { group, above })
    }

    /// Moves this process into the group, so that its children are in it from their first instruction.
    fn enter(&self) {
        std::fs::write(self.group.join("cgroup.procs"), std::process::id().to_string()).unwrap();
    }

    /// Moves this process out; its children stay.
    fn leave(&self) {
        std::fs::write(self.above.join("cgroup.procs"), std::process::id().to_string()).unwrap();
    }
}

impl Drop for ShareOfCpu {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.group);
    }
}
