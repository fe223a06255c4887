//! The service on one machine against others on that machine: web pages, other users, and greedy clients. Each test
//! prints what it tried.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use coaching_local::arguments::Options;
use coaching_local::{EmbeddedDynamoDb, Limits, Service, TABLE_NAME, client_at};
use tokio::runtime::Runtime;
use tracing::subscriber::NoSubscriber;

const BINARY: &str = env!("CARGO_BIN_EXE_coaching");
const SESSIONS: &str = "/v1/customers/acme/profiles/support/coachingSessions";
const MIB: usize = 1024 * 1024;

fn options(data: Option<&Path>, cors_origins: &[&str]) -> Options {
    Options {
        port: 0,
        data: data.map(Path::to_owned).unwrap_or_default(),
        memory: data.is_none(),
        dynamodb: None,
        cors_origins: cors_origins.iter().map(|origin| (*origin).to_owned()).collect(),
        customer_claim: "customer".to_owned(),
        profiles_claim: "profiles".to_owned(),
        role_claim: "role".to_owned(),
        user_claim: "sub".to_owned(),
        no_demo: true,
        task: None,
    }
}

/// A service in this process, and its parts.
struct Served {
    runtime: Runtime,
    service: Option<Service>,
    token: String,
}

impl Served {
    fn start(options: &Options, limits: Limits) -> Self {
        // The test prints what it tried, so nothing is logged.
        let _ = tracing::subscriber::set_global_default(NoSubscriber::default());
        let runtime = Runtime::new().unwrap();
        let service = runtime.block_on(Service::start_within(options, limits)).unwrap();
        let token = service.token("manager").unwrap();
        Self { runtime, service: Some(service), token }
    }

    fn address(&self) -> String {
        self.service.as_ref().unwrap().url().replace("http://", "")
    }

    /// The head of a request, without the empty line at its end.
    fn head(&self, method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address())
    }

    /// The same head with a token.
    fn trusted(&self, method: &str, path: &str) -> String {
        format!("{}authorization: Bearer {}\r\ncontent-type: application/json\r\n", self.head(method, path), self.token)
    }

    fn ask(&self, head: &str) -> Answer {
        ask(&self.address(), format!("{head}connection: close\r\n\r\n").as_bytes())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.runtime.block_on(self.service.take().unwrap().stop());
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    fn read(from: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        // A client that is cut off while it still sends may see a reset after the answer.
        if let Err(error) = from.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    fn cors(&self) -> Vec<&String> {
        self.headers.keys().filter(|name| name.starts_with("access-control-")).collect()
    }
}

fn ask(address: &str, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    Answer::read(&mut stream)
}

/// A connection with a timeout of a minute, so that a failing test does not hang.
fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn client(url: &str, id: &str, secret: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .endpoint_url(url);
    Client::from_conf(config.build())
}

/// The variables of a shell after it sourced the file `environment` in `folder`.
fn environment(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join("environment")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

// --- web pages

#[test]
fn only_who_has_the_folders_key_gets_at_its_dynamodb() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(&options(Some(folder.path()), &[]), Limits::default());
    let environment = environment(folder.path());
    let variable = |name: &str| environment[name].as_str();
    let url = variable("AWS_ENDPOINT_URL_DYNAMODB");
    let (id, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));

    let scan = |id: &str, secret: &str| {
        let sent = client(url, id, secret).scan().table_name(TABLE_NAME).send();
        served.runtime.block_on(sent).map_err(|error| format!("{:?}", error.raw_response().map(|raw| raw.status())))
    };
    assert_eq!(scan(id, secret).unwrap().count(), 0);
    let foreign = [("local", "local"), (id, "local"), ("local", secret), (id, &secret[1..]), (&id[1..], secret)];
    for (id, secret) in foreign {
        let refused = scan(id, secret).unwrap_err();
        assert!(refused.contains("403"), "{refused}");
    }

    let address = url.trim_start_matches("http://");
    let scope = format!("Credential={id}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
    let made_up = format!("authorization: AWS4-HMAC-SHA256 {}\r\nx-amz-date: 20260101T000000Z\r\n", scope);
    let mut tried = 0;
    for operation in ["GetItem", "PutItem", "UpdateItem", "Scan", "CreateTable", "DeleteTable", "ListTables"] {
        for origin in ["", "origin: http://evil.example\r\n", "origin: null\r\n"] {
            for host in [address, "evil.example", "127.0.0.1:1"] {
                for signature in ["", &made_up, "authorization: Basic eDp5\r\n"] {
                    let request = format!(
                        "POST / HTTP/1.1\r\nhost: {host}\r\n{origin}{signature}x-amz-target: \
                         DynamoDB_20120810.{operation}\r\ncontent-type: application/x-amz-json-1.0\r\n\
                         content-length: 24\r\nconnection: close\r\n\r\n{{\"TableName\": \"coaching\"}}"
                    );
                    let answer = ask(address, request.as_bytes());
                    assert_eq!((answer.status, answer.cors().len()), (403, 0), "{request}: {answer:?}");
                    tried += 1;
                }
            }
        }
    }
    for host in [address, "evil.example"] {
        let preflight = format!(
            "OPTIONS / HTTP/1.1\r\nhost: {host}\r\norigin: http://evil.example\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: x-amz-target,authorization\r\n\
             connection: close\r\n\r\n"
        );
        let answer = ask(address, preflight.as_bytes());
        assert_eq!((answer.status, answer.cors().len()), (403, 0), "{answer:?}");
        tried += 1;
    }
    println!("refused: {} clients with another key, {tried} requests of web pages", foreign.len());
}

/// The bytes of the next request to `listener`, which gets an empty page.
fn overheard(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"Items\": []}")
                .unwrap();
            return bytes;
        }
    }
}

#[test]
fn a_signature_is_good_for_the_request_that_it_was_made_for_and_for_no_other() {
    let dynamodb = EmbeddedDynamoDb::start(None).unwrap();
    let address = dynamodb.url().replace("http://", "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let runtime = Runtime::new().unwrap();
    let listed = runtime.spawn(client_at(&format!("http://127.0.0.1:{port}")).list_tables().send());
    let request = String::from_utf8(overheard(&listener)).unwrap();
    let _ = runtime.block_on(listed).unwrap();

    let sent =
        |request: &str| ask(&address, request.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1).as_bytes());
    let answer = sent(&request);
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"TableNames":[]}"#), "{request}");
    let line = |name: &str| request.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let date = line("x-amz-date: ");
    let authorization = line("authorization: ");
    let signature = authorization.rsplit_once("Signature=").unwrap().1.to_owned();
    let flipped = signature.chars().rev().collect::<String>();
    let other_day = date.replace(": 20", ": 19");
    let changes = [
        ("body", "\r\n\r\n{}", "\r\n\r\n[]"),
        ("target", "ListTables", "DeleteTable"),
        ("host", &format!("127.0.0.1:{port}"), "127.0.0.1:1"),
        ("path", "POST / ", "POST /x "),
        ("query", "POST / ", "POST /?x=y "),
        ("method", "POST / ", "PUT / "),
        ("date", date.as_str(), other_day.as_str()),
        ("no date", &format!("{date}\r\n"), ""),
        ("signature", signature.as_str(), flipped.as_str()),
        ("no signature", &format!("Signature={signature}"), "Signature="),
        ("key", "Credential=local/", "Credential=other/"),
        ("region", "/us-east-1/", "/us-east-2/"),
        ("target not signed", ";x-amz-target", ""),
        ("host not signed", "host;", ""),
        ("algorithm", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
    ];
    for (change, from, to) in &changes {
        assert!(request.contains(from), "{change}: {request}");
        let answer = sent(&request.replace(from, to));
        assert_eq!(answer.status, 403, "{change}: {answer:?}");
    }
    println!("a signed request was answered, and refused with each of {} changes", changes.len());
}

#[test]
fn the_api_is_for_its_own_pages_and_for_those_that_it_was_told_of() {
    let told = ["https://app.example", "http://localhost:5173"];
    let closed = Served::start(&options(None, &[]), Limits::default());
    let open = Served::start(&options(None, &told), Limits::default());
    let (mut refused, mut let_in) = (0, 0);
    for served in [&closed, &open] {
        let own = served.address();
        for path in [SESSIONS, "/docs/", "/openapi.json", "/"] {
            for host in ["evil.example", "127.0.0.1:1", "", "localhost.evil.example", "a b"] {
                let head = served.trusted("GET", path).replace(&format!("host: {own}"), &format!("host: {host}"));
                let answer = served.ask(&head);
                assert_eq!((answer.status, answer.cors().len()), (403, 0), "{host}: {answer:?}");
                refused += 1;
            }
            for origin in ["http://evil.example", "null", "https://app.example.evil.example", "http://127.0.0.1:1"] {
                let asks = "access-control-request-method: GET\r\naccess-control-request-headers: authorization\r\n";
                for (method, more) in [("GET", ""), ("POST", ""), ("OPTIONS", asks)] {
                    let head = served.trusted(method, path);
                    let answer = served.ask(&format!("{head}origin: {origin}\r\n{more}"));
                    assert_eq!((answer.status, answer.cors().len()), (403, 0), "{origin}: {answer:?}");
                    refused += 1;
                }
            }
        }
        let answer = served.ask(&format!("{}origin: http://{own}\r\n", served.trusted("GET", SESSIONS)));
        assert_eq!((answer.status, answer.cors().len()), (200, 0), "{answer:?}");
        let_in += 1;
    }
    for origin in told {
        let asks = "access-control-request-method: PATCH\r\naccess-control-request-headers: authorization,if-match\r\n";
        let answer = closed.ask(&format!("{}origin: {origin}\r\n{asks}", closed.head("OPTIONS", SESSIONS)));
        assert_eq!((answer.status, answer.cors().len()), (403, 0), "{answer:?}");
        refused += 1;
        let answer = open.ask(&format!("{}origin: {origin}\r\n{asks}", open.head("OPTIONS", SESSIONS)));
        assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (204, origin));
        assert_eq!(answer.headers["vary"], "Origin");
        assert!(answer.headers["access-control-allow-methods"].contains("PATCH"), "{answer:?}");
        assert!(answer.headers["access-control-allow-headers"].contains("if-match"), "{answer:?}");
        for (head, status) in [(open.trusted("GET", SESSIONS), 200), (open.head("GET", SESSIONS), 401)] {
            let answer = open.ask(&format!("{head}origin: {origin}\r\n"));
            assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (status, origin));
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
            assert_eq!(answer.headers["vary"], "Origin");
            let_in += 1;
        }
    }
    let answer = open.ask(&open.trusted("GET", SESSIONS));
    assert_eq!((answer.status, answer.cors().len(), answer.headers["vary"].as_str()), (200, 0, "Origin"));
    println!("{refused} requests of foreign pages and for foreign hosts refused, {let_in} of allowed ones answered");
}

#[test]
fn only_the_consoles_own_page_with_a_printed_address_gets_a_token() {
    let served = Served::start(&options(None, &["https://app.example"]), Limits::default());
    let greeting = served.service.as_ref().unwrap().greeting();
    let printed: Vec<&str> =
        greeting.split_whitespace().filter_map(|word| Some(word.split_once("#token=")?.1)).collect();
    let [printed] = printed[..] else { panic!("without the demo there is the admin alone: {greeting}") };
    let own = format!("http://{}", served.address());
    let other = Served::start(&options(None, &[]), Limits::default()).service.as_ref().unwrap().greeting();
    let other = other.split_once("#token=").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let ask = |origin: Option<&str>, token: &str| {
        let origin = origin.map(|origin| format!("origin: {origin}\r\n")).unwrap_or_default();
        served.ask(&format!("{}{origin}authorization: Bearer {token}\r\n", served.head("POST", "/console/people")))
    };
    let flipped: String = printed.chars().rev().collect();
    let mut refused = 0;
    for (origin, token, status) in [
        (None, printed, 403),
        (Some("https://app.example"), printed, 403),
        (Some("http://evil.example"), printed, 403),
        (Some("null"), printed, 403),
        (Some(own.as_str()), "", 401),
        (Some(own.as_str()), served.token.as_str(), 401),
        (Some(own.as_str()), "ada", 401),
        (Some(own.as_str()), "ada.", 401),
        (Some(own.as_str()), &printed.replace("ada.", "maria."), 401),
        (Some(own.as_str()), flipped.as_str(), 401),
        (Some(own.as_str()), other.as_str(), 401),
    ] {
        let answer = ask(origin, token);
        assert_eq!(answer.status, status, "{origin:?} {token}: {answer:?}");
        assert!(!answer.body.contains("token"), "{answer:?}");
        refused += 1;
    }
    let answer = ask(Some(&own), printed);
    assert_eq!((answer.status, answer.headers["cache-control"].as_str()), (200, "no-store"), "{answer:?}");
    assert_eq!(answer.body.matches("userName").count(), 1, "without the demo nobody else is offered: {}", answer.body);
    let token = answer.body.split("\"token\":\"").last().unwrap().split('"').next().unwrap();
    let whoami = format!("{}authorization: Bearer {token}\r\n", served.head("GET", "/v1/whoami"));
    assert_eq!(served.ask(&whoami).status, 200);
    // A sign-in token is none for the API.
    let whoami = format!("{}authorization: Bearer {printed}\r\n", served.head("GET", "/v1/whoami"));
    assert_eq!(served.ask(&whoami).status, 401);
    println!("{refused} requests for a token refused, one of the console's own page answered");
}

#[test]
fn no_answer_is_to_be_kept_or_taken_for_another_type() {
    // It waits so long for the body that it refused.
    let served = Served::start(&options(None, &[]), Limits { body: Duration::from_secs(1), ..Limits::default() });
    let long = format!("x-long: {}\r\n", "x".repeat(10_240));
    let large = format!("content-length: {}\r\n", 11 * MIB);
    let requests = [
        (200, served.trusted("GET", SESSIONS)),
        (400, served.trusted("GET", &format!("{SESSIONS}?pageSize=-1"))),
        (401, served.head("GET", SESSIONS)),
        (403, served.trusted("GET", &SESSIONS.replace("acme", "other"))),
        (403, format!("{}origin: null\r\n", served.trusted("GET", SESSIONS))),
        (404, served.trusted("GET", "/v1/nothing")),
        (404, served.trusted("GET", &format!("{SESSIONS}/none"))),
        (413, format!("{}{large}", served.trusted("POST", SESSIONS))),
        (431, format!("{}{long}", served.trusted("GET", SESSIONS))),
    ];
    for (status, head) in &requests {
        let answer = served.ask(head);
        assert_eq!(answer.status, *status, "{head}: {answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/json", "{answer:?}");
    }
    for path in ["/docs/", "/openapi.json"] {
        assert_eq!(served.ask(&served.head("GET", path)).headers["x-content-type-options"], "nosniff");
    }
    println!("{} kinds of answers looked at", requests.len());
}

// --- time, connections and memory

/// Limits so short that a test can wait for them.
fn short() -> Limits {
    let moment = Duration::from_millis(300);
    Limits { head: moment, body: moment, answer: moment, patience: Duration::from_millis(50), ..Limits::default() }
}

/// Whether the other end closed the connection, within a minute.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn slow_clients_end() {
    let served = Served::start(&options(None, &[]), short());
    // A head, and a body with a token, that arrive slowly: each byte in time, the whole too late.
    for (head, status) in [(served.head("POST", SESSIONS), None), (served.trusted("POST", SESSIONS), Some(408))] {
        let mut stream = connect(&served.address());
        let end = if status.is_some() { "content-length: 100000\r\n\r\n" } else { "x-slow: " };
        stream.write_all(format!("{head}{end}").as_bytes()).unwrap();
        let mut dribbling = stream.try_clone().unwrap();
        let dribble = std::thread::spawn(move || {
            while dribbling.write_all(b"x").is_ok() {
                std::thread::park_timeout(Duration::from_millis(10));
            }
        });
        match status {
            Some(status) => assert_eq!(Answer::read(&mut stream).status, status),
            None => assert!(is_closed(&mut stream)),
        }
        dribble.join().unwrap();
    }
    // The service does not wait for a body that it refuses.
    let begun = Instant::now();
    let mut stream = connect(&served.address());
    let head = served.head("POST", SESSIONS);
    stream.write_all(format!("{head}content-length: 100000\r\n\r\nx").as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 401");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(is_closed(&mut stream));
    // Answers that the client does not read: more of them than the system buffers.
    let mut stream = connect(&served.address());
    let asked = format!("{}\r\n", served.head("GET", "/openapi.json")).repeat(100);
    stream.write_all(asked.as_bytes()).unwrap();
    let begun = Instant::now();
    while stream.write_all(b"x").is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody reads, and it still waits");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    println!("ended: a slow head, a slow body with and without a token, answers that nobody reads");
}

#[test]
fn a_body_that_is_not_well_formed_is_a_bad_request() {
    let served = Served::start(&options(None, &[]), Limits::default());
    let bodies = ["xyz\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n", "-1\r\n", "fffffffffffffffff\r\n{}"];
    for body in bodies {
        let head = served.trusted("POST", SESSIONS);
        let request = format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{body}");
        let answer = ask(&served.address(), request.as_bytes());
        assert_eq!((answer.status, answer.body.as_str()), (400, r#"{"message":"Bad Request"}"#), "{body}");
    }
    println!("{} bodies with bad framing: 400", bodies.len());
}

#[test]
fn no_client_takes_all_connections() {
    let limits = Limits { connections: 8, head: Duration::from_secs(600), ..short() };
    let served = Served::start(&options(None, &[]), limits);
    let mut idle: Vec<TcpStream> = (0..40).map(|_| connect(&served.address())).collect();
    for stream in &mut idle[20..] {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
    }
    for _ in 0..3 {
        assert_eq!(served.ask(&served.trusted("GET", SESSIONS)).status, 200);
    }
    println!("answered beside {} connections without a request, where there are places for 8", idle.len());
}

#[test]
fn bodies_and_answers_under_way_hold_no_more_memory_than_there_is_for_them() {
    let limits = Limits { bytes: 32 * MIB, body: Duration::from_secs(600), ..short() };
    let served = Served::start(&options(None, &[]), limits);
    let part = vec![b' '; 9 * MIB];
    let head = format!("{}content-length: {}\r\n\r\n", served.trusted("POST", SESSIONS), 10 * MIB);
    // Two of them, with room for their answers, take all memory until another request needs it.
    let stalled: Vec<_> = (0..6)
        .map(|_| {
            let (mut stream, head, part) = (connect(&served.address()), head.clone(), part.clone());
            std::thread::spawn(move || {
                // Those that are cut off cannot write all of it.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&part));
                stream
            })
        })
        .collect();
    let _stalled: Vec<TcpStream> = stalled.into_iter().map(|stalled| stalled.join().unwrap()).collect();
    assert_eq!(served.ask(&served.trusted("GET", SESSIONS)).status, 200);

    // If no request gives up its memory in time, the next one is answered 503.
    let stubborn =
        Limits { bytes: 20 * MIB, wait: Duration::from_millis(100), patience: Duration::from_secs(600), ..short() };
    let stubborn = Limits { body: Duration::from_secs(600), ..stubborn };
    let served = Served::start(&options(None, &[]), stubborn);
    let head = format!("{}content-length: {}\r\n\r\n", served.trusted("POST", SESSIONS), 10 * MIB);
    let mut stream = connect(&served.address());
    stream.write_all(head.as_bytes()).unwrap();
    let mut refused = served.ask(&served.trusted("GET", SESSIONS));
    // The first request may come in after the second.
    while refused.status == 200 {
        refused = served.ask(&served.trusted("GET", SESSIONS));
    }
    assert_eq!((refused.status, refused.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
    println!("a request was answered beside 6 bodies that hold all memory, and told to come again where they may");
}

/// The peak memory of a process so far, in KiB.
#[cfg(target_os = "linux")]
fn peak(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn bodies_without_a_token_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (process, url) = started(&mut binary(folder.path(), &["--memory", "--no-demo"]));
    let address = url.replace("http://", "");
    let before = peak(&process.0);
    let part = vec![b'x'; 9 * MIB];
    let mut streams = Vec::new();
    for _ in 0..60 {
        let mut stream = connect(&address);
        let head = format!("POST {SESSIONS} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n", 10 * MIB);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&part).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 401");
        streams.push(stream);
    }
    let more = (peak(&process.0) - before) / 1024;
    assert!(more < 60, "{more} MiB");
    println!("{} bodies of 9 MiB without a token, all under way at once, took {more} MiB", streams.len());
}

// --- the data folder

/// A process that is ended with the test.
struct Running(Child);

impl Running {
    fn end(mut self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The service, started with a umask that would let others read its files.
fn binary(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = "umask 000; exec \"$0\" --port 0 \"$@\"";
    command.args(["-c", script, BINARY]).args(arguments).current_dir(folder).env("LOG_LEVEL", "off");
    command
}

/// Starts `command`, and returns its address.
fn started(command: &mut Command) -> (Running, String) {
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut greeting = Vec::new();
    while !greeting.ends_with(b"Ctrl-C ends it.\n") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        greeting.push(byte[0]);
    }
    let greeting = String::from_utf8(greeting).unwrap();
    let url = greeting.lines().find_map(|line| line.strip_prefix("Coaching Service at ")).unwrap();
    (Running(process), url.to_owned())
}

/// Its one line of error, if the service does not start.
fn refused(output: &Output, named: &str) -> String {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.starts_with("coaching: ") && error.contains(named) && error.len() < 300, "{error}");
    error
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_data_folder_and_all_in_it_are_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".coaching");
    let kept = || {
        let (running, _) = started(&mut binary(folder.path(), &["--no-demo"]));
        assert_eq!(mode(&data), 0o700);
        let names = files(&data);
        for name in &names {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        }
        for name in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "dynamodb-access-key", "signing-key.pem", "environment"]
        {
            assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
        }
        // After a kill, the SQLite log is not yet in the database.
        running.end("-KILL");
        names
    };
    let names = kept();
    // An older or copied folder that is open to everyone.
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in &names {
        std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(0o666)).unwrap();
    }
    for name in ["environment.new", "signing-key.pem.new"] {
        std::fs::write(data.join(name), "").unwrap();
        std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(0o666)).unwrap();
    }
    std::fs::remove_file(data.join("signing-key.pem")).unwrap();
    kept();

    // Other files in a folder that others may read stay readable for them.
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(shared.join("a-file"), "x").unwrap();
    refused(&binary(folder.path(), &["--data", "shared"]).output().unwrap(), "shared is open to others");
    assert_eq!((mode(&shared), files(&shared)), (0o755, vec!["a-file".to_owned()]));
    println!("closed: a new folder, and one whose {} files were open to everyone", names.len());
}

#[test]
fn a_folder_is_in_use_by_one_service_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (running, url) = started(&mut binary(folder.path(), &["--no-demo"]));
    let recount = ["rebuild-statistics", "--customer", "acme", "--profile", "support"];
    let second = binary(folder.path(), &["--no-demo"]).output().unwrap();
    refused(&second, ".coaching is in use by another service");
    let second = Command::new(BINARY).args(recount).current_dir(folder.path()).output().unwrap();
    refused(&second, ".coaching is in use by another service");
    let environment = environment(&folder.path().join(".coaching"));
    assert_eq!(environment["COACHING_URL"], url, "what the first wrote stays");

    // While a service runs, its DynamoDB and key are accessible to other programs of the same user.
    let mut beside = Command::new(BINARY);
    beside.args(recount).args(["--dynamodb", &environment["AWS_ENDPOINT_URL_DYNAMODB"]]).current_dir(folder.path());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        beside.env(name, &environment[name]);
    }
    refused(&beside.output().unwrap(), "there is no scorecard");
    let without_key = beside.env_remove("AWS_ACCESS_KEY_ID").output().unwrap();
    refused(&without_key, "the access key is not this data folder's");

    running.end("-KILL");
    started(&mut binary(folder.path(), &["--no-demo"])).0.end("-INT");
    println!("refused: a second service, a recount beside it, one at its DynamoDB without its key");
}

#[test]
fn data_that_is_damaged_or_gone_is_said_and_not_started_over() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".coaching");
    started(&mut binary(folder.path(), &["--no-demo"])).0.end("-KILL");
    let (database, log) = (data.join("dynamodb.sqlite"), data.join("dynamodb.sqlite-wal"));
    let whole_log = std::fs::read(&log).unwrap();
    assert!(whole_log.len() > 32, "a service that is killed leaves a log");
    let mut log_with_a_bit = whole_log.clone();
    log_with_a_bit[17] ^= 1;
    let damages: [(&str, &Path, Option<Vec<u8>>); 3] = [
        ("is damaged", &log, Some(b"no log".repeat(1000))),
        ("is damaged", &log, Some(vec![0; 4096])),
        ("is damaged", &log, Some(log_with_a_bit)),
    ];
    let mut tried = 0;
    let mut refuse = |named: &str, file: &Path, bytes: Option<Vec<u8>>| {
        let whole = std::fs::read(file).unwrap();
        match &bytes {
            Some(bytes) => std::fs::write(file, bytes).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
        let names = files(&data);
        let error = refused(&binary(folder.path(), &["--no-demo"]).output().unwrap(), named);
        assert!(error.contains(file.file_name().unwrap().to_str().unwrap()), "{error}");
        assert_eq!((files(&data), std::fs::read(file).ok()), (names, bytes), "nothing changed: {error}");
        std::fs::write(file, whole).unwrap();
        tried += 1;
    };
    for (named, file, bytes) in damages {
        refuse(named, file, bytes);
    }
    // The restored log is read again, and is then in the database.
    started(&mut binary(folder.path(), &["--no-demo"])).0.end("-INT");
    assert!(!log.exists());
    let whole = std::fs::read(&database).unwrap();
    for (named, bytes) in [
        ("is empty", Some(Vec::new())),
        ("is missing", None),
        ("is no database", Some(b"this is no database".repeat(100))),
        ("is no database", Some(b"SQLite".to_vec())),
        ("is cut short", Some(whole[..whole.len() / 2].to_vec())),
        ("is cut short", Some(whole[..100].to_vec())),
    ] {
        refuse(named, &database, bytes);
    }
    for (name, text) in [
        ("page-token-secret", "short"),
        ("page-token-secret", ""),
        ("dynamodb-access-key", ""),
        ("dynamodb-access-key", "local local"),
        ("signing-key.pem", ""),
        ("signing-key.pem", "no key"),
    ] {
        refuse(name, &data.join(name), Some(text.as_bytes().to_vec()));
    }
    started(&mut binary(folder.path(), &["--no-demo"])).0.end("-INT");
    println!("{tried} damaged or missing files: each said in one line, and nothing changed");
}
