//! A small demo customer, loaded through the service's own operations.

use chrono::{DateTime, Duration, Utc};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::tokens::{Claims, TokenIssuer};

/// The demo customer.
pub(crate) const CUSTOMER: &str = "acme";
/// The manager that a token is printed for.
pub(crate) const MANAGER: &str = "maria";
/// The agent that a token is printed for.
pub(crate) const AGENT: &str = "ana";

/// Profiles, each with its usecase and agents.
const PROFILES: [(&str, &str, [&str; 3]); 2] =
    [("support", "care", [AGENT, "ben", "chloe"]), ("sales", "outbound", ["dev", "eva", "finn"])];

/// What is worked on, and what was noted in one session after the other.
const COURSES: [(&str, [&str; 3]); 3] = [
    (
        "Greeting and ownership",
        [
            "Listened to two calls. The greeting is warm; the reason for the call is repeated back too late.",
            "Repeats the reason back within the first minute now. Next: say who does what by when.",
            "Both habits hold in four calls out of five.",
        ],
    ),
    (
        "Discovery questions",
        [
            "Closed questions prevail. Agreed on three open ones to try.",
            "Two of the three open questions are in use.",
            "Asks, waits, and lets the customer finish. Ready for the next topic.",
        ],
    ),
    (
        "Clear next steps",
        [
            "Calls end without a date. Agreed to close each with one.",
            "Dates are given; the follow-up note is still missing at times.",
            "Every call of the sample ends with a date and a note.",
        ],
    ),
];

/// The request that the service prints: a manager creates a session under a demo plan.
pub(crate) fn first_request(url: &str, token: &str) -> String {
    format!(
        "curl -sS -X POST {url}/v1/customers/{CUSTOMER}/profiles/support/coachingSessions \\\n  \
         -H 'authorization: Bearer {token}' -H 'content-type: application/json' \\\n  \
         -d '{{\"agentUserName\": \"customers/{CUSTOMER}/users/{AGENT}\", \
         \"creatorUserName\": \"customers/{CUSTOMER}/users/{MANAGER}\", \
         \"coachingPlanName\": \"customers/{CUSTOMER}/profiles/support/coachingPlans/{AGENT}-plan\", \
         \"meetingNotes\": \"Listened to two calls together.\"}}'"
    )
}

/// Loads the demo customer unless it is there already. Names are fixed, so a load that was cut
/// short is completed by the next.
pub(crate) async fn load(gateway: &Gateway, issuer: &TokenIssuer) -> Result<(), String> {
    let token = issuer.issue(&Claims::new(CUSTOMER, "service", "sync@acme"))?;
    let loader = Loader { gateway, token };
    let [.., (last_profile, _, [.., last_agent])] = PROFILES;
    let last = format!("customers/{CUSTOMER}/profiles/{last_profile}/coachingPlans/{last_agent}-plan");
    if loader.send(Method::GET, &last, &Value::Null).await?.0 == StatusCode::OK {
        return Ok(());
    }
    let now = Utc::now();
    for (profile, usecase, agents) in PROFILES {
        let profile = format!("customers/{CUSTOMER}/profiles/{profile}");
        for (agent, (title, notes)) in agents.into_iter().zip(COURSES) {
            let plan = plan(&profile, usecase, agent, title, now);
            loader.create(&format!("{profile}/coachingPlans"), &plan).await?;
            for (number, notes) in notes.into_iter().enumerate() {
                let session = session(&profile, usecase, agent, number, notes, now);
                loader.create(&format!("{profile}/coachingSessions"), &session).await?;
            }
        }
    }
    Ok(())
}

fn plan(profile: &str, usecase: &str, agent: &str, title: &str, now: DateTime<Utc>) -> Value {
    let start = now - Duration::days(30);
    json!({
        "name": format!("{profile}/coachingPlans/{agent}-plan"),
        "agentUserName": format!("customers/{CUSTOMER}/users/{agent}"),
        "creatorUserName": format!("customers/{CUSTOMER}/users/{MANAGER}"),
        "isActive": true,
        "displayName": title,
        "usecaseName": format!("{profile}/usecases/{usecase}"),
        "createTime": start,
        "startTime": start,
        "endTime": now + Duration::days(60),
    })
}

/// Sessions are a week apart; every one but the last is acknowledged.
fn session(profile: &str, usecase: &str, agent: &str, number: usize, notes: &str, now: DateTime<Utc>) -> Value {
    let weeks_ago = i64::try_from(3 - number).unwrap_or(0);
    let held = now - Duration::weeks(weeks_ago);
    let acknowledged = (number < 2).then(|| held + Duration::days(1));
    json!({
        "name": format!("{profile}/coachingSessions/{agent}-{}", number + 1),
        "agentUserName": format!("customers/{CUSTOMER}/users/{agent}"),
        "creatorUserName": format!("customers/{CUSTOMER}/users/{MANAGER}"),
        "coachingPlanName": format!("{profile}/coachingPlans/{agent}-plan"),
        "usecaseName": format!("{profile}/usecases/{usecase}"),
        "createTime": held,
        "sessionTime": held,
        "meetingNotes": notes,
        "managerSubmitTime": held,
        "managerSubmitterUserName": format!("customers/{CUSTOMER}/users/{MANAGER}"),
        "agentUpdateTime": acknowledged,
        "agentSubmitTime": acknowledged,
        "acknowledgeTime": acknowledged,
        "agentComment": acknowledged.map(|_| "Thank you, I will work on it."),
    })
}

struct Loader<'a> {
    gateway: &'a Gateway,
    token: String,
}

impl Loader<'_> {
    /// Creates something whose name is fixed; what is there already stays.
    async fn create(&self, collection: &str, message: &Value) -> Result<(), String> {
        match self.send(Method::POST, collection, message).await? {
            (StatusCode::OK | StatusCode::CONFLICT, _) => Ok(()),
            (_, answer) => Err(format!("the demo data was refused: {answer}")),
        }
    }

    async fn send(&self, method: Method, path: &str, message: &Value) -> Result<(StatusCode, String), String> {
        let body = if message.is_null() { Bytes::new() } else { Bytes::from(message.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Some(body))
            .map_err(|error| error.to_string())?;
        let (parts, answer) = self.gateway.answer(request).await.into_parts();
        Ok((parts.status, answer))
    }
}
