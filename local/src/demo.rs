//! The demo customer, the same every time: people in nested groups, templates, plans, targets, sessions
//! and 90 days of scorecards, loaded through the service's own operations. Only the dates move, so that
//! the last day is always today.
//!
//! It has everything that the examples of the API's document name, so that each request there can be sent as it stands.

use std::io::IsTerminal;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Duration, NaiveTime, Utc};
use coaching_domain::export::{Export, ExportedScorecards, FileForm};
use coaching_domain::job::{Job, JobKind};
use coaching_domain::names::{Collection, UserId};
use coaching_domain::{Code, Error, Id, Tenant, Timestamp};
use coaching_edge::App;
use coaching_jobs::export::Begun;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::table::causes;
use crate::tokens::{Claims, TokenIssuer};

/// The demo customer.
pub(crate) const CUSTOMER: &str = "acme";
/// The manager that a token is printed for.
pub(crate) const MANAGER: &str = "maria";
/// The admin that a token is printed for.
pub(crate) const ADMIN: &str = "ada";
/// The agent that a token is printed for.
pub(crate) const AGENT: &str = "ana";

/// A person whom the console can sign in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Their id.
    pub(crate) id: String,
    /// What they are called.
    pub(crate) display_name: String,
    /// Their role.
    pub(crate) role: &'static str,
    /// The profiles that their tokens open.
    pub(crate) profiles: &'static str,
}

/// The people whom the console can sign in, of each role the one who shows the most first.
pub(crate) fn people() -> Vec<Person> {
    let person =
        |id: &str, display_name: String, role, profiles| Person { id: id.to_owned(), display_name, role, profiles };
    let [support, sales] = &PROFILES;
    let supervisor = |profile: &Profile| {
        let id = format!("{}-supervisor-0", profile.id);
        person(&id, display_name(profile.first_supervisor), "manager", profile.id)
    };
    let agent = |profile: &Profile, number| {
        person(&agent_id(profile, number), display_name(profile.first_agent + number), "agent", profile.id)
    };
    vec![
        person(MANAGER, "Maria Moreno".to_owned(), "manager", "*"),
        supervisor(support),
        supervisor(sales),
        agent(support, 0),
        agent(support, 1),
        agent(sales, 0),
        person(ADMIN, "Ada".to_owned(), "admin", "*"),
    ]
}

/// The most entries of a batch operation.
const BATCH: usize = 500;
/// The number of requests under way at once.
const AT_ONCE: usize = 4;
/// The number of days with scorecards.
const DAYS: u64 = 90;

const FIRST_NAMES: [&str; 24] = [
    "Ana", "Ben", "Chloe", "Dev", "Eva", "Finn", "Grace", "Hugo", "Iris", "Jonas", "Kim", "Leo", "Mia", "Noah", "Olga",
    "Paul", "Quinn", "Rosa", "Sam", "Tara", "Uma", "Vera", "Will", "Yara",
];
/// Their number has no factor in common with that of the first names, so that every person has another full name.
const LAST_NAMES: [&str; 11] =
    ["Abe", "Brandt", "Castro", "Diaz", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kaya"];

/// A profile of the demo customer.
struct Profile {
    id: &'static str,
    usecase: &'static str,
    agents: usize,
    /// The index of its first agent among all people; then that of its first supervisor.
    first_agent: usize,
    first_supervisor: usize,
    /// Each with its id, title and criteria.
    templates: &'static [(&'static str, &'static str, &'static [Criterion])],
}

/// A criterion's chapter, its id, and whether it is auto-fail.
type Criterion = (&'static str, &'static str, bool);

const PROFILES: [Profile; 2] = [
    Profile {
        id: "support",
        usecase: "care",
        agents: 160,
        first_agent: 0,
        first_supervisor: 240,
        templates: &[
            (
                "quality",
                "Call quality",
                &[
                    ("opening", "greeting", false),
                    ("opening", "ownership", false),
                    ("resolution", "listening", false),
                    ("resolution", "solution", false),
                    ("duty", "privacy", true),
                ],
            ),
            (
                "chat",
                "Chat quality",
                &[("writing", "tone", false), ("writing", "spelling", false), ("duty", "privacy", true)],
            ),
        ],
    },
    Profile {
        id: "sales",
        usecase: "outbound",
        agents: 80,
        first_agent: 160,
        first_supervisor: 248,
        templates: &[(
            "sales-call",
            "Sales call",
            &[
                ("discovery", "open-questions", false),
                ("discovery", "listening", false),
                ("closing", "next-steps", false),
                ("duty", "consent", true),
            ],
        )],
    },
];

/// The subject of a plan, and the notes of its sessions in order.
type Course = (&'static str, [&'static str; 3]);

/// For agents who improve or stay.
const COURSES: [Course; 3] = [
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

/// For agents who decline.
const HARD_COURSE: Course = (
    "Calm under pressure",
    [
        "Scores fall since the new product came. Agreed to prepare its three most common questions.",
        "The questions are prepared; under pressure the greeting and the privacy check are skipped.",
        "No better yet. Next: an hour beside a colleague, then two calls listened to together.",
    ],
);

/// The request that the service prints: a manager creates a session under a demo plan.
pub(crate) fn first_request(url: &str, token: &str) -> String {
    format!(
        "curl -sS -X POST \"{url}/v1/customers/{CUSTOMER}/profiles/support/coachingSessions\" \\\n  \
         -H \"authorization: Bearer {token}\" -H 'content-type: application/json' \\\n  \
         -d '{{\"agentUserName\": \"customers/{CUSTOMER}/users/{AGENT}\", \
         \"creatorUserName\": \"customers/{CUSTOMER}/users/{MANAGER}\", \
         \"coachingPlanName\": \"customers/{CUSTOMER}/profiles/support/coachingPlans/{AGENT}-plan\", \
         \"meetingNotes\": \"Listened to two calls together.\"}}'"
    )
}

/// The course of an agent's scores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trend {
    Improves,
    Stays,
    Declines,
    /// They stay, and go back only a month.
    New,
}

/// A third of the agents improve, a third stay as they are, a sixth decline, and a sixth are new.
fn trend(number: usize) -> Trend {
    match number % 6 {
        0 | 1 => Trend::Improves,
        4 => Trend::Declines,
        5 => Trend::New,
        _ => Trend::Stays,
    }
}

fn first_name(person: usize) -> &'static str {
    FIRST_NAMES.get(person % FIRST_NAMES.len()).copied().unwrap_or_default()
}

/// The display name of a person, which nobody else has.
fn display_name(person: usize) -> String {
    format!("{} {}", first_name(person), LAST_NAMES.get(person % LAST_NAMES.len()).copied().unwrap_or_default())
}

/// An agent's id: the first of the support agents are called by their first names.
fn agent_id(profile: &Profile, number: usize) -> String {
    let first = first_name(profile.first_agent + number).to_lowercase();
    match (profile.id, number) {
        ("support", 0..3) => first,
        (id, _) => format!("{id}-{first}-{}", number / FIRST_NAMES.len()),
    }
}

/// The agents who are coached, each under a plan.
fn coached(profile: &Profile) -> impl Iterator<Item = usize> {
    (0..profile.agents).filter(|number| *number < 3 || number % 8 == 0)
}

fn profile_name(profile: &Profile) -> String {
    format!("customers/{CUSTOMER}/profiles/{}", profile.id)
}

fn user_name(id: &str) -> String {
    format!("customers/{CUSTOMER}/users/{id}")
}

/// Starts two jobs of the manager in the first profile, unless they are there: `export-1`, which exports the scorecards created
/// within `created`, and `cancelled-1`, which was cancelled at `cancelled`.
///
/// # Errors
/// One line, if the table does not answer.
pub async fn start_jobs(app: &App, created: Range<Timestamp>, cancelled: Timestamp) -> Result<(), String> {
    let [support, _] = &PROFILES;
    #[expect(clippy::disallowed_methods, reason = "the demo is written without a caller")]
    let tenant = Tenant::for_maintenance(CUSTOMER, support.id);
    let start = async {
        let (tenant, now) = (tenant?, app.now()?);
        let creator: UserId = id(MANAGER)?;
        let asked = ExportedScorecards::of_all(created.start, created.end);
        let export = Export { asked, form: FileForm::by_job() };
        let checkpoint = Begun::new(app, &tenant, export, None, now).await?.first_checkpoint()?;
        let request = json!({"startTime": created.start, "endTime": created.end, "asJob": true});
        let request = request.as_object().cloned().unwrap_or_default();
        for (name, is_cancelled) in [("cancelled-1", true), ("export-1", false)] {
            let (id, checkpoint) = (id(name)?, checkpoint.clone());
            let job = Job::new(id, JobKind::ExportScorecards, creator.clone(), request.clone(), checkpoint, now);
            match app.store.create_job(&tenant, &job, None).await {
                Err(error) if error.code() == Code::AlreadyExists => {}
                created => created.map(|_| ())?,
            }
            if is_cancelled {
                app.store.change_job(&tenant, &job.id, cancelled, Job::cancel).await?;
            }
        }
        Ok::<(), Error>(())
    };
    start.await.map_err(|error| causes(&error))
}

fn id<C: Collection>(text: &str) -> Result<Id<C>, Error> {
    Id::parse(text).ok_or_else(|| Error::internal(format!("'{text}' is no id")))
}

/// Loads the demo customer unless it is there. Names are fixed, so the next load completes one that was interrupted.
pub(crate) async fn load(gateway: &Gateway, issuer: &TokenIssuer) -> Result<(), String> {
    let token = issuer.issue(&Claims::new(CUSTOMER, "service", "sync@acme"))?;
    let loader = Loader { gateway, token };
    let done = format!("customers/{CUSTOMER}/groups/everyone");
    if loader.send(Method::GET, &done, &Value::Null).await?.0 == StatusCode::OK {
        return Ok(());
    }
    let now = Utc::now();
    let scorecards: Vec<(String, Vec<Value>)> =
        PROFILES.iter().map(|profile| (profile_name(profile), scorecards(profile, now))).collect();
    let progress = Progress::of(scorecards.iter().map(|(_, scorecards)| scorecards.len() as u64).sum())?;

    let users: Vec<Value> = PROFILES.iter().flat_map(users).chain([manager()]).collect();
    loader.send_all(&format!("customers/{CUSTOMER}/users:batchUpsert"), "users", &users).await?;
    for profile in &PROFILES {
        let below = profile_name(profile);
        let usecase = json!({"name": format!("{below}/usecases/{}", profile.usecase), "displayName": profile.usecase});
        loader.send_all(&format!("{below}/usecases:batchUpsert"), "usecases", &[usecase]).await?;
        for (id, title, criteria) in profile.templates {
            loader.create(&format!("{below}/scorecardTemplates"), &template(profile, id, title, criteria)).await?;
            for target in targets(profile, id, criteria, now) {
                loader.create(&format!("{below}/targets"), &target).await?;
            }
        }
        iter(coached(profile).collect::<Vec<_>>())
            .map(|number| loader.coach(profile, number, now))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
    }
    let [support, _] = &PROFILES;
    let below = profile_name(support);
    for session in first_agents_sessions(now) {
        loader.create(&format!("{below}/coachingSessions"), &session).await?;
    }
    let comment = json!({
        "name": format!("{below}/coachingComments/first"),
        "creatorUserName": user_name(MANAGER),
        "coachingPlanName": format!("{below}/coachingPlans/{AGENT}-plan"),
        "message": "How is it going?",
        "createTime": now - Duration::days(2),
    });
    loader.create(&format!("{below}/coachingComments"), &comment).await?;
    loader.send_all(&format!("{below}/scorecards:batchUpsert"), "scorecards", &first_agents_scorecards(now)).await?;
    let batches =
        scorecards.iter().flat_map(|(below, scorecards)| scorecards.chunks(BATCH).map(move |batch| (below, batch)));
    let batches: Vec<(&String, &[Value])> = batches.collect();
    let (loader, progress) = (&loader, &progress);
    iter(batches)
        .map(async |(below, batch)| {
            loader.send_all(&format!("{below}/scorecards:batchUpsert"), "scorecards", batch).await?;
            progress.advance(batch.len() as u64);
            Ok::<_, String>(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    // Written last, so if it exists, everything does.
    loader.send_all(&format!("customers/{CUSTOMER}/groups:batchUpsert"), "groups", &groups()).await?;
    progress.end();
    Ok(())
}

/// The progress of the load, on standard error: a bar in a terminal, otherwise a line now and then.
struct Progress {
    bar: ProgressBar,
    /// The time of the last line, if there is no terminal.
    told: Option<Mutex<Instant>>,
}

impl Progress {
    /// The time between two lines.
    const TOLD_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

    fn of(scorecards: u64) -> Result<Self, String> {
        let bar = ProgressBar::new(scorecards);
        let style = ProgressStyle::with_template("loading the demo customer {wide_bar} {pos}/{len} scorecards");
        bar.set_style(style.map_err(|error| error.to_string())?);
        bar.tick();
        let progress = Self { bar, told: (!std::io::stderr().is_terminal()).then(|| Mutex::new(Instant::now())) };
        if progress.told.is_some() {
            progress.tell();
        }
        Ok(progress)
    }

    fn advance(&self, scorecards: u64) {
        self.bar.inc(scorecards);
        if let Some(told) = &self.told {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.elapsed() >= Self::TOLD_EVERY {
                *told = Instant::now();
                self.tell();
            }
        }
    }

    fn tell(&self) {
        let (position, length) = (self.bar.position(), self.bar.length().unwrap_or_default());
        eprintln!("loading the demo customer: {position} of {length} scorecards");
    }

    fn end(&self) {
        self.bar.finish_and_clear();
        if self.told.is_some() {
            self.tell();
        }
    }
}

fn manager() -> Value {
    json!({"name": user_name(MANAGER), "displayName": "Maria Moreno", "isActive": true, "roles": ["manager"]})
}

fn users(profile: &Profile) -> Vec<Value> {
    let agents = (0..profile.agents).map(|number| {
        json!({
            "name": user_name(&agent_id(profile, number)),
            "displayName": display_name(profile.first_agent + number),
            "isActive": number % 20 != 19,
            "isDevUser": number % 79 == 78,
            "roles": ["agent"],
            "profileNames": [profile_name(profile)],
        })
    });
    let supervisors = (0..profile.agents / 20).map(|team| {
        json!({
            "name": user_name(&format!("{}-supervisor-{team}", profile.id)),
            "displayName": display_name(profile.first_supervisor + team),
            "isActive": true,
            "roles": ["manager"],
            "profileNames": [profile_name(profile)],
        })
    });
    agents.chain(supervisors).collect()
}

/// Teams of 20 with a supervisor, under their profile's group, under everyone; and the group of those whom the manager
/// coaches.
fn groups() -> Vec<Value> {
    let group = |id: &str| format!("customers/{CUSTOMER}/groups/{id}");
    let mut groups = Vec::new();
    for profile in &PROFILES {
        let teams = profile.agents / 20;
        for team in 0..teams {
            let members = (team * 20..team * 20 + 20).map(|number| user_name(&agent_id(profile, number)));
            let supervisor = user_name(&format!("{}-supervisor-{team}", profile.id));
            groups.push(json!({
                "name": group(&format!("{}-team-{team}", profile.id)),
                "displayName": format!("{} team {team}", profile.id),
                "memberUserNames": members.chain([supervisor.clone()]).collect::<Vec<_>>(),
                "managerUserNames": [supervisor],
            }));
        }
        let names: Vec<String> = (0..teams).map(|team| group(&format!("{}-team-{team}", profile.id))).collect();
        groups.push(json!({"name": group(profile.id), "displayName": profile.id, "subgroupNames": names}));
    }
    let [support, _] = &PROFILES;
    let members: Vec<String> = coached(support).map(|number| user_name(&agent_id(support, number))).collect();
    groups.push(json!({
        "name": group("team"),
        "displayName": "Maria's agents",
        "memberUserNames": members,
        "managerUserNames": [user_name(MANAGER)],
    }));
    let profiles: Vec<String> = PROFILES.iter().map(|profile| group(profile.id)).collect();
    groups.push(json!({"name": group("everyone"), "displayName": "everyone", "subgroupNames": profiles}));
    groups
}

fn template(profile: &Profile, id: &str, title: &str, criteria: &[Criterion]) -> Value {
    let below = profile_name(profile);
    let mut chapters: Vec<&str> = criteria.iter().map(|(chapter, ..)| *chapter).collect();
    chapters.dedup();
    let chapters = chapters.into_iter().map(|chapter| {
        let criteria = criteria.iter().filter(|(of, ..)| *of == chapter).map(|(_, criterion, auto_fail)| {
            let maximum = if *auto_fail { 1 } else { 5 };
            json!({"criterionId": criterion, "displayName": criterion.replace('-', " "), "maximumValue": maximum, "autoFail": auto_fail})
        });
        json!({"chapterId": chapter, "displayName": chapter, "criteria": criteria.collect::<Vec<_>>()})
    });
    json!({
        "name": format!("{below}/scorecardTemplates/{id}"),
        "title": title,
        "usecaseNames": [format!("{below}/usecases/{}", profile.usecase)],
        "template": {"chapters": chapters.collect::<Vec<_>>()},
        "qaTaskConfig": {
            "evaluationPeriodConfig": {"kind": "WEEK", "timeZoneId": "America/New_York", "anchorDate": "2026-05-11"},
            "taskCompleteConfig": {"evaluatedConversationCountPerAgent": 4},
        },
    })
}

/// The organisation's targets: one for the whole, one for the first criterion.
fn targets(profile: &Profile, id: &str, criteria: &[Criterion], now: DateTime<Utc>) -> Vec<Value> {
    let below = profile_name(profile);
    let first = criteria.first().map_or("", |(_, criterion, _)| *criterion);
    let target = |part: &str, value: u32| {
        json!({
            "name": format!("{below}/targets/{}-target", if part.is_empty() { id } else { part }),
            "scorecardTemplateName": format!("{below}/scorecardTemplates/{id}"),
            "criterionOrChapterId": part,
            "target": value,
            "usecaseName": format!("{below}/usecases/{}", profile.usecase),
            "createTime": now - Duration::days(90),
        })
    };
    vec![target("", 75), target(first, 80)]
}

/// 90 days of scorecards, about one per day and agent, by the agent's trend.
fn scorecards(profile: &Profile, now: DateTime<Utc>) -> Vec<Value> {
    let below = profile_name(profile);
    let mut scorecards = Vec::new();
    for number in 0..profile.agents {
        let mut random = fastrand::Rng::with_seed((profile.first_agent + number) as u64);
        let agent = agent_id(profile, number);
        let trend = trend(number);
        let start = 100 * random.u64(2..4);
        let days = if trend == Trend::New { 30 } else { DAYS };
        for ago in 0..days {
            if random.u8(0..100) >= 94 {
                continue;
            }
            // The score of a criterion on that day, in hundredths, before chance adds up to one and a half.
            let since = 100 * ago / DAYS;
            let level = match trend {
                Trend::Improves => start + 150 - 2 * since,
                Trend::Declines => start + 50 + 2 * since,
                Trend::Stays | Trend::New => start + 50,
            };
            let Some((template, _, criteria)) = random.choice(profile.templates) else { continue };
            let scores = criteria.iter().map(|(_, criterion, auto_fail)| {
                if random.u8(0..100) < 6 {
                    return json!({"criterionId": criterion, "notApplicable": true});
                }
                let value = if *auto_fail {
                    u64::from(random.u8(..100) != 0)
                } else {
                    ((level + random.u64(..150)) / 100).min(5)
                };
                json!({"criterionId": criterion, "numericValue": value})
            });
            let scores: Vec<Value> = scores.collect();
            let day_start =
                (now - Duration::days(i64::try_from(ago).unwrap_or(0))).date_naive().and_time(NaiveTime::MIN);
            let minutes = random.i64(9 * 60..17 * 60);
            let time = (day_start.and_utc() + Duration::minutes(minutes)).min(now);
            scorecards.push(json!({
                "name": format!("{below}/scorecards/{agent}-{ago:02}"),
                "conversationName": format!("{below}/conversations/{agent}-{ago:02}"),
                "agentUserName": user_name(&agent),
                "templateName": format!("{below}/scorecardTemplates/{template}@1"),
                "scores": scores,
                "createTime": time,
                "submitTime": time,
            }));
        }
    }
    scorecards
}

/// Scorecards of the first agent in each state: one partly scored, one submitted.
fn first_agents_scorecards(now: DateTime<Utc>) -> [Value; 2] {
    let [support, _] = &PROFILES;
    let below = profile_name(support);
    [("draft-1", None), ("submitted-1", Some(now - Duration::days(2)))].map(|(id, submitted)| {
        json!({
            "name": format!("{below}/scorecards/{id}"),
            "conversationName": format!("{below}/conversations/call"),
            "agentUserName": user_name(AGENT),
            "templateName": format!("{below}/scorecardTemplates/quality@1"),
            "scores": [{"criterionId": "greeting", "numericValue": 5}, {"criterionId": "privacy", "numericValue": 1}],
            "createTime": submitted.unwrap_or(now - Duration::days(1)),
            "submitTime": submitted,
        })
    })
}

fn plan(profile: &Profile, agent: &str, title: &str, now: DateTime<Utc>) -> Value {
    let below = profile_name(profile);
    let start = now - Duration::days(30);
    json!({
        "name": format!("{below}/coachingPlans/{agent}-plan"),
        "agentUserName": user_name(agent),
        "creatorUserName": user_name(MANAGER),
        "isActive": true,
        "displayName": title,
        "usecaseName": format!("{below}/usecases/{}", profile.usecase),
        "createTime": start,
        "startTime": start,
        "endTime": now + Duration::days(60),
    })
}

/// Sessions are a week apart; every one but the last is acknowledged.
fn session(profile: &Profile, agent: &str, number: usize, notes: &str, now: DateTime<Utc>) -> Value {
    let below = profile_name(profile);
    let weeks_ago = i64::try_from(3 - number).unwrap_or(0);
    let held = now - Duration::weeks(weeks_ago);
    let acknowledged = (number < 2).then(|| held + Duration::days(1));
    json!({
        "name": format!("{below}/coachingSessions/{agent}-{}", number + 1),
        "agentUserName": user_name(agent),
        "creatorUserName": user_name(MANAGER),
        "coachingPlanName": format!("{below}/coachingPlans/{agent}-plan"),
        "usecaseName": format!("{below}/usecases/{}", profile.usecase),
        "createTime": held,
        "sessionTime": held,
        "meetingNotes": notes,
        "managerSubmitTime": held,
        "managerSubmitterUserName": user_name(MANAGER),
        "agentUpdateTime": acknowledged,
        "agentSubmitTime": acknowledged,
        "acknowledgeTime": acknowledged,
        "agentComment": acknowledged.map(|_| "Thank you, I will work on it."),
    })
}

/// Further sessions of the first agent, so that there is one in each state.
fn first_agents_sessions(now: DateTime<Utc>) -> [Value; 3] {
    let [support, _] = &PROFILES;
    let below = profile_name(support);
    let session = |id: &str, time: DateTime<Utc>, notes: [Option<&str>; 2], submitted: Option<DateTime<Utc>>| {
        let [meeting_notes, private_notes] = notes;
        json!({
            "name": format!("{below}/coachingSessions/{id}"),
            "agentUserName": user_name(AGENT),
            "creatorUserName": user_name(MANAGER),
            "coachingPlanName": format!("{below}/coachingPlans/{AGENT}-plan"),
            "createTime": time.min(now - Duration::days(1)),
            "sessionTime": time,
            "meetingNotes": meeting_notes,
            "privateNotes": private_notes,
            "managerSubmitTime": submitted,
            "managerSubmitterUserName": submitted.map(|_| user_name(MANAGER)),
        })
    };
    let submitted = now - Duration::days(3);
    let of_a_chat = "Listened to a chat. Its tone is as warm as on the phone.";
    let of_two_calls = "Two calls. Who does what by when is said in both.";
    [
        session("submitted-1", submitted, [Some(of_a_chat), None], Some(submitted)),
        session("held-1", now - Duration::days(1), [Some(of_two_calls), Some("Ready for a senior role soon.")], None),
        session("scheduled-1", now + Duration::weeks(1), [None, None], None),
    ]
}

struct Loader<'a> {
    gateway: &'a Gateway,
    token: String,
}

impl Loader<'_> {
    /// A plan for one agent with a target of its own, and three sessions under it.
    async fn coach(&self, profile: &Profile, number: usize, now: DateTime<Utc>) -> Result<(), String> {
        let below = profile_name(profile);
        let agent = agent_id(profile, number);
        let usual = COURSES.get(number % COURSES.len()).unwrap_or(&HARD_COURSE);
        let (title, notes) = if trend(number) == Trend::Declines { &HARD_COURSE } else { usual };
        self.create(&format!("{below}/coachingPlans"), &plan(profile, &agent, title, now)).await?;
        if let Some((template, _, [(_, criterion, _), ..])) = profile.templates.first() {
            let target = json!({
                "name": format!("{below}/targets/{agent}-target"),
                "scorecardTemplateName": format!("{below}/scorecardTemplates/{template}"),
                "criterionOrChapterId": criterion,
                "target": 90,
                "usecaseName": format!("{below}/usecases/{}", profile.usecase),
                "coachingPlanName": format!("{below}/coachingPlans/{agent}-plan"),
                "createTime": now - Duration::days(30),
            });
            self.create(&format!("{below}/targets"), &target).await?;
        }
        for (number, notes) in notes.iter().enumerate() {
            let session = session(profile, &agent, number, notes, now);
            self.create(&format!("{below}/coachingSessions"), &session).await?;
        }
        Ok(())
    }

    /// Creates a resource with a fixed name; an existing one stays.
    async fn create(&self, collection: &str, message: &Value) -> Result<(), String> {
        match self.send(Method::POST, collection, message).await? {
            (StatusCode::OK | StatusCode::CONFLICT, _) => Ok(()),
            (_, answer) => Err(format!("the demo data was refused: {answer}")),
        }
    }

    /// Sends `entries` to a batch operation, which must accept each.
    async fn send_all(&self, path: &str, field: &str, entries: &[Value]) -> Result<(), String> {
        for batch in entries.chunks(BATCH) {
            let (status, answer) = self.send(Method::POST, path, &json!({ field: batch })).await?;
            if status != StatusCode::OK || answer.contains(r#""status":{"#) {
                return Err(format!("the demo data was refused: {answer:.500}"));
            }
        }
        Ok(())
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
