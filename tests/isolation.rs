//! Isolation: every operation, attacked by every kind of caller who must not get in.
//!
//! The requests are the successful events of `events/`, sent through the gateway with tokens of their callers.
//! `cargo test --workspace --test service isolation:: -- --nocapture` prints what was tried.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use coaching_domain::{ClaimNames, Role};
use coaching_edge::{Operation, Verb};
use coaching_local::{Claims, Gateway, OPERATIONS, TokenIssuer};
use coaching_tests::{
    Answered, Event, TestService, below_support, body_of, event_file, event_files, on_all_cores, plan_name,
    usecase_name,
};
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The characters that are percent-encoded in a path.
const IN_PATH: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// The number of shares into which the requests are divided.
const SHARES: usize = 4;

/// A request that succeeds for its caller.
#[derive(Debug, Clone)]
struct Sent {
    operation: &'static Operation,
    case: String,
    method: String,
    path: String,
    query: String,
    headers: Value,
    body: String,
    claims: Claims,
}

impl Sent {
    fn of_event(operation: &'static Operation, case: &str) -> Option<Self> {
        let event = event_file(operation.name, case);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let claims = event["requestContext"]["authorizer"]["jwt"]["claims"].as_object()?;
        let claim = |name: &str| claims.get(name).map(&text);
        let body = String::from_utf8(body_of(&event)).ok()?;
        let mut headers = event["headers"].clone();
        headers.as_object_mut()?.retain(|name, _| ["content-type", "if-match"].contains(&name.as_str()));
        Some(Self {
            operation,
            case: case.to_owned(),
            method: text(&event["requestContext"]["http"]["method"]),
            path: utf8_percent_encode(&text(&event["rawPath"]), &IN_PATH).to_string(),
            query: text(&event["rawQueryString"]),
            headers,
            body,
            claims: Claims {
                profiles: claim("profiles"),
                ..Claims::new(&claim("customer")?, &claim("role")?, &claim("sub")?)
            },
        })
    }

    /// Whether an HTTP client can send it: some events hold characters that no URI has.
    fn is_http(&self) -> bool {
        format!("/?{}", self.query).parse::<hyper::Uri>().is_ok()
    }

    /// The verb of its path, for an operation with verbs.
    fn verb(&self) -> Option<&'static Verb> {
        let asked = self.path.rsplit_once(':').map_or("", |(_, verb)| verb);
        self.operation.verbs.iter().find(|verb| verb.name == asked)
    }

    /// The roles that may send it.
    fn roles(&self) -> &'static [Role] {
        self.verb().map_or(self.operation.roles, |verb| verb.roles)
    }

    /// Whether the declaration restricts the callers beyond their roles.
    fn is_for_some_of_a_role(&self) -> bool {
        self.verb().map_or(self.operation.callers, |verb| verb.callers).is_some()
    }

    /// A copy with every resource name below `from` in query and body moved below `to`.
    fn naming(&self, from: &str, to: &str) -> Self {
        let query = self.query.split('&').map(|pair| {
            let moved = pair.split_once('=').and_then(|(name, value)| {
                let value = percent_decode_str(value).decode_utf8_lossy();
                let rest = value.strip_prefix(from)?.strip_prefix('/')?;
                Some(format!("{name}={}", utf8_percent_encode(&format!("{to}/{rest}"), NON_ALPHANUMERIC)))
            });
            moved.unwrap_or_else(|| pair.to_owned())
        });
        let query = query.collect::<Vec<_>>().join("&");
        Self { query, body: self.body.replace(&format!("\"{from}/"), &format!("\"{to}/")), ..self.clone() }
    }

    /// A copy without the batch entries that are the same in `other`.
    fn without_entries_of(&self, other: &Self) -> Self {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        let (mut body, others) = (read(&self.body), read(&other.body));
        if !self.path.ends_with(":batchUpsert") || body == others {
            return self.clone();
        }
        for (name, entries) in body.as_object_mut().unwrap() {
            entries.as_array_mut().unwrap().retain(|entry| !others[name].as_array().unwrap().contains(entry));
        }
        Self { body: body.to_string(), ..self.clone() }
    }

    /// A copy with `user` as the creator, if the body names one.
    fn in_the_name_of(&self, user: &str) -> Self {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(mut body) if body.get("creatorUserName").is_some() => {
                body["creatorUserName"] = user.into();
                Self { body: body.to_string(), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// A copy with these parameters, in the query of a GET and in the body of a POST.
    fn with(&self, parameters: &Value) -> Self {
        let mut request = self.clone();
        if self.method == "GET" {
            for (name, value) in parameters.as_object().unwrap() {
                let others = request.query.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
                request.query = others.collect::<Vec<_>>().join("&");
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                request.query.push_str(&format!("&{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
            }
        } else {
            let mut body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| json!({}));
            coaching_tests::merge(&mut body, parameters.clone());
            request.body = body.to_string();
        }
        request
    }
}

/// The service behind its gateway.
struct Attacked {
    service: TestService,
    gateway: Gateway,
    issuer: TokenIssuer,
    /// The token of each caller so far: a debug build signs slowly.
    tokens: Mutex<HashMap<String, String>>,
}

impl Attacked {
    fn behind_gateway(service: TestService, issuer: &TokenIssuer) -> Self {
        let gateway = Gateway::new(service.app.clone(), issuer.clone()).unwrap();
        Self { service, gateway, issuer: issuer.clone(), tokens: Mutex::default() }
    }

    /// A service with at least two records of everything that is listed.
    async fn full(issuer: &TokenIssuer) -> Self {
        let service = TestService::seeded().await;
        service.template("another", json!({})).await;
        service.usecases(&["caretaking"]).await;
        let target = json!({
            "scorecardTemplateName": below_support("scorecardTemplates/quality"),
            "criterionOrChapterId": "listening",
            "target": 70,
            "usecaseName": usecase_name("care"),
        });
        service.succeed(&Event::post("targets", target)).await;
        let group = json!({
            "name": "customers/acme/groups/temporary",
            "displayName": "Temporary team",
            "managerUserNames": ["customers/acme/users/maria"],
        });
        let groups = Event::post("", json!({"groups": [group]})).to("/v1/customers/acme/groups:batchUpsert");
        service.succeed(&groups.by("service", "sync@acme")).await;
        for message in ["Well.", "Better."] {
            let comment = json!({
                "creatorUserName": "customers/acme/users/maria",
                "coachingPlanName": plan_name("ana-plan"),
                "message": message,
            });
            service.succeed(&Event::post("coachingComments", comment)).await;
        }
        for notes in ["One.", "Two."] {
            for session in ["scheduled-1", "held-1", "submitted-1"] {
                let update = json!({"coachingSession": {"meetingNotes": notes}});
                let event = Event::new("PATCH", &format!("coachingSessions/{session}")).with_text(&update.to_string());
                service.succeed(&event).await;
            }
        }
        let of_ben = json!({
            "agentUserName": "customers/acme/users/ben",
            "creatorUserName": "customers/acme/users/mark",
            "coachingPlanName": plan_name("ben-plan"),
            "sessionTime": "2026-05-22T10:00:00Z",
            "meetingNotes": "One call.",
        });
        service.succeed(&Event::post("coachingSessions", of_ben).by("service", "sync@acme")).await;
        let scored = json!({
            "conversationName": below_support("conversations/call"),
            "agentUserName": "customers/acme/users/ben",
            "templateName": below_support("scorecardTemplates/quality"),
            "scores": [{"criterionId": "greeting", "numericValue": 3}],
            "submitTime": "2026-05-20T10:00:00Z",
        });
        service.succeed(&Event::post("scorecards", scored).by("service", "sync@acme")).await;
        Self::behind_gateway(service, issuer)
    }

    /// A service with the records that everyone in a profile may know, and none about a person.
    async fn without_records(issuer: &TokenIssuer) -> Self {
        let service = TestService::start().await;
        service.usecase().await;
        service.quality().await;
        Self::behind_gateway(service, issuer)
    }

    async fn answer(&self, sent: &Sent, authorization: Option<&str>) -> Answered {
        let mut request = hyper::Request::builder()
            .method(sent.method.as_str())
            .uri(format!("http://service{}?{}", sent.path, sent.query));
        for (name, value) in sent.headers.as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Some(Bytes::from(sent.body.clone()))).unwrap();
        let (parts, body) = self.gateway.answer(request).await.into_parts();
        let mut body: Value = serde_json::from_str(&body).unwrap();
        // The only part of an error that differs between two equal requests.
        for detail in body.get_mut("details").and_then(Value::as_array_mut).into_iter().flatten() {
            detail.as_object_mut().unwrap().remove("requestId");
        }
        Answered { status: parts.status.as_u16(), headers: BTreeMap::new(), body }
    }

    async fn answer_to(&self, sent: &Sent, claims: &Claims) -> Answered {
        let token = {
            let mut tokens = self.tokens.lock().unwrap();
            let caller = serde_json::to_string(claims).unwrap();
            tokens.entry(caller).or_insert_with(|| self.issuer.issue(claims).unwrap()).clone()
        };
        self.answer(sent, Some(&format!("Bearer {token}"))).await
    }

    /// The answer, with the DynamoDB calls that it took.
    async fn counted(&self, sent: &Sent, claims: &Claims) -> (Answered, u64) {
        let before = self.service.calls();
        let answered = self.answer_to(sent, claims).await;
        (answered, self.service.calls() - before)
    }
}

static REQUESTS: OnceCell<Vec<Sent>> = OnceCell::const_new();

/// Every successful request of `events/`, each tried on its own table.
async fn requests() -> &'static [Sent] {
    REQUESTS.get_or_init(find_requests).await
}

async fn find_requests() -> Vec<Sent> {
    let issuer = TokenIssuer::generate().unwrap();
    let of_operation = async move |issuer: TokenIssuer, operation: &'static Operation| {
        let mut requests = Vec::new();
        for case in event_files(operation.name) {
            let Some(sent) = Sent::of_event(operation, &case).filter(Sent::is_http) else { continue };
            let service = Attacked::behind_gateway(TestService::seeded().await, &issuer);
            let answered = service.answer_to(&sent, &sent.claims).await;
            let pages = answered.body["nextPageToken"].as_str().is_some_and(|token| !token.is_empty());
            assert!(!(pages && operation.writes), "{}: what writes has no pages", operation.name);
            if answered.status == 200 || operation.route.is_none() {
                requests.push(sent);
            }
        }
        assert!(!requests.is_empty(), "no event of {} succeeds", operation.name);
        requests
    };
    on_all_cores(OPERATIONS, |operation| of_operation(issuer.clone(), operation)).await.concat()
}

/// Every successful request, in shares that are tried side by side, each on tables of its own.
async fn shares() -> Vec<Vec<Sent>> {
    let requests = requests().await;
    (0..SHARES).map(|number| requests.iter().skip(number).step_by(SHARES).cloned().collect()).collect()
}

/// Whether the request, or every entry of a batch, is refused for the content of its fields.
fn refuses_fields(answered: &Answered) -> bool {
    let refused = |status: &Value| {
        let violations = &status["details"][1]["fieldViolations"];
        status["status"] == "INVALID_ARGUMENT" && violations.as_array().is_some_and(|violations| !violations.is_empty())
    };
    match (answered.status, answered.body["results"].as_array()) {
        (400, _) => refused(&answered.body),
        (200, Some(results)) => !results.is_empty() && results.iter().all(|result| refused(&result["status"])),
        _ => false,
    }
}

/// The requests tried, by attack.
#[derive(Debug, Default)]
struct Tried(BTreeMap<&'static str, usize>);

impl Tried {
    fn note(&mut self, attack: &'static str) {
        *self.0.entry(attack).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        for (attack, tried) in other.0 {
            *self.0.entry(attack).or_default() += tried;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_where_they_do_not_belong() {
    let issuers = [TokenIssuer::generate().unwrap(), TokenIssuer::generate().unwrap()];
    let mut tried = Tried::default();
    for share in on_all_cores(shares().await, |share| send_as_strangers(share, issuers.clone())).await {
        tried.add(share);
    }
    assert!(tried.0["another customer's names"] + tried.0["another profile's names"] > 50);
    let (requests, of) = (requests().await.len(), OPERATIONS.len());
    println!("isolation: {requests} requests of {of} functions; tried, none got in: {:?}", tried.0);
}

/// Sends each of `requests` as every kind of caller who must not get in.
async fn send_as_strangers(requests: Vec<Sent>, [issuer, other_issuer]: [TokenIssuer; 2]) -> Tried {
    let (full, empty) = (Attacked::full(&issuer).await, Attacked::without_records(&issuer).await);
    let before_in_empty = empty.service.items().await;
    let before = full.service.items().await;
    let mut tried = Tried::default();

    for sent in &requests {
        let about = format!("{}/{}", sent.operation.name, sent.case);
        let mine = &sent.claims;
        let now = Utc::now().timestamp();

        // Invalid tokens.
        let signed = |claims: &Claims| format!("Bearer {}", issuer.issue(claims).unwrap());
        let valid = issuer.issue(mine).unwrap();
        let payload = valid.split('.').nth(1).unwrap();
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"development"}"#);
        for (attack, authorization) in [
            ("no token", None),
            ("no bearer token", Some(format!("Basic {valid}"))),
            ("expired", Some(signed(&Claims { exp: now - 1, ..mine.clone() }))),
            ("not yet valid", Some(signed(&Claims { nbf: now + 3600, ..mine.clone() }))),
            ("wrong audience", Some(signed(&Claims { aud: "another".to_owned(), ..mine.clone() }))),
            ("wrong issuer", Some(signed(&Claims { iss: "https://another".to_owned(), ..mine.clone() }))),
            ("alg: none", Some(format!("Bearer {none}.{payload}."))),
            ("another key", Some(format!("Bearer {}", other_issuer.issue(mine).unwrap()))),
        ] {
            let calls = full.service.calls();
            let answered = full.answer(sent, authorization.as_deref()).await;
            assert_eq!(
                (answered.status, &answered.body),
                (401, &json!({"message": "Unauthorized"})),
                "{about}: {attack}"
            );
            assert_eq!(full.service.calls(), calls, "{about}: {attack}: something was read");
            tried.note(attack);
        }
        if sent.operation.route.is_none() {
            continue;
        }

        // Valid tokens of callers who must not get in.
        let mut strangers = vec![
            ("another customer", Claims { customer: "beta".to_owned(), ..mine.clone() }),
            (
                "another customer's admin",
                Claims { customer: "beta".to_owned(), role: "admin".to_owned(), ..mine.clone() },
            ),
            ("another profile", Claims { profiles: Some("sales".to_owned()), ..mine.clone() }),
            ("no profile", Claims { profiles: Some(String::new()), ..mine.clone() }),
            ("no profile", Claims { profiles: None, ..mine.clone() }),
            ("no profile", Claims { profiles: Some("[]".to_owned()), ..mine.clone() }),
            ("all profiles beside one", Claims { profiles: Some("* support".to_owned()), ..mine.clone() }),
            ("two roles", Claims { role: "[admin manager]".to_owned(), ..mine.clone() }),
        ];
        for (name, role) in Role::NAMES {
            if !sent.roles().contains(&role) {
                strangers.push(("role too weak", Claims { role: name.to_owned(), ..mine.clone() }));
            }
        }
        for (attack, claims) in strangers {
            // Below no customer, whoever has a valid token is told of themselves.
            let path = sent.operation.route.map_or("", |route| route.path);
            if !path.contains("{customer}") && (attack.starts_with("another") || attack == "no profile") {
                let answered = full.answer_to(sent, &claims).await;
                let text = answered.body.to_string();
                let themselves = format!("\"customers/{}/users/{}\"", claims.customer, claims.sub);
                assert_eq!((answered.status, text.contains(&themselves)), (200, true), "{about}: {attack}: {text}");
                assert_eq!(text.contains("customers/acme"), claims.customer == "acme", "{about}: {attack}: {text}");
                tried.note(attack);
                continue;
            }
            // These are shown what is of their profile and of themselves, and nothing of another.
            if attack == "another profile" && sent.operation.for_some_profiles {
                let answered = full.answer_to(sent, &claims).await;
                assert!([200, 400, 403, 404].contains(&answered.status), "{about}: {attack}: {}", answered.body);
                let is_of_themselves = sent.path.ends_with(&format!("/users/{}", claims.sub));
                let tells = answered.body.to_string().contains("profiles/support");
                assert!(is_of_themselves || !tells, "{about}: {attack}: {}", answered.body);
                tried.note(attack);
                continue;
            }
            let (answered, calls) = full.counted(sent, &claims).await;
            assert_eq!(answered.status, 403, "{about}: {attack} as {}: {}", claims.role, answered.body);
            assert_eq!(answered.body["status"], "PERMISSION_DENIED", "{about}: {attack}");
            assert_eq!(calls, 0, "{about}: {attack}: something was read");
            if attack == "role too weak" {
                let allowed = answered.body["details"][0]["metadata"]["allowedRoles"].as_str().unwrap();
                assert_eq!(answered.reason(), "ROLE_NOT_ALLOWED", "{about}");
                let may_call: Vec<&str> = sent.roles().iter().map(|role| role.as_str()).collect();
                assert_eq!(allowed, may_call.join(" "), "{about}");
                assert!(!answered.body.to_string().contains("might not exist"), "{about}: {}", answered.body);
            }
            let where_nothing_is = empty.answer_to(sent, &claims).await;
            assert_eq!(answered, where_nothing_is, "{about}: {attack}: the answer tells what exists");
            tried.note(attack);
        }

        // An agent asks for a colleague's records: the same answer as for records that do not exist.
        if sent.roles().contains(&Role::Agent) && sent.is_for_some_of_a_role() {
            let chloe = Claims { role: "agent".to_owned(), sub: "chloe".to_owned(), ..mine.clone() };
            let hers = sent.in_the_name_of("customers/acme/users/chloe");
            let answered = full.answer_to(&hers, &chloe).await;
            let where_nothing_is = empty.answer_to(&hers, &chloe).await;
            assert_eq!(answered, where_nothing_is, "{about}: an agent is told of a colleague's records");
            assert!([200, 400, 403].contains(&answered.status), "{about}: {}", answered.body);
            let text = answered.body.to_string();
            let mut words = text.split(|letter: char| !letter.is_alphanumeric());
            let tells_of_them = words.any(|word| ["ana", "ben"].contains(&word));
            assert!(answered.status != 200 || !tells_of_them, "{about}: {text}");
            tried.note("an agent after a colleague's");
        }

        // Names of another customer's or profile's resources, in the body and in filters.
        let mut foreign = vec![("another customer's names", sent.naming("customers/acme", "customers/beta"))];
        if sent.path.contains("/profiles/") {
            let (support, sales) = ("customers/acme/profiles/support", "customers/acme/profiles/sales");
            foreign.push(("another profile's names", sent.naming(support, sales)));
        }
        for (attack, foreign) in foreign {
            let foreign = foreign.without_entries_of(sent);
            if (&foreign.query, &foreign.body) == (&sent.query, &sent.body) {
                continue;
            }
            let (answered, calls) = full.counted(&foreign, mine).await;
            assert_eq!(calls, 0, "{about}: {attack}: something was read: {}", answered.body);
            assert!(refuses_fields(&answered), "{about}: {attack}: {}", answered.body);
            tried.note(attack);
        }
        assert_eq!(full.service.items().await, before, "{about}: something was written");
    }
    assert_eq!(empty.service.items().await, before_in_empty);
    tried
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_is_good_for_its_customer_profile_and_request_alone() {
    let issuer = TokenIssuer::generate().unwrap();
    let (mut listing, mut tried) = (BTreeSet::new(), Tried::default());
    for (paged, share) in on_all_cores(shares().await, |share| send_page_tokens(share, issuer.clone())).await {
        listing.extend(paged);
        tried.add(share);
    }
    let paging = OPERATIONS.iter().filter(|operation| operation.pages).map(|operation| operation.name);
    let expected: BTreeSet<&str> = paging.collect();
    assert_eq!(listing, expected, "operations that page");
    println!("page tokens of {} functions; tried, none opened: {:?}", listing.len(), tried.0);
}

/// Sends the page tokens of each of `requests` with other requests and as other callers. Returns the operations that
/// page, and what was tried.
async fn send_page_tokens(requests: Vec<Sent>, issuer: TokenIssuer) -> (BTreeSet<&'static str>, Tried) {
    let full = Attacked::full(&issuer).await;
    let mut listing = BTreeSet::new();
    let mut tried = Tried::default();
    for sent in requests.iter().filter(|sent| !sent.operation.writes) {
        let about = format!("{}/{}", sent.operation.name, sent.case);
        let first = full.answer_to(&sent.with(&json!({"pageSize": 1})), &sent.claims).await;
        let Some(token) = first.body["nextPageToken"].as_str().filter(|token| !token.is_empty()) else { continue };
        let next = sent.with(&json!({"pageSize": 1, "pageToken": token}));
        assert_eq!(full.answer_to(&next, &sent.claims).await.status, 200, "{about}");
        listing.insert(sent.operation.name);

        // Callers with the same role, other than agents, may continue with the page token; all others start again.
        let by = |role: &str, user: &str| Claims { role: role.to_owned(), sub: user.to_owned(), ..sent.claims.clone() };
        let mine = (sent.claims.role.as_str(), sent.claims.sub.as_str());
        for role in ["agent", "manager", "service", "admin"] {
            for user in [mine.1, "chloe"] {
                let answered = full.answer_to(&next, &by(role, user)).await;
                let goes_on = role == mine.0 && (role != "agent" || user == mine.1);
                assert_eq!(answered.status == 200, goes_on, "{about}: {role} {user}: {}", answered.body);
                if answered.status == 400 {
                    assert_eq!(answered.refused_fields(), ["pageToken"], "{about}: {role} {user}");
                    tried.note("another role, or another agent");
                }
            }
        }

        let elsewhere = |customer: &str, profile: &str| {
            let parent = format!("customers/{customer}/profiles/{profile}");
            let moved = next.naming("customers/acme/profiles/support", &parent);
            let moved = moved.naming("customers/acme", &format!("customers/{customer}"));
            let path = moved.path.replace("customers/acme/profiles/support", &parent);
            let path = path.replace("customers/acme/", &format!("customers/{customer}/"));
            let claims = Claims { customer: customer.to_owned(), ..sent.claims.clone() };
            (Sent { path, ..moved }, claims)
        };
        let broken = |index: usize| {
            let mut token: Vec<char> = token.chars().collect();
            token[index] = if token[index] == 'A' { 'B' } else { 'A' };
            let token: String = token.into_iter().collect();
            (sent.with(&json!({"pageSize": 1, "pageToken": token})), sent.claims.clone())
        };
        for (attack, (request, claims)) in [
            ("another customer", elsewhere("beta", "support")),
            ("another profile", elsewhere("acme", "sales")),
            ("a changed token", broken(0)),
            ("a changed token", broken(token.len() / 2)),
            ("a cut token", (sent.with(&json!({"pageToken": token[..token.len() - 4]})), sent.claims.clone())),
        ] {
            if attack == "another profile" && !sent.path.contains("/profiles/") {
                continue;
            }
            let answered = full.answer_to(&request, &claims).await;
            assert_eq!(answered.status, 400, "{about}: {attack}: {}", answered.body);
            assert_eq!(answered.refused_fields(), ["pageToken"], "{about}: {attack}");
            tried.note(attack);
        }
    }
    (listing, tried)
}

#[tokio::test]
async fn a_caller_is_who_the_configured_claims_tell() {
    let mut service = TestService::seeded().await;
    let names = ClaimNames {
        customer: "https://example.com/customer".into(),
        profiles: "https://example.com/profiles".into(),
        role: "roles".into(),
        user: "oid".into(),
    };
    let usual = Event::get("coachingSessions").by("agent", "ana");
    service.succeed(&usual).await;
    service.app.claim_names = Arc::new(names.clone());
    let refused = service.refused(&usual, 403).await;
    assert_eq!(
        (refused.reason(), &refused.body["details"][0]["metadata"]["claim"]),
        ("CLAIM_UNUSABLE", &json!(names.customer))
    );

    let mine =
        [(&names.customer, "acme"), (&names.profiles, "[support]"), (&names.role, "[agent]"), (&names.user, "ana")];
    // The usual claims of an admin, which mean nothing with these claim names.
    let claimed =
        mine.iter().fold(usual.by("admin", "root"), |event, (name, value)| event.with_claim(name, json!(value)));
    let listed = service.succeed(&claimed).await;
    let agents =
        listed["coachingSessions"].as_array().unwrap().iter().map(|one| one["agentUserName"].as_str().unwrap());
    let agents: BTreeSet<&str> = agents.collect();
    assert_eq!(agents, BTreeSet::from(["customers/acme/users/ana"]));
    let of_directory = |user: &str| claimed.clone().to(&format!("/v1/customers/acme/users/{user}"));
    service.succeed(&of_directory("ana")).await;
    service.refused(&of_directory("ben"), 403).await;
    for (name, _) in mine {
        let refused = service.refused(&claimed.clone().with_claim(name, Value::Null), 403).await;
        if name == &names.profiles {
            assert_eq!(refused.reason(), "PERMISSION_DENIED", "without profiles nothing is open");
        } else {
            assert_eq!(refused.body["details"][0]["metadata"]["claim"], json!(name), "{}", refused.body);
        }
    }
}

#[tokio::test]
async fn a_manager_of_one_profile_is_not_told_whom_and_which_groups_the_customer_has_elsewhere() {
    let service = TestService::seeded().await;
    let sales = json!(["customers/acme/profiles/sales"]);
    let eva = json!({"name": "customers/acme/users/eva", "displayName": "Eva", "isActive": true, "roles": ["agent"], "profileNames": sales});
    let of_customer = |collection: &str, entry: Value| {
        let event =
            Event::post("", json!({collection: [entry]})).to(&format!("/v1/customers/acme/{collection}:batchUpsert"));
        event.by("service", "sync@acme")
    };
    service.succeed(&of_customer("users", eva)).await;
    let group = json!({"name": "customers/acme/groups/sales", "displayName": "Sales", "memberUserNames": ["customers/acme/users/eva"]});
    let created = service.succeed(&of_customer("groups", group)).await;
    assert_eq!(created["results"][0].get("status"), None, "{created}");
    let usecases = json!([usecase_name("care")]);
    for (path, list) in [
        ("coachingProgresses:retrieve", "agentCoachingProgresses"),
        ("coachingOverviews:retrieve", "agentCoachingOverviews"),
        ("coachingEffects:retrieve", "effects"),
        ("coachOverviews:retrieve", "coachOverviews"),
        ("coachingPlans:list", "coachingPlans"),
    ] {
        let ask = |parameter: &str, name: &str| {
            let mut body = json!({"usecaseNames": usecases, parameter: [name]});
            // Plans are listed whatever their time.
            if path != "coachingPlans:list" {
                body["startTime"] = json!("2026-05-01T00:00:00Z");
                body["endTime"] = json!("2026-06-01T00:00:00Z");
            }
            Event::post(path, body)
        };
        for confined in ["manager", "service", "admin"] {
            let confined = |event: Event| event.by(confined, "mike").with_claim("profiles", json!("support"));
            for (parameter, elsewhere, nowhere) in [
                ("groupNames", "customers/acme/groups/sales", "customers/acme/groups/none"),
                ("agentUserNames", "customers/acme/users/eva", "customers/acme/users/nobody"),
            ] {
                let there = service.send(&confined(ask(parameter, elsewhere))).await;
                let gone = service.send(&confined(ask(parameter, nowhere))).await;
                assert_eq!((there.status, &there.body[list]), (200, &json!([])), "{path}: {}", there.body);
                assert_eq!(there, gone, "{path}: {parameter}");
            }
        }
        let unknown = service.refused(&ask("groupNames", "customers/acme/groups/none"), 400).await;
        assert_eq!(unknown.refused_fields(), ["groupNames"], "who sees all profiles is told");
    }
}
