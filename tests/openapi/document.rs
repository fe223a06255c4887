//! The OpenAPI document: every operation, composed of what it declares, of events and their answers, and of the text at
//! the top of its function.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use coaching_domain::names::User;
use coaching_domain::outline::{Kind, Outline};
use coaching_domain::{Reason, Role};
use coaching_edge::{AnswerSchema, ErrorMessage, GatewayMessage, Operation, RequestType, Route, Verb, http_status};
use coaching_local::OPERATIONS;
use coaching_tests::{Replayed, body_of, root};
use serde_json::{Map, Value, json};

use super::schema::{Components, of_kind, of_message};
use super::validator;
use super::words::{FIELDS, TAGS, VARIABLES, Words};

/// The address of `cargo run`.
const LOCAL_ADDRESS: &str = "http://127.0.0.1:3000";

/// The most successful examples of one operation.
const MAX_EXAMPLES: usize = 3;

/// A method of the API: an operation, or one of its verbs.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// The operation.
    pub operation: &'static Operation,
    /// The verb of it.
    verb: Option<&'static Verb>,
    /// Its path as API Gateway routes it, without the verb.
    pub route: Route,
}

impl Method {
    /// Its id in the document.
    fn id(&self) -> String {
        self.verb.map_or_else(|| camel_case(self.operation.name), |verb| verb.id.to_owned())
    }

    /// Its short summary.
    pub fn summary(&self) -> &'static str {
        self.verb.map_or(self.operation.summary, |verb| verb.summary)
    }

    /// The roles that may call it.
    pub fn roles(&self) -> &'static [Role] {
        self.verb.map_or(self.operation.roles, |verb| verb.roles)
    }

    /// Its callers in words, if the roles are not enough.
    pub fn callers(&self) -> Option<&'static str> {
        self.verb.map_or(self.operation.callers, |verb| verb.callers)
    }

    /// What its request holds.
    fn request(&self) -> RequestType {
        self.verb.map_or(self.operation.request, |verb| verb.request)
    }

    /// The schema of its answer.
    fn answer(&self) -> AnswerSchema {
        let answer = self.verb.map_or(self.operation.answer, |verb| verb.answer);
        answer.schema().unwrap_or_else(|| panic!("{} declares no answer", self.id()))
    }

    /// Its path as callers write it.
    pub fn path(&self) -> String {
        match self.verb {
            Some(verb) => format!("{}:{}", self.route.path, verb.name),
            None => self.route.path.to_owned(),
        }
    }

    /// The position of its collection among all collections.
    pub fn tag_position(&self) -> usize {
        let position = TAGS.iter().position(|(collection, ..)| *collection == self.collection());
        position.unwrap_or_else(|| panic!("TAGS has none for {}", self.collection()))
    }

    /// The names of the path's variables.
    fn variables(&self) -> impl Iterator<Item = &'static str> {
        self.route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The variable that names an item of a collection.
    fn item(&self) -> Option<&'static str> {
        self.route.path.rsplit('/').next()?.strip_prefix('{')?.strip_suffix('}')
    }

    /// The collection of its path.
    fn collection(&self) -> &'static str {
        let mut parts = self.route.path.split('/').filter(|part| !part.starts_with('{')).rev();
        parts.next().map_or("", |part| part.split(':').next().unwrap_or_default())
    }

    fn is_of(&self, event: &Value) -> bool {
        let path = event["rawPath"].as_str().unwrap();
        let route = format!("{} {}", self.route.method, self.route.path);
        event["routeKey"] == route && self.verb.is_none_or(|verb| path.ends_with(&format!(":{}", verb.name)))
    }
}

fn camel_case(function: &str) -> String {
    let mut words = function.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// What the path variable `name` is: for `coachingSession` the id of the session.
fn id_of(name: &str) -> String {
    let start = name.rfind(|character: char| character.is_ascii_uppercase()).unwrap_or_default();
    format!("The id of the {}.", name[start..].to_lowercase())
}

fn sentence(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}

/// Every method with a route of its own, in the order of their paths.
pub fn methods() -> Vec<Method> {
    let mut methods = Vec::new();
    for operation in OPERATIONS {
        let Some(route) = operation.route else { continue };
        match operation.verbs {
            [] => methods.push(Method { operation, verb: None, route }),
            verbs => methods.extend(verbs.iter().map(|verb| Method { operation, verb: Some(verb), route })),
        }
    }
    methods.sort_by_key(|method| (method.path(), method.route.method));
    methods
}

/// The text at the top of `functions/{function}/src/lib.rs`, with the ids of operations in place of function names.
fn text_of(function: &str) -> String {
    let source = std::fs::read_to_string(root().join("functions").join(function).join("src/lib.rs")).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let ids = |text: String, other: &&Operation| {
        text.replace(&format!("`{}`", other.name), &format!("`{}`", camel_case(other.name)))
    };
    OPERATIONS.iter().fold(lines.join("\n"), ids)
}

/// The document, with the replayed events as examples.
pub fn document(replayed: &[Replayed]) -> Value {
    let methods = methods();
    let answers = methods.iter().map(Method::answer);
    let errors = [AnswerSchema::of::<ErrorMessage>(), AnswerSchema::of::<GatewayMessage>()];
    let mut schemas: BTreeMap<String, Value> = answers.chain(errors).flat_map(|answer| answer.schemas).collect();
    for schema in schemas.values_mut() {
        without_null(schema);
    }
    let answers = schemas.clone();
    let used = RefCell::new(BTreeSet::new());
    let unknown = RefCell::new(BTreeSet::new());
    let mut components = Components::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for method in &methods {
        let id = method.id();
        let outline = method.request().outline();
        let roles: Vec<&str> = method.roles().iter().map(|role| role.as_str()).collect();
        let answer = method.answer();
        let words = Words {
            operation_id: &id,
            filters: method.operation.pages,
            schemas: &answers,
            used: &used,
            unknown: &unknown,
        };
        let shown: Vec<&Replayed> = replayed.iter().filter(|one| method.is_of(&one.event)).collect();
        assert!(shown.iter().any(|one| one.answered.status == 200), "no event shows {id} succeed");
        let (_, tag, _) = TAGS[method.tag_position()];
        let mut operation = json!({
            "operationId": id,
            "tags": [tag],
            "summary": sentence(&method.summary().replace('`', "")),
            "description": format!("{}\n\nRoles: {}.", text_of(method.operation.name), roles.join(", ")),
            "parameters": parameters(method, &outline, &words, &answers[&answer.name], &shown, &mut components),
        });
        if let Some(body) = &outline.body {
            let mut schema = of_message(body, &words, &answers[&answer.name], &mut components);
            schema["description"] = "What the request asks for.".into();
            let name = format!("{}Request", sentence(&id));
            let required = schema.get("required").is_some();
            schemas.insert(name.clone(), schema);
            operation["requestBody"] = json!({
                "description": "A JSON object.",
                "required": required,
                "content": {"application/json": {"schema": reference("schemas", &name), "examples": bodies(&shown)}},
            });
        }
        let links = links(method, &methods, &answers[&answer.name]);
        operation["responses"] = responses(method, &answer.name, &shown, links, outline.body.is_some());
        let of_path = paths.entry(method.path()).or_default();
        assert!(of_path.insert(method.route.method.to_lowercase(), operation).is_none(), "{id}: a path twice");
    }
    for (name, schema) in components.0 {
        assert!(schemas.insert(name.clone(), schema).is_none(), "an answer has the name {name} too");
    }
    let unused: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).filter(|name| !used.borrow().contains(name)).collect();
    let unknown = unknown.into_inner();
    assert!(unknown.is_empty(), "nothing says what these mean: {unknown:#?}; unused: {unused:#?}");
    assert!(unused.is_empty(), "no operation reads {unused:#?}");
    let tags = TAGS.iter().map(|(_, name, description)| json!({"name": name, "description": description}));
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Coaching Service",
            "version": "1",
            "summary": "Coaching sessions, plans, comments, scorecards, targets and progress of a contact centre.",
            "description": include_str!("introduction.md"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": LOCAL_ADDRESS, "description": "The service on one machine, as `cargo run` starts it."},
            {"url": "https://coaching.example.com", "description": "A deployment: its output `ApiUrl`."},
        ],
        "security": [{"token": []}],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the OIDC provider that the deployment trusts; on one machine, one of those that `cargo run` prints.",
            }},
            "headers": headers(),
            "responses": shared_responses(),
            "schemas": schemas,
        },
    });
    show_canonical_bodies(&mut document);
    document
}

/// Keeps only the first few examples of bodies in the form that clients should send.
fn show_canonical_bodies(document: &mut Value) {
    let told = document.clone();
    for operation in document["paths"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .flat_map(|path| path.as_object_mut().unwrap().values_mut())
    {
        let id = operation["operationId"].to_string();
        let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") else { continue };
        let validator = validator(&told, &content["schema"]);
        let examples = content["examples"].as_object().unwrap().clone().into_iter();
        let canonical = examples.filter(|(_, example)| validator.is_valid(&example["value"])).take(MAX_EXAMPLES);
        content["examples"] = Value::Object(canonical.collect());
        assert_ne!(content["examples"], json!({}), "no event shows a body of {id} in its canonical form");
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// The part of `document` about the method that `event` calls; `None` if it has no such path.
pub fn documented<'a>(document: &'a Value, event: &Value) -> Option<&'a Value> {
    let method = methods().into_iter().find(|method| method.is_of(event))?;
    Some(&document["paths"][method.path()][method.route.method.to_lowercase()])
}

/// Removes `null` from a schema: answers leave out what is not set.
fn without_null(schema: &mut Value) {
    if let Some(kinds) = schema.get_mut("type").filter(|kinds| kinds.is_array()) {
        let known = kinds.as_array().unwrap().iter().find(|kind| **kind != "null").cloned();
        *kinds = known.unwrap();
    }
    let alternatives = schema.get("oneOf").and_then(Value::as_array);
    let alternatives = alternatives.into_iter().flatten().filter(|alternative| alternative["type"] != "null");
    if let [only] = alternatives.cloned().collect::<Vec<_>>().as_slice() {
        let object = schema.as_object_mut().unwrap();
        object.remove("oneOf");
        object.extend(only.as_object().unwrap().clone());
    }
    match schema {
        Value::Object(object) => object.values_mut().for_each(without_null),
        Value::Array(entries) => entries.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// The name of the case `replayed`, as an example's key.
fn case(replayed: &Replayed) -> String {
    replayed.name.rsplit('/').next().unwrap().to_owned()
}

fn example(replayed: &Replayed, value: Value) -> (String, Value) {
    let name = case(replayed);
    let summary = sentence(&name.replace('-', " "));
    (name, json!({"summary": summary, "value": value}))
}

/// Whether every part of the request was accepted, so that it is a good example.
fn is_taken(replayed: &Replayed) -> bool {
    let results = replayed.answered.body["results"].as_array();
    let refused = results.into_iter().flatten().any(|result| result.get("status").is_some());
    // A body in base64 is the same to clients.
    replayed.answered.status == 200 && !refused && replayed.event["isBase64Encoded"] != true
}

/// The client's body, if it uses the document's names.
pub fn shown_body(replayed: &Replayed) -> Option<Value> {
    let body: Value = serde_json::from_slice(&body_of(&replayed.event)).ok()?;
    (!has_snake_case(&body)).then_some(body)
}

fn has_snake_case(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(name, value)| name.contains('_') || has_snake_case(value)),
        Value::Array(entries) => entries.iter().any(has_snake_case),
        _ => false,
    }
}

fn bodies(shown: &[&Replayed]) -> Map<String, Value> {
    let taken = shown.iter().filter(|one| is_taken(one));
    taken.filter_map(|one| Some(example(one, shown_body(one)?))).collect()
}

/// The values of the query parameter `name`, as clients sent them.
pub fn query_values(replayed: &Replayed, name: &str) -> Vec<String> {
    let query = replayed.event["rawQueryString"].as_str().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| {
        let value = value.replace('+', " ");
        percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned()
    });
    values.collect()
}

/// The JSON value of a parameter's text.
pub fn parameter_value(kind: &Kind, values: &[String]) -> Value {
    match kind {
        Kind::List { entry, .. } => {
            values.iter().map(|value| parameter_value(entry, std::slice::from_ref(value))).collect()
        }
        Kind::Boolean | Kind::Int32 { .. } => {
            serde_json::from_str(&values[0]).unwrap_or_else(|_| values[0].clone().into())
        }
        _ => values[0].clone().into(),
    }
}

fn parameters(
    method: &Method,
    outline: &Outline,
    words: &Words<'_>,
    answer: &Value,
    shown: &[&Replayed],
    components: &mut Components,
) -> Vec<Value> {
    let succeeded: Vec<&&Replayed> = shown.iter().filter(|one| one.answered.status == 200).collect();
    let mut parameters: Vec<Value> = method
        .variables()
        .map(|name| {
            let described = VARIABLES.iter().find(|(known, _)| *known == name);
            let description = described.map_or_else(|| id_of(name), |(_, description)| (*description).to_owned());
            let kind = match name {
                "customer" => Kind::Pattern("^[a-z0-9-]{1,128}$".to_owned()),
                "scorecardTemplate" => Kind::template_segment(),
                "user" => Kind::id_of::<User>(),
                _ => Kind::id(),
            };
            let example = succeeded.first().map(|one| {
                let value = one.event["pathParameters"][name].as_str().unwrap();
                value.split(':').next().unwrap().to_owned()
            });
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "description": description,
                "schema": of_kind(&kind, name, words, components),
                "example": example,
            })
        })
        .collect();
    for field in &outline.parameters.fields {
        let (description, _) = words.describe(field, answer);
        let place = if field.kind == Kind::EntityTags { "header" } else { "query" };
        let mut parameter = json!({
            "name": field.name,
            "in": place,
            "required": field.required,
            "description": description,
            "schema": of_kind(&field.kind, &field.name, words, components),
        });
        let values = succeeded.iter().map(|one| query_values(one, &field.name)).find(|values| !values.is_empty());
        if let Some(values) = values {
            parameter["example"] = parameter_value(&field.kind, &values);
        }
        parameters.push(parameter);
    }
    parameters
}

/// Links from a creation to the operations on the created record.
fn links(method: &Method, methods: &[Method], answer: &Value) -> Map<String, Value> {
    let mut links = Map::new();
    if method.route.method != "POST" || !method.operation.name.starts_with("create-") {
        return links;
    }
    let property = answer["properties"].as_object().and_then(|properties| properties.keys().next()).unwrap();
    for next in methods {
        let Some(item) = next.item().filter(|item| next.route.path == format!("{}/{{{item}}}", method.route.path))
        else {
            continue;
        };
        // The id is the last part of the name. Tools that know `#regex:` use its expression.
        let id = format!("$response.body#/{property}/name#regex:([^/@]+)(?:@[0-9]+)?$");
        let mut parameters = json!({"customer": "$request.path.customer", "profile": "$request.path.profile"});
        parameters[item] = id.into();
        links.insert(
            next.id(),
            json!({
                "operationId": next.id(),
                "description": format!("The last part of `{property}.name` is the `{item}` of `{}`.", next.id()),
                "parameters": parameters,
            }),
        );
    }
    links
}

/// A line for each of `reasons`.
fn meanings(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("\n- {reason}: {}", reason.meaning())).collect()
}

fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The id under which the request is logged.",
            "schema": {"type": "string"},
        },
        "ETag": {
            "description": "The version of what the answer holds, in quotes: for `If-Match`.",
            "schema": {"type": "string"},
        },
        "Retry-After": {
            "description": "How many seconds to wait before repeating the request.",
            "schema": {"type": "integer"},
        },
        "WWW-Authenticate": {
            "description": "`Bearer`: a token is wanted.",
            "schema": {"type": "string"},
        },
    })
}

/// A response with one schema, or with any of several.
fn response(description: &str, headers: &[&str], schemas: &[&str]) -> Value {
    let headers: Map<String, Value> =
        headers.iter().map(|name| ((*name).to_owned(), reference("headers", name))).collect();
    let schema = match schemas {
        [one] => reference("schemas", one),
        several => json!({"anyOf": several.iter().map(|name| reference("schemas", name)).collect::<Vec<_>>()}),
    };
    let mut response = json!({"description": description, "content": {"application/json": {"schema": schema}}});
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    response
}

/// The responses that every operation may give.
fn shared_responses() -> Value {
    json!({
        "Unauthenticated": response(
            "There is no token, or it is not valid. API Gateway answers; the service itself (TOKEN_REQUIRED) only where none stands before it.",
            &["WWW-Authenticate"],
            &["GatewayError", "Error"],
        ),
        "TooLarge": response("The body is larger than API Gateway takes: 10 MB.", &[], &["GatewayError"]),
        "TooManyRequests": response("API Gateway throttles. Repeat the request later.", &[], &["GatewayError"]),
        "HeadTooLarge": response(
            "Path, query and headers are larger than API Gateway takes: 10,240 bytes.",
            &[],
            &["GatewayError"],
        ),
        "Internal": response(
            &format!(
                "INTERNAL: a fault of the service.{}",
                meanings(&[Reason::InternalError, Reason::RecordUnreadable])
            ),
            &[],
            &["Error", "GatewayError"],
        ),
    })
}

fn responses(method: &Method, answer: &str, shown: &[&Replayed], links: Map<String, Value>, has_body: bool) -> Value {
    let reasons = |status: u16| -> String {
        let mut of_status: Vec<Reason> = method.operation.refusals.to_vec();
        of_status.retain(|reason| http_status(reason.code()).as_u16() == status);
        of_status.sort_unstable();
        meanings(&of_status)
    };
    let with_etag = shown.iter().any(|one| one.answered.headers.contains_key("etag"));
    let headers: &[&str] = if with_etag { &["ETag", "X-Request-Id"] } else { &["X-Request-Id"] };
    let mut responses = Map::new();
    let mut success = response("It is done.", headers, &[answer]);
    if !links.is_empty() {
        success["links"] = links.into();
    }
    responses.insert("200".to_owned(), success);
    let mut refused = |status: u16, description: String| {
        let headers: &[&str] = if status == 503 { &["Retry-After", "X-Request-Id"] } else { &["X-Request-Id"] };
        responses.insert(status.to_string(), response(&description, headers, &["Error"]));
    };
    let precondition = match reasons(400).as_str() {
        "" => String::new(),
        reasons => format!("\n\nFAILED_PRECONDITION: it is right, but not in the present state.{reasons}"),
    };
    refused(
        400,
        format!("INVALID_ARGUMENT (INVALID_FIELDS): the request is wrong; each bad field is named.{precondition}"),
    );
    refused(
        403,
        format!(
            "PERMISSION_DENIED: the caller may not do this, or it does not exist.{}",
            meanings(&[Reason::PermissionDenied, Reason::RoleNotAllowed, Reason::ClaimUnusable])
        ),
    );
    refused(
        404,
        format!("NOT_FOUND: it does not exist.{}", meanings(&[Reason::ResourceNotFound, Reason::PathNotFound])),
    );
    if method.operation.writes {
        refused(
            409,
            format!(
                "ABORTED: another change came first; read again and repeat. ALREADY_EXISTS: the name is taken.{}{}",
                meanings(&[Reason::ConcurrentChanges]),
                reasons(409)
            ),
        );
    }
    let full = reasons(429);
    if !full.is_empty() {
        refused(429, format!("RESOURCE_EXHAUSTED: a limit of what is kept is reached.{full}"));
    }
    refused(
        503,
        format!(
            "UNAVAILABLE: the service cannot answer now. Repeat the request, a creation with its `requestId`.{}{}",
            meanings(&[Reason::TableUnavailable, Reason::OutOfTime]),
            reasons(503)
        ),
    );
    for one in shown {
        let status = one.answered.status.to_string();
        let Some(response) = responses.get_mut(&status) else { continue };
        let content = &mut response["content"]["application/json"];
        let examples = content.as_object_mut().unwrap().entry("examples").or_insert_with(|| json!({}));
        let examples = examples.as_object_mut().unwrap();
        // One refusal of each kind is enough.
        let most = if is_taken(one) { MAX_EXAMPLES } else { 1 };
        if examples.len() < most {
            examples.extend([example(one, one.answered.body.clone())]);
        }
    }
    responses.insert("401".to_owned(), reference("responses", "Unauthenticated"));
    if has_body {
        responses.insert("413".to_owned(), reference("responses", "TooLarge"));
    }
    match responses.get_mut("429") {
        None => {
            responses.insert("429".to_owned(), reference("responses", "TooManyRequests"));
        }
        Some(full) => {
            let schemas = ["Error", "GatewayError"].map(|name| reference("schemas", name));
            full["content"]["application/json"]["schema"] = json!({"anyOf": schemas});
            let text = full["description"].as_str().unwrap();
            full["description"] = format!("{text}\n\nOr API Gateway throttles. Repeat the request later.").into();
        }
    }
    responses.insert("431".to_owned(), reference("responses", "HeadTooLarge"));
    responses.insert("500".to_owned(), reference("responses", "Internal"));
    Value::Object(responses.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
}
