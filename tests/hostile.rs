//! Input that tries to break the service: events, bodies, query strings, names, tokens, customers and page tokens,
//! changed at random from the requests in `events/`. Every input gets an answer of the contract: no panic, no 500, no
//! more memory than stated, and no write by a refused request.
//!
//! ```sh
//! INPUTS=1000000 SEED=7 cargo test --workspace --test hostile -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use coaching_edge::{HttpEvent, MAX_BODY_BYTES, Operation, respond};
use coaching_local::{Claims, Gateway, OPERATIONS, TokenIssuer};
use coaching_tests::{Event, TestService, body_of, event_file, event_files, number_asked};
use fastrand::Rng;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use peak_alloc::PeakAlloc;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most memory that one request may use, in bytes, including its event and its answer: a quarter of what the
/// functions have in `template.yaml`.
const MAX_MEMORY: usize = 64 * 1024 * 1024;
/// The most bytes of JSON that a Lambda function may take or answer.
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;
/// The number of inputs per database.
const ROUND: u64 = 5_000;

/// The operations that the largest bodies are sent to, with the names of their lists: a create, an update with a mask, a
/// batch and a filter.
const LARGEST_TO: [(&str, &str, &[&str]); 4] = [
    ("create-comment", "created", &["mentionedUserNames"]),
    ("update-session", "changed", &[]),
    ("upsert-scorecards", "each-by-itself", &["scorecards", "scores"]),
    ("retrieve-progress", "all", &["agentUserNames", "usecaseNames"]),
];

/// Texts that have broken other services.
const TEXTS: [&str; 48] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\u{1}",
    "\u{202e}emca",
    "\u{feff}acme",
    "\u{fffd}",
    "\u{10ffff}",
    "ａｃｍｅ",
    "ACME",
    "acme ",
    "a\u{301}cme",
    "\u{e1}cme",
    "acme\u{200b}",
    "acmе",
    "👩‍👩‍👧‍👦",
    "ﷺ",
    "İ",
    "ẞ",
    "acme#support",
    "acme/support",
    "#",
    "/",
    "//",
    ".",
    "..",
    "../..",
    "%2e%2e%2f",
    "%00",
    "%ff",
    "+",
    "*",
    "-",
    "~",
    "customers/acme/profiles/support/../other",
    "customers/acme/profiles/support/coachingSessions/",
    "customers//profiles//users/",
    "__proto__",
    "{{7*7}}",
    "${jndi:ldap://example}",
    "' OR '1'='1",
    "<script>",
    "\r\nSet-Cookie: a=b",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:60.9999999999+23:59",
    "-1",
    "1e999",
];

/// Pieces of JSON that have broken other services.
const JSON: [&str; 24] = [
    "null",
    "-0",
    "1e308",
    "-1e-400",
    "1e999",
    "9223372036854775808",
    "-9223372036854775809",
    "0.1000000000000000055511151231257827",
    "01",
    "-",
    ".5",
    "NaN",
    "Infinity",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "{\"a\":1,\"a\":2}",
    "{\"\":{}}",
    "[[]]",
    "{}",
    "[",
    "]}",
    "//",
    "\u{feff}",
];

/// A service, and the references to its table.
struct Attacked {
    service: TestService,
    gateway: Gateway,
    page_tokens: Vec<String>,
}

impl Attacked {
    async fn start(issuer: &TokenIssuer) -> Self {
        let service = TestService::seeded().await;
        let mut page_tokens = Vec::new();
        for path in ["coachingSessions?pageSize=1", "scorecards?pageSize=1"] {
            let page = service.succeed(&Event::get(path)).await;
            page_tokens.push(page["nextPageToken"].as_str().unwrap().to_owned());
        }
        let gateway = Gateway::new(service.app.clone(), issuer.clone()).unwrap();
        Self { service, gateway, page_tokens }
    }
}

/// Every event of `events/`, with its operation.
fn every_event() -> Vec<(&'static Operation, Value)> {
    let of = |operation: &'static Operation| {
        event_files(operation.name).into_iter().map(move |case| (operation, event_file(operation.name, &case)))
    };
    OPERATIONS.into_iter().flat_map(of).collect()
}

/// A random hostile text.
fn text(chance: &mut Rng) -> String {
    match chance.u8(..8) {
        0 => TEXTS[chance.usize(..TEXTS.len())].repeat(chance.usize(1..60)),
        1 => (0..chance.usize(..40)).map(|_| chance.char(..)).collect(),
        2 => format!("customers/acme/profiles/support/{}", TEXTS[chance.usize(..TEXTS.len())]),
        _ => TEXTS[chance.usize(..TEXTS.len())].to_owned(),
    }
}

/// A random hostile value.
fn value(chance: &mut Rng, depth: usize) -> Value {
    match chance.u8(..12) {
        0 => Value::Null,
        1 => chance.bool().into(),
        2 => [i64::MIN, -1, 0, 1, 1 << 53, i64::MAX][chance.usize(..6)].into(),
        3 => u64::MAX.into(),
        4 => [f64::MAX, f64::MIN_POSITIVE, -0.0, 0.1, 1e21][chance.usize(..5)].into(),
        5 if depth > 0 => (0..chance.usize(..4)).map(|_| value(chance, depth - 1)).collect(),
        6 if depth > 0 => (0..chance.usize(..4)).map(|_| (text(chance), value(chance, depth - 1))).collect(),
        7 => vec![json!("acme"); chance.usize(..2000)].into(),
        8 => (0..chance.usize(..140)).fold(json!(1), |inner, _| json!([inner])),
        _ => text(chance).into(),
    }
}

/// Changes some value within `tree`.
fn change_tree(tree: &mut Value, chance: &mut Rng) {
    let stop = chance.u8(..4) == 0;
    match tree {
        Value::Object(object) if !object.is_empty() && !stop => {
            let key = object.keys().nth(chance.usize(..object.len())).unwrap().clone();
            match chance.u8(..10) {
                0 => drop(object.remove(&key)),
                1 => drop(object.insert(text(chance), value(chance, 2))),
                2 => {
                    let renamed = if chance.bool() { key.to_uppercase() } else { text(chance) };
                    let value = object.remove(&key).unwrap();
                    object.insert(renamed, value);
                }
                _ => change_tree(&mut object[&key], chance),
            }
        }
        Value::Array(array) if !array.is_empty() && !stop => {
            let index = chance.usize(..array.len());
            match chance.u8(..4) {
                0 => array.extend(vec![array[index].clone(); chance.usize(..60)]),
                _ => change_tree(&mut array[index], chance),
            }
        }
        other => *other = value(chance, 3),
    }
}

/// Stands for a key that an object already has, because a JSON tree cannot hold it twice.
const SAME_KEY: &str = "the same key";

/// Puts [`SAME_KEY`] into some object within `tree`, and returns the key that it stands for.
fn repeat_key(tree: &mut Value, chance: &mut Rng) -> Option<String> {
    match tree {
        Value::Object(object) if !object.is_empty() => {
            let key = object.keys().nth(chance.usize(..object.len())).unwrap().clone();
            let within = if chance.bool() { repeat_key(&mut object[&key], chance) } else { None };
            within.or_else(|| {
                object.insert(SAME_KEY.to_owned(), value(chance, 2));
                Some(key)
            })
        }
        Value::Array(array) if !array.is_empty() => {
            let index = chance.usize(..array.len());
            repeat_key(&mut array[index], chance)
        }
        _ => None,
    }
}

/// Changes some bytes of `bytes`.
fn change_bytes(bytes: &mut Vec<u8>, chance: &mut Rng) {
    for _ in 0..chance.usize(1..4) {
        let at = chance.usize(..=bytes.len());
        match chance.u8(..6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, JSON[chance.usize(..JSON.len())].bytes())),
            2 => drop(
                bytes.splice(at..at, ["[", "{\"a\":"][chance.usize(..2)].repeat(chance.usize(..3000)).into_bytes()),
            ),
            3 => {
                let end = chance.usize(at..=bytes.len());
                bytes.extend_from_within(at..end);
            }
            4 if at < bytes.len() => bytes[at] ^= 1 << chance.u8(..8),
            _ => drop(bytes.splice(at..at, (0..chance.usize(..6)).map(|_| chance.u8(..)).collect::<Vec<_>>())),
        }
    }
}

fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn set_body(event: &mut Value, body: Vec<u8>) {
    (event["body"], event["isBase64Encoded"]) = match String::from_utf8(body) {
        Ok(text) => (text.into(), false.into()),
        Err(error) => (BASE64_STANDARD.encode(error.as_bytes()).into(), true.into()),
    };
}

/// Changes one part of `event`, and returns which.
fn change_event(event: &mut Value, page_tokens: &[String], chance: &mut Rng) -> &'static str {
    match chance.u8(..11) {
        0..3 => {
            let mut tree = serde_json::from_slice(&body_of(event)).unwrap_or_else(|_| json!({}));
            change_tree(&mut tree, chance);
            set_body(event, serde_json::to_vec(&tree).unwrap());
            "fields"
        }
        3 => {
            let mut body = body_of(event);
            change_bytes(&mut body, chance);
            set_body(event, body);
            "body bytes"
        }
        4 => {
            let mut query = event["rawQueryString"].as_str().unwrap_or_default().as_bytes().to_vec();
            change_bytes(&mut query, chance);
            event["rawQueryString"] = String::from_utf8_lossy(&query).into();
            "query bytes"
        }
        5 => {
            let query = event["rawQueryString"].as_str().unwrap_or_default();
            let mut pairs: Vec<String> = query.split('&').map(str::to_owned).collect();
            let index = chance.usize(..pairs.len());
            let name = pairs[index].split('=').next().unwrap_or_default();
            let pair = format!("{name}={}", percent_encoded(&text(chance)));
            match chance.u8(..4) {
                0 => pairs.extend(vec![pair; chance.usize(1..60)]),
                _ => pairs[index] = pair,
            }
            event["rawQueryString"] = pairs.join("&").into();
            "query values"
        }
        6 => {
            let mut token = page_tokens[chance.usize(..page_tokens.len())].clone().into_bytes();
            change_bytes(&mut token, chance);
            let token = String::from_utf8_lossy(&token);
            if event["requestContext"]["http"]["method"] == "GET" {
                event["rawQueryString"] = format!("pageToken={}", percent_encoded(&token)).into();
            } else {
                let mut tree = serde_json::from_slice(&body_of(event)).unwrap_or_else(|_| json!({}));
                if tree.is_object() {
                    tree["pageToken"] = token.into();
                }
                set_body(event, serde_json::to_vec(&tree).unwrap());
            }
            "page tokens"
        }
        7 => {
            if let Some(object) = event["pathParameters"].as_object_mut().filter(|object| !object.is_empty()) {
                let index = chance.usize(..object.len());
                *object.values_mut().nth(index).unwrap() = text(chance).into();
            }
            "names in the path"
        }
        8 => {
            if let Some(claims) = event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut() {
                let name = ["customer", "profiles", "role", "sub"][chance.usize(..4)];
                let claim = if chance.u8(..3) == 0 { value(chance, 2) } else { text(chance).into() };
                claims.insert(name.to_owned(), claim);
            }
            "claims"
        }
        9 => {
            let mut tree = serde_json::from_slice(&body_of(event)).unwrap_or_else(|_| json!({"a": 1}));
            if let Some(key) = repeat_key(&mut tree, chance) {
                let body = tree.to_string().replace(&json!(SAME_KEY).to_string(), &json!(key).to_string());
                set_body(event, body.into_bytes());
            }
            "duplicate keys"
        }
        _ => {
            if let Some(headers) = event["headers"].as_object_mut() {
                let name = ["if-match", "content-type", "x-other"][chance.usize(..3)];
                headers.insert(name.to_owned(), text(chance).into());
            }
            "headers"
        }
    }
}

/// The inputs tried, and the peak memory of any.
#[derive(Default)]
struct Tried {
    kinds: BTreeMap<&'static str, u64>,
    statuses: BTreeMap<String, u64>,
    unreadable: u64,
    memory: usize,
    answer: usize,
}

impl Tried {
    fn print(&self, inputs: u64, started: Instant) {
        println!("{inputs} inputs in {:.0?}: {:?}", started.elapsed(), self.kinds);
        println!("answered: {:?}; {} were no event", self.statuses, self.unreadable);
        println!("most memory {} KiB, longest answer {} KiB", self.memory / 1024, self.answer / 1024);
    }

    /// Lets the function of `operation` answer the event in `bytes`, as Lambda passes it.
    async fn send(&mut self, service: &TestService, operation: &Operation, bytes: &[u8], told: &dyn Fn() -> String) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let Ok(event) = serde_json::from_slice::<HttpEvent>(bytes) else {
            self.unreadable += 1;
            return;
        };
        let app = service.app.for_one_request();
        let (parts, body) = respond(operation, &app, &event).await.into_parts();
        let memory = MEMORY.peak_usage().saturating_sub(before);
        let (status, spent) = (parts.status.as_u16(), app.store.consumed());
        let sent = || format!("{} {}", told(), String::from_utf8_lossy(&bytes[..bytes.len().min(3000)]));
        assert!(memory <= MAX_MEMORY, "{memory} bytes of memory for {}", sent());
        // The answer is a string within the JSON that Lambda receives.
        let answered = serde_json::to_string(&body).unwrap().len() + 1024;
        assert!(answered <= MAX_PAYLOAD, "an answer of {answered} bytes to {}", sent());
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!([200, 400, 401, 403, 404, 409].contains(&status), "{status} {body} for {}", sent());
        if [400, 401, 403].contains(&status) && body["code"] != 9 {
            assert_eq!(spent.write_units, 0.0, "refused with {body}, but written: {}", sent());
        }
        assert_eq!(status != 200, body["details"].is_array(), "{status} {body} for {}", sent());
        *self.statuses.entry(status.to_string()).or_default() += 1;
        self.memory = self.memory.max(memory);
        self.answer = self.answer.max(answered);
    }

    /// Sends `event` through the gateway of one machine, with an odd line in its head.
    async fn send_over_http(
        &mut self,
        gateway: &Gateway,
        bearer_token: &str,
        event: &Value,
        chance: &mut Rng,
        told: &dyn Fn() -> String,
    ) {
        let method = event["requestContext"]["http"]["method"].as_str().unwrap();
        let mut path = event["rawPath"].as_str().unwrap().as_bytes().to_vec();
        let mut token = bearer_token.as_bytes().to_vec();
        match chance.u8(..3) {
            0 => change_bytes(&mut path, chance),
            1 => change_bytes(&mut token, chance),
            _ => {}
        }
        let uri = [b"http://service", &path[..], b"?", event["rawQueryString"].as_str().unwrap_or_default().as_bytes()]
            .concat();
        let authorization = HeaderValue::from_bytes(&[b"Bearer ", &token[..]].concat());
        let mut request = hyper::Request::builder().method(method).uri(&uri[..]);
        for (name, value) in [("authorization", authorization), ("if-match", HeaderValue::from_str(&text(chance)))] {
            if let Ok(value) = value {
                request = request.header(name, value);
            }
        }
        let Ok(request) = request.body(Some(Bytes::from(body_of(event)))) else {
            self.unreadable += 1;
            return;
        };
        let (parts, body) = gateway.answer(request).await.into_parts();
        let status = parts.status.as_u16();
        let expected = [200, 400, 401, 403, 404, 409, 413, 431].contains(&status);
        assert!(expected, "{status} {body} for {} {}", told(), String::from_utf8_lossy(&uri));
        serde_json::from_str::<Value>(&body).unwrap();
        *self.statuses.entry(format!("{status} over HTTP")).or_default() += 1;
    }
}

/// Bodies of the maximum size, each with the most of one kind of content, some of it in one of `lists`.
fn largest_bodies(lists: &[&str]) -> Vec<Vec<u8>> {
    let filled = |start: &str, piece: &str, end: &str| {
        let pieces = (MAX_BODY_BYTES - start.len() - end.len() - 1) / (piece.len() + 1);
        [start, &vec![piece; pieces].join(","), end].concat().into_bytes()
    };
    let nested =
        |open: &str, close: &str, levels: usize| [open.repeat(levels), close.repeat(levels)].concat().into_bytes();
    let keys: Vec<String> = (0..90_000).map(|index| format!("\"{index}\":1")).collect();
    let mut bodies = vec![
        nested("[", "]", MAX_BODY_BYTES / 2),
        nested("{\"a\":", "}", 120),
        nested("{\"a\":", "}", MAX_BODY_BYTES / 6),
        format!("{{{}}}", keys.join(",")).into_bytes(),
        format!("{{\"a\":{}}}", "9".repeat(MAX_BODY_BYTES - 10)).into_bytes(),
        format!("{{\"{}\":1}}", "\\u0001".repeat(MAX_BODY_BYTES / 6 - 10)).into_bytes(),
        vec![b'"'; MAX_BODY_BYTES],
        vec![0xff; MAX_BODY_BYTES],
        vec![b' '; MAX_BODY_BYTES + 1],
        vec![b' '; 4 * MAX_BODY_BYTES],
    ];
    for entries in lists.iter().chain(&["a"]) {
        for piece in ["0", "{}", "{\"\":0}", "{\"a\":{}}", "[]", "[[[[0]]]]", "\"\""] {
            bodies.push(filled(&format!("{{\"{entries}\":["), piece, "]}"));
        }
        let wide = filled("{\"scores\":[", "{}", "]}");
        let entry = String::from_utf8(wide[..2000].to_vec()).unwrap();
        let entry = format!("{}{{}}]}}", &entry[..entry.rfind("{}").unwrap()]);
        bodies.push(filled(&format!("{{\"{entries}\":["), &entry, "]}"));
    }
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_is_answered_as_the_contract_says() {
    let (inputs, seed) = (number_asked("INPUTS", 4_000), number_asked("SEED", 1));
    println!("SEED={seed} INPUTS={inputs}");
    let mut chance = Rng::with_seed(seed);
    let mut tried = Tried::default();

    let started = Instant::now();
    let service = TestService::seeded().await;
    let mut largest = 0;
    for (name, case, lists) in LARGEST_TO {
        let operation = OPERATIONS.into_iter().find(|operation| operation.name == name).unwrap();
        let event = event_file(name, case);
        for body in largest_bodies(lists) {
            let mut event = event.clone();
            set_body(&mut event, body);
            tried.send(&service, operation, &serde_json::to_vec(&event).unwrap(), &|| operation.name.to_owned()).await;
            largest += 1;
        }
    }
    tried.print(largest, started);

    let started = Instant::now();
    let mut tried = Tried::default();
    let issuer = TokenIssuer::generate().unwrap();
    let bearer_token = issuer.issue(&Claims::new("acme", "manager", "maria")).unwrap();
    let events = every_event();
    let mut attacked = Attacked::start(&issuer).await;
    for input in 0..inputs {
        if input % ROUND == ROUND - 1 {
            attacked = Attacked::start(&issuer).await;
            println!("{} inputs", input + 1);
        }
        let told = || format!("input {input} of SEED={seed}:");
        let (operation, mut event) = events[chance.usize(..events.len())].clone();
        for _ in 0..chance.usize(1..4) {
            let kind = change_event(&mut event, &attacked.page_tokens, &mut chance);
            *tried.kinds.entry(kind).or_default() += 1;
        }
        match chance.u8(..10) {
            0 => tried.send_over_http(&attacked.gateway, &bearer_token, &event, &mut chance, &told).await,
            1 => {
                let mut bytes = serde_json::to_vec(&event).unwrap();
                change_bytes(&mut bytes, &mut chance);
                *tried.kinds.entry("event bytes").or_default() += 1;
                tried.send(&attacked.service, operation, &bytes, &told).await;
            }
            _ => tried.send(&attacked.service, operation, &serde_json::to_vec(&event).unwrap(), &told).await,
        }
    }
    tried.print(inputs, started);
}
