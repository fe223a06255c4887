//! The longest answers: no answer exceeds what Lambda takes from a function, and pages that end there show every entry
//! once. [`coaching_tests::answer`] asserts the limit for every answer in any test.

use aws_sdk_dynamodb::types::AttributeValue;
use coaching_edge::MAX_ANSWER_BYTES;
use coaching_tests::{
    Event, ITEMS_OF_DIRECTORY, TestService, below_support, merge, plan_name, session_name, usecase_name, user,
    user_name,
};
use serde_json::{Value, json};

/// The longest text: six bytes per character in a request, seven in an answer.
fn long_text() -> String {
    "\u{1}".repeat(64 * 1024)
}

/// The bytes of `body` in Lambda's answer.
fn bytes(body: &Value) -> usize {
    let json = body.to_string();
    json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// The number of pages of `event`, whose first needs no `pageToken`, and all entries of their list `field`. Asserts
/// that no page ends before its answer is full.
async fn walk(service: &TestService, field: &str, event: impl Fn(&str) -> Event) -> (usize, Vec<Value>) {
    let mut entries: Vec<Value> = Vec::new();
    let mut full = 0;
    let mut token = String::new();
    for page in 1..100 {
        let answer = service.succeed(&event(&token)).await;
        let shown = answer[field].as_array().unwrap();
        assert!(!shown.is_empty(), "page {page} shows nothing");
        if page > 1 {
            assert!(
                full + bytes(&shown[0]) > MAX_ANSWER_BYTES - 4 * 1024,
                "page {page} starts with what fitted before"
            );
        }
        full = bytes(&answer);
        entries.extend(shown.iter().cloned());
        match answer["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return (page, entries),
        }
    }
    panic!("{field} has no last page");
}

/// Like [`walk`], for a list that is read with GET.
async fn walk_list(service: &TestService, field: &str, path: &str) -> (usize, Vec<Value>) {
    walk(service, field, |token| Event::get(path).with("pageToken", token)).await
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

/// Copies what was created with the id `ids(0)`, without histories, until there are `count`. Only the ids differ.
async fn copies<const N: usize>(service: &TestService, count: usize, ids: impl Fn(usize) -> [String; N]) {
    let first = ids(0);
    let partition = format!("#{}", first[0]);
    let items: Vec<_> = service.items().await.into_values().collect();
    let items = items.into_iter().filter(|item| item["PK"].as_s().unwrap().ends_with(&partition));
    let items: Vec<_> = items.filter(|item| !item["SK"].as_s().unwrap().starts_with("change#")).collect();
    assert!(!items.is_empty());
    for number in 1..count {
        let ids = ids(number);
        for item in &items {
            let renamed = item.iter().map(|(name, value)| {
                let value = match value {
                    AttributeValue::S(text) if text.len() < 1024 => {
                        let pairs = first.iter().zip(&ids);
                        AttributeValue::S(pairs.fold(text.clone(), |text, (from, to)| text.replace(from, to)))
                    }
                    value => value.clone(),
                };
                (name.clone(), value)
            });
            let put = service.client().put_item().table_name(service.table()).set_item(Some(renamed.collect()));
            put.send().await.unwrap();
        }
    }
}

/// Creates `count` sessions of `ana` in `plan` at one time, with these `notes`; returns their names in list order.
async fn long_sessions(service: &TestService, plan: &str, count: usize, notes: &str) -> Vec<String> {
    let id = |number: usize| format!("{plan}-{number:02}");
    let session = json!({
        "name": session_name(&id(0)),
        "agentUserName": user_name("ana"),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name(plan),
        "usecaseName": usecase_name("care"),
        "sessionTime": "2026-06-08T10:00:00Z",
        "meetingNotes": notes,
        "privateNotes": notes,
    });
    service.succeed(&Event::post("coachingSessions", session)).await;
    copies(service, count, |number| [id(number)]).await;
    (0..count).map(|number| session_name(&id(number))).collect()
}

#[tokio::test]
async fn pages_of_the_longest_sessions() {
    let service = TestService::start().await;
    service.directory(&["ana"]).await;
    service.plan("one", "ana").await;
    service.plan("two", "ana").await;
    let sessions = long_sessions(&service, "one", 8, &long_text()).await;
    let of_usecase = format!("coachingSessions?usecaseNames={}", usecase_name("care"));
    for path in ["coachingSessions?pageSize=1000", &of_usecase, "coachingSessions?startUpdateTime=2026-06-01T00:00:00Z"]
    {
        let (pages, seen) = walk_list(&service, "coachingSessions", path).await;
        assert_eq!((pages, names(&seen)), (2, sessions.iter().map(String::as_str).collect()), "{path}");
    }

    // A plan holds as many of its sessions as fit.
    let plan = service.succeed(&Event::get("coachingPlans/one")).await;
    let of_plan = plan["coachingPlan"]["coachingSessions"].as_array().unwrap();
    let fitting = MAX_ANSWER_BYTES / bytes(&of_plan[0]);
    assert_eq!(names(of_plan), sessions[..fitting]);

    let of_two = long_sessions(&service, "two", 2, &long_text()).await;
    let list =
        |token: &str| Event::post("coachingPlans:list", json!({"includeCoachingSessions": true, "pageToken": token}));
    let (pages, plans) = walk(&service, "coachingPlans", list).await;
    assert_eq!((pages, names(&plans)), (2, vec![plan_name("one").as_str(), plan_name("two").as_str()]));
    assert_eq!(names(plans[0]["coachingSessions"].as_array().unwrap()), sessions[..fitting]);
    assert_eq!(names(plans[1]["coachingSessions"].as_array().unwrap()), of_two);

    // One session of the maximum length.
    let submit = json!({"coachingSession": {"managerSubmitTime": "2026-06-01T12:00:00Z"}}).to_string();
    service.succeed(&Event::new("PATCH", "coachingSessions/one-00").with_text(&submit)).await;
    let all = json!({"acknowledged": true, "agentComment": long_text()});
    service.succeed(&Event::post("coachingSessions/one-00:acknowledge", all).by("agent", "ana")).await;
    let read = service.succeed(&Event::get("coachingSessions/one-00")).await;
    assert!(bytes(&read) > 3 * 7 * 64 * 1024);
}

#[tokio::test]
async fn what_an_agent_does_not_see_ends_none_of_their_pages() {
    let service = TestService::start().await;
    service.usecase().await;
    let id = |number: usize| format!("plan-{number:03}");
    let plain = "x".repeat(long_text().len());
    service.plan_with(&id(0), "ana", json!({"comment": plain})).await;
    let plans: Vec<String> = (0..110).map(|number| plan_name(&id(number))).collect();
    copies(&service, plans.len(), |number| [id(number)]).await;
    service.plan("one", "ana").await;
    // Notes and private notes of 64 KiB each; no session is submitted.
    let sessions = long_sessions(&service, "one", 100, &plain).await;
    for (path, all) in [
        ("coachingSessions?pageSize=1000", &sessions),
        (&format!("coachingSessions?pageSize=1000&coachingPlanName={}", plan_name("one")), &sessions),
    ] {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let seen = service.succeed(&Event::get(path).by("agent", "ana")).await;
        assert_eq!((names(seen["coachingSessions"].as_array().unwrap()), seen.get("nextPageToken")), (all, None));
        assert!(service.succeed(&Event::get(path)).await["nextPageToken"].is_string(), "managers see more");
    }
    let plan = service.succeed(&Event::get("coachingPlans/one").by("agent", "ana")).await;
    assert_eq!(plan["coachingPlan"]["coachingSessions"].as_array().unwrap().len(), sessions.len());
    let list = Event::post("coachingPlans:list", json!({"pageSize": 1000}));
    let seen = service.succeed(&list.clone().by("agent", "ana")).await;
    assert_eq!((seen["coachingPlans"].as_array().unwrap().len(), seen.get("nextPageToken")), (plans.len() + 1, None));
    assert!(service.succeed(&list).await["nextPageToken"].is_string());
    let with_sessions = Event::post("coachingPlans:list", json!({"pageSize": 1000, "includeCoachingSessions": true}));
    let seen = service.succeed(&with_sessions.by("agent", "ana")).await["coachingPlans"].clone();
    let of_one = seen.as_array().unwrap().iter().find(|plan| plan["name"] == plan_name("one")).unwrap();
    assert_eq!((seen.as_array().unwrap().len(), of_one["coachingSessions"].as_array().unwrap().len()), (50, 100));
}

#[tokio::test]
async fn pages_of_the_longest_comments() {
    let service = TestService::start().await;
    service.plan("one", "ana").await;
    let id = |number: usize| format!("comment-{number:02}");
    let comment = json!({
        "name": below_support(&format!("coachingComments/{}", id(0))),
        "creatorUserName": user_name("maria"),
        "coachingPlanName": plan_name("one"),
        "message": long_text(),
    });
    service.succeed(&Event::post("coachingComments", comment)).await;
    copies(&service, 20, |number| [id(number)]).await;
    let (pages, comments) = walk_list(&service, "coachingComments", "coachingComments?pageSize=1000").await;
    let all: Vec<String> = (0..20).map(|number| below_support(&format!("coachingComments/{}", id(number)))).collect();
    assert_eq!((pages, names(&comments)), (2, all.iter().map(String::as_str).collect()));
}

#[tokio::test]
async fn pages_of_the_longest_plans() {
    let service = TestService::start().await;
    let id = |number: usize| format!("plan-{number:02}");
    service.plan_with(&id(0), "ana", json!({"comment": long_text()})).await;
    copies(&service, 20, |number| [id(number)]).await;
    let list = |token: &str| Event::post("coachingPlans:list", json!({"pageToken": token}));
    let (pages, plans) = walk(&service, "coachingPlans", list).await;
    let all: Vec<String> = (0..20).map(|number| plan_name(&id(number))).collect();
    assert_eq!((pages, names(&plans)), (2, all.iter().map(String::as_str).collect()));
}

#[tokio::test]
async fn pages_of_the_longest_changes() {
    let service = TestService::start().await;
    service.usecase().await;
    service.plan("one", "ana").await;
    let session = long_sessions(&service, "one", 1, &long_text()).await.remove(0);
    for number in 0..7 {
        let notes = format!("{number}{}", &long_text()[1..]);
        let update = json!({"coachingSession": {"privateNotes": notes}}).to_string();
        service.succeed(&Event::new("PATCH", "coachingSessions/one-00").with_text(&update)).await;
    }
    let event = |token: &str| Event::get("changes").with("name", &session).with("pageToken", token);
    let (pages, changes) = walk(&service, "changes", event).await;
    assert!(pages > 1);
    let versions: Vec<u64> = changes.iter().map(|change| change["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=8).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_of_many_targets() {
    let service = TestService::start().await;
    service.usecase().await;
    // Ids of the maximum length.
    let long = |text: &str| format!("{text:-<128}");
    service.template(&long("template"), json!({})).await;
    let id = |number: usize| long(&format!("target-{number:04}"));
    let target = json!({
        "name": below_support(&format!("targets/{}", id(0))),
        "scorecardTemplateName": below_support(&format!("scorecardTemplates/{}", long("template"))),
        "criterionOrChapterId": "greeting",
        "target": 80,
        "usecaseName": usecase_name("care"),
    });
    service.succeed(&Event::post("targets", target)).await;
    copies(&service, 300, |number| [id(number)]).await;
    let list = |token: &str| Event::post("targets:list", json!({"pageSize": 1000, "pageToken": token}));
    let (pages, targets) = walk(&service, "targets", list).await;
    let all: Vec<String> = (0..300).map(|number| below_support(&format!("targets/{}", id(number)))).collect();
    assert_eq!((pages, names(&targets)), (1, all.iter().map(String::as_str).collect()), "1000 of them fit");
    assert!(bytes(&targets[0]) * 1000 < MAX_ANSWER_BYTES);
}

/// The ids of templates that are copies of each other.
fn template_id(number: usize) -> String {
    format!("template-{number:02}")
}

fn template_name(number: usize) -> String {
    below_support(&format!("scorecardTemplates/{}", template_id(number)))
}

/// Templates of `criteria` criteria with labels of the maximum length.
async fn long_templates(service: &TestService, templates: usize, criteria: usize, label: &str) {
    assert_eq!(label.len(), 1024);
    let criteria: Vec<Value> = (0..criteria)
        .map(|number| json!({"criterionId": format!("criterion-{number:03}"), "displayName": label, "maximumValue": 5}))
        .collect();
    let chapters = json!([{"chapterId": "chapter", "displayName": label, "criteria": criteria}]);
    service.template(&template_id(0), json!({"title": label, "template": {"chapters": chapters}})).await;
    copies(service, templates, |number| [template_id(number)]).await;
}

/// The number of criteria that fit into a template with this label, each of whose characters takes four bytes in an
/// answer.
fn label_of_quotes() -> (usize, String) {
    (59, "\"".repeat(1024))
}

#[tokio::test]
async fn pages_of_the_longest_templates() {
    let quoted = format!("{}{}", "\"".repeat(40), "x".repeat(984));
    for (criteria, label) in [(200, quoted), label_of_quotes()] {
        let service = TestService::start().await;
        service.usecase().await;
        long_templates(&service, 30, criteria, &label).await;
        let (pages, templates) = walk_list(&service, "scorecardTemplates", "scorecardTemplates:listCurrent").await;
        let all: Vec<String> = (0..30).map(|number| format!("{}@1", template_name(number))).collect();
        assert_eq!((pages, names(&templates)), (2, all.iter().map(String::as_str).collect()));
    }
}

/// A scorecard of `ana` with a score for each of the first `criteria` criteria.
fn scorecard(id: &str, criteria: usize) -> Value {
    let scores: Vec<Value> = (0..criteria)
        .map(|number| json!({"criterionId": format!("criterion-{number:03}"), "numericValue": 3}))
        .collect();
    json!({
        "name": below_support(&format!("scorecards/{id}")),
        "conversationName": below_support("conversations/call"),
        "agentUserName": user_name("ana"),
        "templateName": template_name(0),
        "usecaseName": usecase_name("care"),
        "scores": scores,
    })
}

#[tokio::test]
async fn pages_of_scorecards_with_the_longest_labels() {
    let service = TestService::start().await;
    service.directory(&["ana"]).await;
    // The labels are in each score, and again in the templates next to the scorecards.
    let (criteria, label) = label_of_quotes();
    long_templates(&service, 42, criteria, &label).await;
    let id = |number: usize| format!("scorecard-{number:02}");
    service.succeed(&Event::post("scorecards", scorecard(&id(0), criteria))).await;
    // Each scorecard of another template, then more of the first one.
    let template = |number: usize| if number < 42 { template_id(number) } else { template_id(0) };
    copies(&service, 56, |number| [id(number), template(number)]).await;

    let mut pages = Vec::new();
    let mut token = String::new();
    let mut seen: Vec<Value> = Vec::new();
    loop {
        let event = Event::get("scorecards").with("pageSize", "1000").with("pageToken", &token);
        let answer = service.succeed(&event).await;
        let shown = answer["scorecards"].as_array().unwrap();
        assert!(!shown.is_empty());
        let mut made_from: Vec<&str> = shown.iter().map(|one| one["templateName"].as_str().unwrap()).collect();
        made_from.sort_unstable();
        made_from.dedup();
        assert_eq!(names(answer["scorecardTemplates"].as_array().unwrap()), made_from);
        seen.extend(shown.iter().cloned());
        pages.push(shown.len());
        let Some(next) = answer["nextPageToken"].as_str() else { break };
        token = next.to_owned();
        // Another scorecard, with its template, would not fit.
        assert!(bytes(&answer) > MAX_ANSWER_BYTES - 1_000_000, "{} bytes", bytes(&answer));
    }
    let all: Vec<String> = (0..56).map(|number| below_support(&format!("scorecards/{}", id(number)))).collect();
    assert_eq!(names(&seen), all);
    assert_eq!(pages[0], 12, "with a template each");
    assert!(pages.iter().any(|shown| *shown > 12), "of one template, more fit: {pages:?}");
}

/// Targets of the organisation for all criteria of `templates` templates with long labels.
async fn long_targets(service: &TestService, templates: usize) {
    let (criteria, label) = label_of_quotes();
    long_templates(service, templates, criteria, &label).await;
    let target = json!({
        "name": below_support("targets/target-000"),
        "scorecardTemplateName": template_name(0),
        "criterionOrChapterId": "criterion-000",
        "target": 80,
        "usecaseName": usecase_name("care"),
    });
    service.succeed(&Event::post("targets", target)).await;
    let ids = |number: usize| {
        let (template, criterion) = (number / criteria, number % criteria);
        [format!("target-{number:03}"), template_id(template), format!("criterion-{criterion:03}")]
    };
    copies(service, templates * criteria, ids).await;
}

#[tokio::test]
async fn pages_of_progress_with_the_longest_labels() {
    let service = TestService::start().await;
    let agents: Vec<String> = (0..40).map(|number| format!("agent-{number:02}")).collect();
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    service.directory(&agents).await;
    // All users have the same name, so a page ends within it.
    let namesakes: Vec<Value> = agents
        .iter()
        .map(|agent| {
            let mut namesake = user(agent);
            namesake["displayName"] = json!("Agent");
            namesake
        })
        .collect();
    let sync = Event::post("", json!({"users": namesakes})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&sync.by("service", "sync@acme")).await;
    long_targets(&service, 1).await;

    let team = json!({"groupNames": ["customers/acme/groups/team"]});
    for (who, order, direction, page_size) in [
        (json!({}), "ORDER_BY_UNSPECIFIED", "ORDER_DIRECTION_DESC", 1000),
        (team.clone(), "ORDER_BY_UNSPECIFIED", "ORDER_DIRECTION_ASC", 50),
        // The order is stored because the page is cut, although it could hold all agents.
        (json!({}), "ORDER_BY_GAP", "ORDER_DIRECTION_ASC", 1000),
        // The order is stored before the page is cut.
        (team, "ORDER_BY_PROGRESS", "ORDER_DIRECTION_DESC", 39),
    ] {
        let event = |token: &str| {
            let mut body = json!({
                "usecaseNames": [usecase_name("care")],
                "orderBy": order,
                "orderDirection": direction,
                "pageSize": page_size,
                "pageToken": token,
            });
            merge(&mut body, who.clone());
            Event::post("coachingProgresses:retrieve", body)
        };
        let (pages, progresses) = walk(&service, "agentCoachingProgresses", event).await;
        let seen: Vec<&str> = progresses.iter().map(|one| one["agentUserName"].as_str().unwrap()).collect();
        let everyone: Vec<String> = agents.iter().map(|agent| user_name(agent)).collect();
        assert_eq!((pages, seen), (2, everyone.iter().map(String::as_str).collect()), "{order} {direction}");
    }
}

#[tokio::test]
async fn a_page_ends_after_an_agent_with_the_longest_name_and_id() {
    let service = TestService::start().await;
    let agents = ["a", "b", "c"].map(|letter| letter.repeat(128));
    let users: Vec<Value> = agents
        .iter()
        .map(|agent| {
            let mut user = user(agent);
            user["displayName"] = json!("\u{1f600}".repeat(64));
            user
        })
        .collect();
    service.usecase().await;
    let sync = Event::post("", json!({"users": users})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&sync.by("service", "sync@acme")).await;
    let mut seen = Vec::new();
    let mut body = json!({"usecaseNames": [usecase_name("care")], "pageSize": 1});
    loop {
        let answer = service.succeed(&Event::post("coachingProgresses:retrieve", body.clone())).await;
        let shown = answer["agentCoachingProgresses"].as_array().unwrap();
        seen.extend(shown.iter().map(|one| one["agentUserName"].as_str().unwrap().to_owned()));
        let Some(next) = answer.get("nextPageToken") else { break };
        body["pageToken"] = next.clone();
    }
    assert_eq!(seen, agents.map(|agent| user_name(&agent)));
}

#[tokio::test]
async fn progress_of_one_agent_that_fits_no_answer_is_refused() {
    let service = TestService::start().await;
    service.directory(&["ana"]).await;
    long_targets(&service, 30).await;
    let mut body = json!({"usecaseNames": [usecase_name("care")]});
    for order in ["ORDER_BY_UNSPECIFIED", "ORDER_BY_GAP"] {
        body["orderBy"] = json!(order);
        let event = Event::post("coachingProgresses:retrieve", body.clone());
        assert_eq!(service.refused(&event, 400).await.refused_fields(), ["usecaseNames"]);
    }
    let some: Vec<String> = (0..5).map(|number| format!("{}@*", template_name(number))).collect();
    body["scorecardTemplateNames"] = json!(some);
    let answer = service.succeed(&Event::post("coachingProgresses:retrieve", body)).await;
    assert_eq!(answer["agentCoachingProgresses"][0]["criterionProgresses"].as_array().unwrap().len(), 5 * 59);
}

#[tokio::test]
async fn a_batch_of_scorecards_writes_what_it_can_answer() {
    let service = TestService::start().await;
    service.directory(&["ana"]).await;
    let (criteria, label) = label_of_quotes();
    long_templates(&service, 1, criteria, &label).await;
    let mut left: Vec<Value> = (0..40).map(|number| scorecard(&format!("s{number:02}"), criteria)).collect();
    let mut batches = 0;
    while !left.is_empty() {
        let batch = json!({"scorecards": left});
        let answer = service.succeed(&Event::post("scorecards:batchUpsert", batch).by("service", "sync@acme")).await;
        let results = answer["results"].as_array().unwrap();
        for (place, (result, sent)) in results.iter().zip(&left).enumerate() {
            let id = sent["name"].as_str().unwrap().rsplit('/').next().unwrap();
            let key = format!("acme#support#scorecard#{id} / scorecard");
            let is_written = service.items().await.contains_key(&key);
            assert_eq!(result["scorecard"].is_object(), is_written, "{id}");
            if !is_written {
                let violations = &result["status"]["details"][1]["fieldViolations"];
                assert_eq!(violations[0]["field"], format!("scorecards[{place}]"), "{result}");
            }
        }
        let mut result = results.iter();
        left.retain(|_| result.next().is_some_and(|result| result["scorecard"].is_null()));
        assert!(left.len() + 10 < results.len() || left.is_empty(), "a dozen fit");
        batches += 1;
    }
    assert_eq!(batches, 2);
}

#[tokio::test]
async fn batches_of_refusals() {
    let service = TestService::start().await;
    let customer = "c".repeat(128);
    let profile = "p".repeat(128);
    let below_profile = format!("customers/{customer}/profiles/{profile}");
    let junk: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    for (path, list, entry) in [
        (format!("{below_profile}/coachingPlans"), "coachingPlans", json!({"focusCriteria": vec![json!({}); 40]})),
        (format!("{below_profile}/scorecards"), "scorecards", json!({"scores": vec![json!({}); 40]})),
        (format!("{below_profile}/scorecards"), "scorecards", json!({"coachingPlanNames": junk[..20]})),
        (format!("{below_profile}/usecases"), "usecases", json!({"name": "x"})),
        (format!("customers/{customer}/users"), "users", json!({"profileNames": junk[..20]})),
        (format!("customers/{customer}/groups"), "groups", json!({"memberUserNames": junk})),
    ] {
        let event = Event::post("", json!({list: vec![entry; 500]}))
            .to(&format!("/v1/{path}:batchUpsert"))
            .by("service", "sync@acme")
            .with_claim("customer", json!(customer));
        let answer = service.succeed(&event).await;
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), 500);
        for (place, result) in results.iter().enumerate() {
            assert_eq!(result["status"]["code"], 3, "{list}");
            let violations = result["status"]["details"][1]["fieldViolations"].as_array().unwrap();
            let field = violations[0]["field"].as_str().unwrap();
            assert!(field.starts_with(&format!("{list}[{place}]")), "{field}");
            assert!(bytes(&result["status"]) <= coaching_edge::MAX_STATUS_BYTES);
        }
    }
    assert_eq!(service.items().await.len(), ITEMS_OF_DIRECTORY);
}

#[tokio::test]
async fn batches_of_the_longest_entries() {
    let service = TestService::start().await;
    // A body holds 1 MiB; escaped characters take twice as much in the answer.
    let plan = |number: usize| {
        json!({
            "name": plan_name(&format!("plan-{number}")),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "isActive": false,
            "comment": "\"".repeat(7000),
        })
    };
    let group = |number: usize| {
        let members: Vec<String> = (0..55).map(|member| user_name(&format!("m{member}"))).collect();
        let name = format!("customers/acme/groups/{number}");
        json!({"name": name, "displayName": "\"".repeat(100), "memberUserNames": members})
    };
    for (path, list, result, entries) in [
        (below_support("coachingPlans"), "coachingPlans", "coachingPlan", (0..70).map(plan).collect::<Vec<_>>()),
        ("customers/acme/groups".to_owned(), "groups", "group", (0..500).map(group).collect()),
    ] {
        let event = Event::post("", json!({list: entries}));
        let event = event.to(&format!("/v1/{path}:batchUpsert")).by("service", "sync@acme");
        let answer = service.succeed(&event).await;
        let results = answer["results"].as_array().unwrap();
        assert!(results.iter().all(|one| one[result].is_object()), "{}", results[0]);
        assert!(bytes(&answer) > 1024 * 1024);
    }
}
