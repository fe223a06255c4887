//! `console`, from outside: the files of the web console, and what a browser may do with them. `tests/console/` tries
//! them in a browser.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use coaching_edge::{FileRequest, Variables};
use coaching_tests::{LambdaHost, event_file, event_files, refuses_to_start, root};
use console::{ON_ONE_MACHINE, WEBSITE};
use flate2::read::GzDecoder;
use lambda_http::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// The most bytes of all files over the wire.
const MOST_BYTES: usize = 150_000;

/// What a stack sets if all parameters of the console are given.
fn variables() -> Variables {
    Variables::from(
        [
            ("ISSUER", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_x"),
            ("AUDIENCE", "api"),
            ("CLIENT_ID", "client"),
            ("SCOPES", "openid coaching"),
            ("TOKEN_ORIGIN", "https://coaching.auth.eu-central-1.amazoncognito.com"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    )
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }
}

fn ask_with(variables: &Variables, path: &str, accept_encoding: &str, if_none_match: &str) -> Answered {
    let (parts, body) = (WEBSITE.handle)(variables, &FileRequest { path, accept_encoding, if_none_match }).into_parts();
    Answered { status: parts.status, headers: parts.headers, bytes: body.into_owned() }
}

fn ask(path: &str) -> Answered {
    ask_with(&variables(), path, "", "")
}

/// The files of the site but the page, with their bytes.
fn files() -> BTreeMap<String, Vec<u8>> {
    let site = root().join("functions/console/site");
    let (mut folders, mut files) = (vec![site.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&site).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    assert!(files.remove("index.html").is_some());
    files
}

/// The version in the addresses of the page.
fn version() -> String {
    let page = ask("/");
    let (_, rest) = page.text().split_once("console/").unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn events_against_the_binary() {
    let environment: Vec<(&str, String)> = variables().into_iter().collect();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut function = LambdaHost::start(env!("CARGO_BIN_EXE_console"), &environment).await;
    let mut answers = BTreeMap::new();
    for case in event_files("console") {
        let answer = function.invoke(event_file("console", &case)).await;
        assert_eq!(answer["isBase64Encoded"], true, "{case}");
        let line = function.next_line().await;
        assert_eq!((&line["operation"], &line["status"]), (&json!("console"), &answer["statusCode"]), "{case}: {line}");
        answers.insert(case, answer);
    }
    let statuses: BTreeMap<&str, u64> =
        answers.iter().map(|(case, answer)| (case.as_str(), answer["statusCode"].as_u64().unwrap())).collect();
    let expected = [("configuration", 200), ("no-such-file", 404), ("page", 200), ("script", 200)];
    assert_eq!(statuses, BTreeMap::from(expected));
    for (case, is_compressed) in [("page", true), ("script", true), ("configuration", false)] {
        assert_eq!(answers[case]["headers"]["content-encoding"] == "gzip", is_compressed, "{case}");
    }
    let script = BASE64_STANDARD.decode(answers["script"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(decompressed(&script), files()["scripts/main.js"]);
}

#[tokio::test]
async fn it_starts_without_a_table_and_without_parameters_but_not_with_what_it_cannot_use() {
    let mut function = LambdaHost::start(env!("CARGO_BIN_EXE_console"), &[]).await;
    assert_eq!(function.invoke(event_file("console", "page")).await["statusCode"], 200);
    refuses_to_start(env!("CARGO_BIN_EXE_console"), &[], "LOG_LEVEL", Some("loud".as_ref())).await;
}

fn decompressed(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut all).unwrap();
    all
}

#[test]
fn every_file_is_answered_as_it_is_or_compressed_and_all_are_small() {
    let gzip = |path: &str| ask_with(&variables(), path, "br;q=1.0, gzip;q=0.8", "");
    let mut over_the_wire = gzip("/").bytes.len();
    let files = files();
    for (name, bytes) in &files {
        let path = format!("/console/{name}");
        let (plain, compressed) = (ask(&path), gzip(&path));
        assert_eq!((plain.status, &plain.bytes), (StatusCode::OK, bytes), "{name}");
        assert_eq!((plain.header("content-encoding"), compressed.header("content-encoding")), ("", "gzip"), "{name}");
        assert_eq!(&decompressed(&compressed.bytes), bytes, "{name}");
        assert_eq!(plain.header("vary"), "accept-encoding", "{name}");
        let kind = match Path::new(name).extension().unwrap().to_str().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}: what type has it?"),
        };
        assert_eq!(plain.header("content-type"), kind, "{name}");
        over_the_wire += compressed.bytes.len();
    }
    println!("{} files, {over_the_wire} bytes over the wire", files.len() + 1);
    assert!(over_the_wire <= MOST_BYTES, "{over_the_wire} bytes over the wire");
    for refusing in ["gzip;q=0", "br", "", "identity"] {
        let answer = ask_with(&variables(), "/", refusing, "");
        assert_eq!(answer.header("content-encoding"), "", "{refusing}");
    }
}

#[test]
fn the_addresses_of_the_page_name_a_version_for_which_files_are_kept() {
    let page = ask("/");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    let version = version();
    let addresses: Vec<&str> = page.text().split('"').filter(|text| text.starts_with("console/")).collect();
    assert!(addresses.len() >= 3, "{}", page.text());
    for address in addresses {
        let file = ask(&format!("/{address}"));
        let kept = "public, max-age=31536000, immutable";
        assert_eq!((file.status, file.header("cache-control")), (StatusCode::OK, kept), "{address}");
        // A page of another version finds the file too, but does not keep it.
        for other in [address.replace(&version, "0123456789abcdef"), address.replace(&format!("{version}/"), "")] {
            let answer = ask(&format!("/{other}"));
            assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-cache"), "{other}");
            assert_eq!(answer.bytes, file.bytes);
        }
    }
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    for path in ["/", "/console/scripts/main.js"] {
        let etag = ask(path).header("etag").to_owned();
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}")] {
            let answer = ask_with(&variables(), path, "gzip", &known);
            assert_eq!((answer.status, answer.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{path}: {known}");
            assert_eq!(answer.header("etag"), etag);
        }
        assert_eq!(ask_with(&variables(), path, "", "\"other\"").status, StatusCode::OK);
    }
}

#[test]
fn what_is_no_file_is_not_found() {
    let of_version = format!("/console/{}/scripts/none.js", version());
    let paths = [
        "/console/",
        "/console/none.js",
        "/console/index.html",
        "/console/scripts",
        "/console/scripts/",
        "/console/scripts/../scripts/main.js",
        "/console/../src/lib.rs",
        "/console//scripts/main.js",
        "/console/scripts/main.js/",
        "/console/0123456789abcdef/0123456789abcdef/scripts/main.js",
        "/console/0123456789abcdef/configuration.json",
        of_version.as_str(),
        "/consolescripts/main.js",
        "/favicon.ico",
        "",
    ];
    for path in paths {
        let answer = ask(path);
        assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::NOT_FOUND, "no-store"), "{path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{path}");
    }
}

/// The directives of an answer's policy, by name.
fn policy(answer: &Answered) -> BTreeMap<String, String> {
    let policy = answer.header("content-security-policy");
    let directive = |text: &str| {
        let (name, value) = text.trim().split_once(' ').unwrap();
        (name.to_owned(), value.to_owned())
    };
    policy.split(';').map(directive).collect()
}

#[test]
fn a_browser_runs_nothing_and_asks_nobody_but_the_page_the_api_and_the_issuer() {
    for path in ["/", "/console/scripts/main.js", "/console/configuration.json", "/console/none"] {
        let answer = ask(path);
        let policy = policy(&answer);
        for (directive, value) in [
            ("default-src", "'self'"),
            ("object-src", "'none'"),
            ("base-uri", "'none'"),
            ("form-action", "'none'"),
            ("frame-ancestors", "'none'"),
            ("require-trusted-types-for", "'script'"),
            ("trusted-types", "console-templates"),
            (
                "connect-src",
                "'self' https://cognito-idp.eu-central-1.amazonaws.com https://coaching.auth.eu-central-1.amazoncognito.com",
            ),
        ] {
            assert_eq!(policy[directive], value, "{path}");
        }
        assert!(!policy.contains_key("script-src") && !policy.contains_key("style-src"), "{policy:?}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), value, "{path}");
        }
    }
    let on_one_machine = Variables::from([(ON_ONE_MACHINE, "true".to_owned())]);
    assert_eq!(policy(&ask_with(&on_one_machine, "/", "", ""))["connect-src"], "'self'");
}

#[test]
fn the_configuration_says_how_to_sign_in() {
    let configuration = |variables: &Variables| {
        let answer = ask_with(variables, "/console/configuration.json", "gzip", "");
        assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
        serde_json::from_slice::<Value>(&answer.bytes).unwrap()
    };
    let issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_x";
    let whole = json!({"issuer": issuer, "audience": "api", "clientId": "client", "scopes": "openid coaching"});
    assert_eq!(configuration(&variables()), whole);
    let nobody = json!({"issuer": null, "audience": null, "clientId": null, "scopes": null});
    assert_eq!(configuration(&Variables::new()), nobody);
    let on_one_machine = Variables::from([(ON_ONE_MACHINE, "true".to_owned())]);
    assert_eq!(configuration(&on_one_machine), json!({"isLocal": true}));
}

/// The paths that `script` imports.
fn imports(script: &str) -> impl Iterator<Item = &str> {
    ["from '", "import '", "await import('"]
        .into_iter()
        .flat_map(|before| script.split(before).skip(1))
        .map(|rest| rest.split('\'').next().unwrap())
}

#[test]
fn the_site_is_whole_and_needs_nothing_from_elsewhere() {
    let files = files();
    let mut imported = 0;
    for (name, bytes) in &files {
        let text = std::str::from_utf8(bytes).unwrap();
        for address in text.split(['\'', '"', '`', ' ']).filter(|text| text.starts_with("http")) {
            assert!(address == "http://www.w3.org/2000/svg" || !address.contains("://"), "{name}: {address}");
        }
        if !name.ends_with(".js") {
            continue;
        }
        for import in imports(text).filter(|import| !import.is_empty() && !import.contains(' ')) {
            let mut path = PathBuf::from(name);
            path.pop();
            for part in Path::new(import) {
                match part.to_str().unwrap() {
                    "." => {}
                    ".." => assert!(path.pop(), "{name}: {import}"),
                    part => path.push(part),
                }
            }
            assert!(files.contains_key(path.to_str().unwrap()), "{name} imports {import}");
            imported += 1;
        }
    }
    assert!(imported > 20, "{imported} imports");
}
