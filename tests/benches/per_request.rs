//! The cost of a request besides its DynamoDB calls: time and allocations; and a warm function compared with one that
//! only makes the same call.
//!
//! `cargo bench -p coaching-tests --bench per_request`; with `-- --counts` only what is the same on every machine.

mod limits;
mod measurement;

use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;
use coaching_edge::{App, HttpEvent, MetricsNamespace, Operation, respond};
use coaching_store::Store;
use coaching_tests::{Event, LambdaHost, TestService};
use measurement::{Limits, build_functions, create_session, median, print_machine, print_table, session};
use serde_json::Value;
use tokio::process::Command;

/// The number of times that each request is made.
const REQUESTS: usize = 200;

/// When DynamoDB calls are in progress, and the last one if it is kept.
#[derive(Debug, Default)]
struct Calls {
    under_way: u32,
    since: Option<Instant>,
    took: Duration,
    /// The number of calls that began while none was in progress.
    rounds: u32,
    kept: bool,
    last: Option<Value>,
}

/// Watches calls inside the client, from the moment a call is requested until its answer is read.
#[derive(Debug, Clone, Default)]
struct Watch(Arc<Mutex<Calls>>);

impl Watch {
    fn restart(&self) {
        let mut calls = self.0.lock().unwrap();
        (calls.took, calls.rounds) = (Duration::ZERO, 0);
    }

    /// The time during which calls were in progress, in milliseconds, and the number of rounds.
    fn so_far(&self) -> (f64, f64) {
        let calls = self.0.lock().unwrap();
        (calls.took.as_secs_f64() * 1e3, calls.rounds.into())
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut calls = self.0.lock().unwrap();
        calls.under_way += 1;
        if calls.under_way == 1 {
            calls.since = Some(Instant::now());
            calls.rounds += 1;
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut calls = self.0.lock().unwrap();
        if calls.kept {
            calls.last = Some(serde_json::from_slice(context.request().body().bytes().unwrap())?);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut calls = self.0.lock().unwrap();
        calls.under_way -= 1;
        if calls.under_way == 0 {
            let took = calls.since.take().unwrap().elapsed();
            calls.took += took;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let only_counts = std::env::args().any(|argument| argument == "--counts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut limits = Limits::default();
    print_machine("Per request");
    // The log as functions have it, but discarded.
    let filter = coaching_edge::log_filter(None).unwrap();
    let log = coaching_edge::log_lines(filter, Some(MetricsNamespace::parse("Coaching").unwrap()), std::io::sink);
    tracing::subscriber::set_global_default(log).unwrap();
    let service = runtime.block_on(TestService::seeded());
    let watch = Watch::default();
    let watched = Client::from_conf(service.client().config().to_builder().interceptor(watch.clone()).build());
    let app = App { store: Store::new(watched.clone(), service.table()), ..service.app.clone() };
    let unwatched = App { store: Store::new(service.client().clone(), service.table()), ..service.app.clone() };
    runtime.block_on(async {
        for _ in 0..60 {
            service.succeed(&Event::post("coachingSessions", session())).await;
        }
    });

    let around = runtime.block_on(around_a_call(&watched, service.table(), &watch));
    if !only_counts {
        println!(
            "Calls are with the {around:.3} ms that the SDK takes before and after what it lets others watch of one.\n"
        );
    }
    let mut rows = Vec::new();
    for (name, goal_ms, event) in [
        ("create-session", 0.1, Event::post("coachingSessions", session())),
        ("get-session", 0.1, Event::get("coachingSessions/held-1")),
        ("list-sessions, a page of 50", 0.3, Event::get("coachingSessions?pageSize=50")),
    ] {
        let operation = event.operation();
        let event = event.to_json().to_string();
        let answer = |app| runtime.block_on(answer(operation, app, &event));
        answer(&app);
        let (mut beside, mut calls) = (Vec::new(), Vec::new());
        let (mut count, mut bytes) = (u64::MAX, u64::MAX);
        for _ in 0..if only_counts { 20 } else { REQUESTS } {
            watch.restart();
            let started = Instant::now();
            answer(&app);
            let all = started.elapsed().as_secs_f64() * 1e3;
            let (took, rounds) = watch.so_far();
            let took = took + around * rounds;
            beside.push(all - took);
            calls.push(took);
            let allocations = allocation_counter::measure(|| answer(&unwatched));
            count = count.min(allocations.count_total);
            bytes = bytes.min(allocations.bytes_total);
        }
        let (_, count_limit, bytes_limit) = limits::ALLOCATIONS.into_iter().find(|(of, ..)| *of == name).unwrap();
        limits.hold(&format!("{name}, allocations"), count as f64, count_limit as f64);
        limits.hold(&format!("{name}, bytes allocated"), bytes as f64, bytes_limit as f64);
        let row = [
            format!("{:.3} ms", median(&mut beside)),
            format!("{goal_ms} ms"),
            format!("{:.3} ms", median(&mut calls)),
        ];
        let counts = [count.to_string(), count_limit.to_string(), bytes.to_string(), bytes_limit.to_string()];
        let timed = if only_counts { &[][..] } else { &row[..] };
        rows.push([&[name.to_owned()], timed, &counts].concat());
    }
    let head = ["", "beside its calls", "goal", "its calls", "allocations", "limit", "bytes allocated", "limit"];
    let head = if only_counts { [&head[..1], &head[4..]].concat() } else { head.to_vec() };
    print_table(&head, &rows);

    if !only_counts {
        watch.0.lock().unwrap().kept = true;
        let event = Event::post("coachingSessions", session());
        runtime.block_on(answer(event.operation(), &app, &event.to_json().to_string()));
        let transaction = watch.0.lock().unwrap().last.take().unwrap();
        runtime.block_on(warm(&service, transaction));
    }
    limits.judge()
}

/// The part of a call that is not watched, in milliseconds: the SDK assembles its parts for each call.
async fn around_a_call(client: &Client, table: &str, watch: &Watch) -> f64 {
    let mut around = Vec::new();
    for _ in 0..REQUESTS {
        watch.restart();
        let nothing = || AttributeValue::S("nothing".to_owned());
        let get = client.get_item().table_name(table).key("PK", nothing()).key("SK", nothing());
        let started = Instant::now();
        get.send().await.unwrap();
        around.push(started.elapsed().as_secs_f64() * 1e3 - watch.so_far().0);
    }
    median(&mut around)
}

async fn answer(operation: &Operation, app: &App, event: &str) {
    let event: HttpEvent = serde_json::from_str(event).unwrap();
    let response = respond(operation, &app.for_one_request(), &event).await;
    assert_eq!(response.status(), 200, "{}", response.body());
}

/// Compares warm functions, one invocation of each in turn.
async fn warm(service: &TestService, transaction: Value) {
    let folder = build_functions();
    // Only the session's own id is new each time.
    let id = transaction["TransactItems"][0]["Put"]["Item"]["PK"]["S"].as_str().unwrap().rsplit('#').next().unwrap();
    let transaction = transaction.to_string().replace(id, "ID");
    let mut hosts = Vec::new();
    for function in ["hello-world", "bare-sdk", "create-session"] {
        let mut command = Command::new(folder.join(function));
        command.env_clear().envs(service.environment()).env("TRANSACTION", &transaction).stdout(Stdio::null());
        hosts.push((function, LambdaHost::run(command).await, Vec::new()));
    }
    for round in 0..REQUESTS {
        for (_, host, took) in &mut hosts {
            let started = Instant::now();
            host.invoke(create_session()).await;
            if round >= 20 {
                took.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let medians: Vec<f64> = hosts.iter_mut().map(|(.., took)| median(took)).collect();
    let rows = hosts.iter().zip(&medians).map(|((name, ..), median)| {
        vec![(*name).to_owned(), format!("{median:.3} ms"), format!("{:.2}", median / medians[1])]
    });
    print_table(&["warm function", "an invocation", "of bare-sdk's"], &rows.collect::<Vec<_>>());
    let beyond = (medians[2] - medians[0]) / (medians[1] - medians[0]);
    println!("Goal: create-session at most 1.15 of bare-sdk's. Without what hello-world takes: {beyond:.2}.\n");
}
