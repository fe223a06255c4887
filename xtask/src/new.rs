//! `cargo xtask new`: the files of a new operation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use xtask::functions::pascal_case;

use crate::command::{Outcome, command, run};
use crate::generate::{generate, write_lists};

/// What a new operation is.
#[derive(clap::Args)]
pub(crate) struct NewOperation {
    /// Its name, as a person says it, such as archive-plan.
    #[arg(value_name = "OPERATION", value_parser = kebab_case)]
    name: String,
    /// The HTTP method of its route.
    #[arg(long, value_parser = PossibleValuesParser::new(["GET", "POST", "PATCH", "DELETE"]))]
    method: String,
    /// The path of its route; below a profile if it does not begin with /v1/. After an item's variable a verb may stand, such
    /// as coachingPlans/{coachingPlan}:archive.
    #[arg(long)]
    path: String,
    /// In a few words, what it does.
    #[arg(long)]
    summary: String,
    /// The roles that may call it.
    #[arg(long, value_delimiter = ',', required = true, value_parser = PossibleValuesParser::new(ROLES))]
    roles: Vec<String>,
    /// It answers pages.
    #[arg(long)]
    pages: bool,
    /// It writes what clients see.
    #[arg(long)]
    writes: bool,
    /// Its requests are among those that cost the most.
    #[arg(long)]
    costly: bool,
    /// The id of the item that its first event names: one of those that the tests begin with, such as ana-plan.
    #[arg(long, default_value = "one")]
    item: String,
}

/// An event of a new operation, and the status of its answer.
struct FirstEvent {
    name: String,
    status: u16,
    customer: &'static str,
    /// The user and role of its caller; `None` without a token.
    caller: Option<(&'static str, &'static str)>,
}

/// The roles, in the order in which declarations list them.
const ROLES: [&str; 4] = ["agent", "manager", "service", "admin"];
/// A user of each of them, in the directory of the tests.
const USERS: [&str; 4] = ["ana", "maria", "importer", "boss"];

fn kebab_case(text: &str) -> Result<String, String> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    if text.split('-').count() > 1 && text.split('-').all(word) {
        return Ok(text.to_owned());
    }
    Err("must be words of lower-case letters with - between them, such as archive-plan".to_owned())
}

impl NewOperation {
    /// Its package as Rust writes it.
    fn in_code(&self) -> String {
        self.name.replace('-', "_")
    }

    fn full_path(&self) -> String {
        if self.path.starts_with("/v1/") {
            return self.path.clone();
        }
        format!("/v1/customers/{{customer}}/profiles/{{profile}}/{}", self.path.trim_start_matches('/'))
    }

    /// The path as API Gateway routes it, and the verb of an item that stands after it.
    fn route(&self) -> (String, Option<String>) {
        let path = self.full_path();
        match path.rsplit_once("}:") {
            Some((route, verb)) => (format!("{route}}}"), Some(verb.to_owned())),
            None => (path, None),
        }
    }

    fn has_body(&self) -> bool {
        ["POST", "PATCH"].contains(&self.method.as_str())
    }

    /// The name of its answer's type.
    fn answer(&self) -> String {
        format!("{}Response", pascal_case(&self.name))
    }

    fn roles(&self) -> String {
        let roles = ROLES.iter().filter(|role| self.roles.iter().any(|named| named == *role));
        let roles: Vec<String> = roles.map(|role| format!("Role::{}", pascal_case(role))).collect();
        format!("&[{}]", roles.join(", "))
    }

    fn manifest(&self) -> String {
        r#"# generated: package
# end

[dependencies]
coaching-domain.workspace = true
coaching-edge.workspace = true
serde.workspace = true
utoipa.workspace = true

[dev-dependencies]
coaching-tests.workspace = true
serde_json.workspace = true
tokio.workspace = true
"#
        .to_owned()
    }

    fn main(&self) -> String {
        let run = if self.pages { "run_with_pages" } else { "run" };
        format!(
            "//! The Lambda function `{}`.\n\nfn main() -> Result<(), coaching_edge::StartError> {{\n    \
             coaching_edge::{run}(&{}::OPERATION)\n}}\n",
            self.name,
            self.in_code()
        )
    }

    /// The fields of the declaration after its route.
    fn facts(&self, verb: Option<&str>) -> String {
        let (summary, roles) = (&self.summary, self.roles());
        let answer = format!("answer: AnswerType::of::<{}>(),\n", self.answer());
        let request = if self.has_body() { "body::<()>()" } else { "NOTHING" };
        let mut facts = match verb {
            Some(verb) => {
                let pascal = pascal_case(&self.name);
                let id = pascal.chars().take(1).flat_map(char::to_lowercase).chain(pascal.chars().skip(1));
                let id: String = id.collect();
                format!(
                    "    verbs: &[Verb {{\n        name: \"{verb}\",\n        id: \"{id}\",\n        summary: \"{summary}\",\n        \
                     roles: {roles},\n        callers: None,\n        request: RequestType::{request},\n        {answer}    }}],\n"
                )
            }
            None => format!(
                "    summary: \"{summary}\",\n    roles: {roles},\n    request: RequestType::{request},\n    {answer}"
            ),
        };
        for (name, holds) in [("pages", self.pages), ("writes", self.writes), ("costly", self.costly)] {
            if holds {
                facts.push_str(&format!("    {name}: true,\n"));
            }
        }
        facts
    }

    fn library(&self) -> String {
        let (path, verb) = self.route();
        let (name, answer) = (&self.name, self.answer());
        let item =
            path.rsplit('/').next().and_then(|part| part.strip_prefix('{')?.strip_suffix('}')).unwrap_or_default();
        let (of_customer, of_profile) = (path.contains("{customer}"), path.contains("{profile}"));
        let authorize = match (&verb, of_profile) {
            (Some(_), _) => format!(
                "let (tenant, _, _) = request.{}::<names::{}>(\"{item}\")?;",
                if of_profile { "authorize_verb" } else { "authorize_customer_verb" },
                item.chars().take(1).flat_map(char::to_uppercase).chain(item.chars().skip(1)).collect::<String>()
            ),
            (None, true) => "let tenant = request.authorize()?;".to_owned(),
            (None, false) if of_customer => "let tenant = request.authorize_customer()?;".to_owned(),
            (None, false) => "let tenant = request.authorize_caller()?;".to_owned(),
        };
        let read = if self.has_body() {
            "request.body::<()>(&tenant, app.now()?)?;"
        } else {
            "request.without_parameters()?;"
        };
        let app = if self.has_body() { "app" } else { "_app" };
        let (domain, edge) = match verb {
            Some(_) => ("Error, Role, names", "Answer, AnswerType, App, Operation, Request, RequestType, Route, Verb"),
            None => ("Error, Role", "Answer, AnswerType, App, Operation, Request, RequestType, Route"),
        };
        let summary = &self.summary;
        let (first, rest) = summary.split_at(summary.chars().next().map_or(0, char::len_utf8));
        format!(
            r#"//! {}{rest}.

use coaching_domain::{{{domain}}};
use coaching_edge::{{{edge}}};
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {{
    name: "{name}",
    route: Some(Route::{}("{path}")),
{}    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
}};

/// What it answers.
#[derive(Serialize, ToSchema)]
struct {answer} {{
    /// What the path is below.
    name: String,
}}

async fn handle({app}: &App, request: &Request<'_>) -> Result<Answer, Error> {{
    {authorize}
    {read}

    Answer::json(&{answer} {{ name: tenant.name() }})
}}
"#,
            first.to_uppercase(),
            self.method.to_lowercase(),
            self.facts(verb.as_deref()),
        )
    }

    fn test(&self) -> String {
        let (name, in_code) = (&self.name, self.in_code());
        let events = self.events();
        let case = |event: &FirstEvent| {
            format!("    Case {{ name: \"{}\", status: {}, refused: &[] }},\n", event.name, event.status)
        };
        let (count, cases) = (events.len(), events.iter().map(case).collect::<String>());
        format!(
            r#"//! `{name}`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use coaching_tests::{{Case, Target, replay}};

const CASES: [Case; {count}] = [
{cases}];

#[tokio::test]
async fn events_against_the_handler() {{
    replay("{name}", &CASES, Target::Handler(&{in_code}::OPERATION)).await;
}}

#[tokio::test]
async fn events_against_the_binary() {{
    replay("{name}", &CASES, Target::Binary(env!("CARGO_BIN_EXE_{name}"))).await;
}}
"#
        )
    }

    /// One event that is answered, of a caller with the first of the roles that may but the agent's, and one of each
    /// caller who must not get in.
    fn events(&self) -> Vec<FirstEvent> {
        let may = |role: &str| self.roles.iter().any(|named| named == role);
        let mut people = ROLES.into_iter().zip(USERS).map(|(role, user)| (user, role));
        let not_agents = people.clone().skip(1).find(|(_, role)| may(role));
        let caller = not_agents.or_else(|| people.clone().next());
        let event =
            |name: &str, status, customer, caller| FirstEvent { name: name.to_owned(), status, customer, caller };
        let stranger = people.find(|(_, role)| !may(role));
        let article = |role: &str| if role.starts_with('a') { "an" } else { "a" };
        let by_stranger =
            stranger.map(|(_, role)| event(&format!("by-{}-{role}", article(role)), 403, "acme", stranger));
        let events = [
            event("done", 200, "acme", caller),
            event("another-customer", 403, "globex", caller),
            event("without-a-token", 401, "acme", None),
        ];
        events.into_iter().chain(by_stranger).collect()
    }

    /// The event as API Gateway sends it.
    fn event(&self, event: &FirstEvent) -> String {
        let (route, verb) = self.route();
        let last = route.split('/').count() - 1;
        let value = |name: &str| match name {
            "customer" => event.customer,
            "profile" => "support",
            _ => self.item.as_str(),
        };
        let mut parameters = BTreeMap::new();
        let mut path = Vec::new();
        for (number, part) in route.split('/').enumerate() {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                path.push(part.to_owned());
                continue;
            };
            let value = match &verb {
                Some(verb) if number == last => format!("{}:{verb}", value(name)),
                _ => value(name).to_owned(),
            };
            parameters.insert(name, value.clone());
            path.push(value);
        }
        let path = path.join("/");
        let parameters: Vec<String> =
            parameters.iter().map(|(name, value)| format!("    \"{name}\": \"{value}\"")).collect();
        let key = format!("{} {route}", self.method);
        let (headers, body) = match self.has_body() {
            true => (
                "\n    \"content-length\": \"2\",\n    \"content-type\": \"application/json\",",
                "\n  \"body\": \"{}\",",
            ),
            false => ("", ""),
        };
        let authorizer = event.caller.map(|(user, role)| {
            format!(
                r#"    "authorizer": {{
      "jwt": {{
        "claims": {{
          "iss": "https://issuer.local",
          "aud": "coaching",
          "sub": "{user}",
          "customer": "acme",
          "role": "{role}",
          "profiles": "*",
          "iat": "1780315200",
          "nbf": "1780315200",
          "exp": "1780358400"
        }},
        "scopes": null
      }}
    }},
"#
            )
        });
        let authorizer = authorizer.unwrap_or_default();
        format!(
            r#"{{
  "version": "2.0",
  "routeKey": "{key}",
  "rawPath": "{path}",
  "rawQueryString": "",
  "headers": {{
    "accept": "*/*",{headers}
    "host": "abc123.execute-api.us-east-1.amazonaws.com",
    "user-agent": "curl/8.5.0",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https"
  }},
  "requestContext": {{
    "accountId": "123456789012",
    "apiId": "abc123",
{authorizer}    "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
    "domainPrefix": "abc123",
    "http": {{
      "method": "{}",
      "path": "{path}",
      "protocol": "HTTP/1.1",
      "sourceIp": "192.0.2.1",
      "userAgent": "curl/8.5.0"
    }},
    "requestId": "JKJaXmPLvHcESHA=",
    "routeKey": "{key}",
    "stage": "$default",
    "time": "01/Jun/2026:12:00:00 +0000",
    "timeEpoch": 1780315200000
  }},
  "pathParameters": {{
{}
  }},{body}
  "isBase64Encoded": false
}}
"#,
            self.method,
            parameters.join(",\n")
        )
    }
}

/// Writes the files of `operation`, and what is generated from its declaration.
///
/// # Errors
///
/// There is such an operation already; a file cannot be written; what is generated cannot be.
pub(crate) fn new(operation: &NewOperation) -> Outcome {
    let folder = Path::new("functions").join(&operation.name);
    let test = PathBuf::from(format!("tests/{}.rs", operation.in_code()));
    let events = Path::new("events").join(&operation.name);
    if folder.exists() {
        return Err(format!("{} exists already", folder.display()));
    }
    let files = [
        (folder.join("Cargo.toml"), operation.manifest()),
        (folder.join("src/main.rs"), operation.main()),
        (folder.join("src/lib.rs"), operation.library()),
        (test.clone(), operation.test()),
    ];
    let of_events = operation.events();
    let of_events = of_events.iter().map(|event| (events.join(format!("{}.json", event.name)), operation.event(event)));
    for (path, text) in files.into_iter().chain(of_events) {
        let parent = path.parent().unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    write_lists()?;
    run(&mut command(&format!("cargo fmt --package {}", operation.name)))?;
    generate()?;
    println!(
        "To be written by hand: what the operation does and declares to do with the table ({}), its further events ({}) \
         and the cases of its test ({}).",
        folder.join("src/lib.rs").display(),
        events.display(),
        test.display()
    );
    Ok(())
}
