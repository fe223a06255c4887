//! Rules that all operations share when they read requests: absent values, names for people, names of templates, the
//! order of times, and that they read what they declare.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::future::ready;

use coaching_domain::Error;
use coaching_edge::{Answer, App, Operation, Request, RequestType};
use coaching_local::OPERATIONS;
use coaching_tests::{
    Event, NOW, TestService, answer, below_support, body_of, event_file, event_files, merge, plan_name, root,
    usecase_name, user_name,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// The schema of the body for the route of `event`, and the parameters of its query.
fn asked(document: &Value, event: &Value) -> Option<(Value, Vec<String>)> {
    let (method, route) = event["routeKey"].as_str()?.split_once(' ')?;
    let verb = event["rawPath"].as_str()?.rsplit_once(':').map(|(_, verb)| verb);
    let paths = document["paths"].as_object()?;
    let with_verb = verb.and_then(|verb| paths.get(&format!("{route}:{verb}")));
    let operation = &with_verb.or_else(|| paths.get(route))?[method.to_lowercase()];
    let parameters = operation["parameters"].as_array()?.iter().filter(|parameter| parameter["in"] == "query");
    let parameters = parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
    Some((operation.pointer("/requestBody/content/application~1json/schema").cloned().unwrap_or_default(), parameters))
}

#[tokio::test]
async fn null_and_empty_are_absent_in_every_request() {
    let document: Value = serde_json::from_str(&std::fs::read_to_string(root().join("openapi.json")).unwrap()).unwrap();
    let mut sent = 0;
    // In an update a key that is present clears.
    let updates = |operation: &Operation| operation.route.is_some_and(|route| route.method == "PATCH");
    for operation in OPERATIONS.into_iter().filter(|operation| !updates(operation)) {
        for case in event_files(operation.name) {
            let event = event_file(operation.name, &case);
            let service = TestService::seeded().await;
            if answer(operation, &service.app, event.clone()).await.status != 200 {
                continue;
            }
            let Some((schema, parameters)) = asked(&document, &event) else { continue };
            let query = event["rawQueryString"].as_str().unwrap_or_default();
            let absent = parameters.iter().filter(|name| !query.contains(&format!("{name}=")));
            let query = absent.fold(query.to_owned(), |query, name| format!("{query}&{name}="));
            let body: Value = serde_json::from_slice(&body_of(&event)).unwrap_or_else(|_| json!({}));
            for absent in [json!(""), Value::Null] {
                let mut event = event.clone();
                event["rawQueryString"] = query.clone().into();
                if let Some(fields) = schema["properties"].as_object() {
                    let mut body = body.clone();
                    // An acknowledgement with an empty comment clears it.
                    for name in fields.keys().filter(|name| *name != "agentComment") {
                        body.as_object_mut().unwrap().entry(name).or_insert_with(|| absent.clone());
                    }
                    event["body"] = body.to_string().into();
                    event["isBase64Encoded"] = false.into();
                }
                let service = TestService::seeded().await;
                let answered = answer(operation, &service.app, event).await;
                assert_eq!(answered.status, 200, "{}/{case}, {absent}: {}", operation.name, answered.body);
                sent += 1;
            }
            // One accepted value stands for all.
            break;
        }
    }
    assert!(sent > 60, "{sent}");
}

#[tokio::test]
async fn a_name_for_people_is_not_blank() {
    let service = TestService::seeded().await;
    let admin = |event: Event| event.by("admin", "root");
    let of_customer = |collection: &str, entry: Value| {
        let path = format!("/v1/customers/acme/{collection}:batchUpsert");
        Event::post("", json!({collection: [entry]})).to(&path)
    };
    let plan = |title: &str| {
        json!({
            "name": plan_name("another"),
            "agentUserName": user_name("ana"),
            "creatorUserName": user_name("maria"),
            "isActive": true,
            "displayName": title,
        })
    };
    let template = |title: &str, chapter: &str, criterion: &str| {
        let criteria = json!([{"criterionId": "greeting", "displayName": criterion}]);
        let chapters = json!([{"chapterId": "opening", "displayName": chapter, "criteria": criteria}]);
        json!({"title": title, "template": {"chapters": chapters}})
    };
    let update = |path: &str, body: Value| Event::new("PATCH", path).with_text(&body.to_string());
    for blank in [" ", "\t\u{a0}\u{2003} "] {
        let person = json!({"name": user_name("eva"), "displayName": blank, "isActive": true});
        let team = json!({"name": "customers/acme/groups/second", "displayName": blank});
        let usecase = json!({"name": usecase_name("chat"), "displayName": blank});
        for (event, field) in [
            (of_customer("users", person), "users[0].displayName"),
            (of_customer("groups", team), "groups[0].displayName"),
            (Event::post("usecases:batchUpsert", json!({"usecases": [usecase]})), "usecases[0].displayName"),
            (
                Event::post("coachingPlans:batchUpsert", json!({"coachingPlans": [plan(blank)]})),
                "coachingPlans[0].displayName",
            ),
        ] {
            let status = service.succeed(&admin(event)).await["results"][0]["status"].clone();
            assert_eq!(status["message"], format!("{field}: must not be blank"), "{status}");
        }
        let changed = json!({"coachingPlan": {"displayName": blank}});
        let retitled = json!({"scorecardTemplate": {"title": blank}});
        let rebuilt = json!({"scorecardTemplate": template("Calls", "Opening", blank)});
        for (event, field) in [
            (Event::post("coachingPlans", plan(blank)), "displayName"),
            (update("coachingPlans/ana-plan", changed), "coachingPlan.displayName"),
            (Event::post("scorecardTemplates", template(blank, "Opening", "Greeting")), "title"),
            (
                Event::post("scorecardTemplates", template("Calls", blank, "Greeting")),
                "template.chapters[0].displayName",
            ),
            (
                Event::post("scorecardTemplates", template("Calls", "Opening", blank)),
                "template.chapters[0].criteria[0].displayName",
            ),
            (update("scorecardTemplates/quality", retitled), "scorecardTemplate.title"),
            (
                update("scorecardTemplates/quality", rebuilt),
                "scorecardTemplate.template.chapters[0].criteria[0].displayName",
            ),
        ] {
            assert_eq!(service.refused(&admin(event), 400).await.refused_fields(), [field]);
        }
    }
    let kept = service.succeed(&admin(Event::post("coachingPlans", plan(" Calls ")))).await;
    assert_eq!(kept["coachingPlan"]["displayName"], " Calls ", "it is kept as it is written");
}

#[tokio::test]
async fn a_name_for_people_and_a_thread_hide_nothing() {
    let service = TestService::seeded().await;
    let admin = |event: Event| event.by("admin", "root");
    let plan = |title: &str| json!({"agentUserName": user_name("ana"), "creatorUserName": user_name("maria"), "isActive": true, "displayName": title});
    let comment = |thread: &str| json!({"creatorUserName": user_name("root"), "coachingPlanName": plan_name("ana-plan"), "message": "\u{202e}\u{0}", "thread": thread});
    let person = |name: &str| {
        let entry = json!({"name": user_name("eva"), "displayName": name, "isActive": true});
        Event::post("", json!({"users": [entry]})).to("/v1/customers/acme/users:batchUpsert")
    };
    let template = |label: &str| {
        let criteria = json!([{"criterionId": "greeting", "displayName": label}]);
        json!({"title": "Calls", "template": {"chapters": [{"chapterId": "opening", "criteria": criteria}]}})
    };
    for hidden in [
        "A\u{0}na",
        "Ana\r\nset-cookie",
        "Ana\u{202e}nimda",
        "A\u{200b}na",
        "\u{feff}Ana",
        "A\u{2060}na",
        "\u{2066}Ana",
    ] {
        for (event, field) in [
            (Event::post("coachingPlans", plan(hidden)), "displayName"),
            (Event::post("coachingComments", comment(hidden)), "thread"),
            (Event::post("scorecardTemplates", template(hidden)), "template.chapters[0].criteria[0].displayName"),
        ] {
            assert_eq!(service.refused(&admin(event), 400).await.refused_fields(), [field], "{hidden:?}");
        }
        let status = service.succeed(&admin(person(hidden))).await["results"][0]["status"].clone();
        assert!(
            status["message"].as_str().unwrap().starts_with("users[0].displayName: must have no control"),
            "{status}"
        );
    }
    // Persian and emoji are written with joiners, and a free text holds anything.
    for name in ["می\u{200c}خواهم", "👩\u{200d}💻 Ana"] {
        service.succeed(&admin(Event::post("coachingPlans", plan(name)))).await;
    }
    let mut free = comment("free");
    free["name"] = below_support("coachingComments/free").into();
    service.succeed(&admin(Event::post("coachingComments", free))).await;
}

#[tokio::test]
async fn a_key_that_stands_twice_is_named_with_its_place() {
    let service = TestService::seeded().await;
    for (event, text, field) in [
        (Event::post("coachingSessions", json!({})), r#"{"meetingNotes": "a", "meetingNotes": "b"}"#, "meetingNotes"),
        (
            Event::new("PATCH", "coachingSessions/held-1"),
            r#"{"coachingSession": {"privateNotes": "a", "privateNotes": "b"}}"#,
            "coachingSession.privateNotes",
        ),
        (
            Event::post("scorecards", json!({})),
            r#"{"scores": [{"criterionId": "a"}, {"criterionId": "b", "criterionId": "c"}]}"#,
            "scores[1].criterionId",
        ),
        (Event::post("targets:list", json!({})), r#"{"usecaseNames": [], "unknown": {"": 1, "": 2}}"#, "unknown."),
    ] {
        let refused = service.refused(&event.with_text(text), 400).await;
        let told = json!([{"field": field, "description": "stands twice in one object"}]);
        assert_eq!(refused.body["details"][1]["fieldViolations"], told, "{text}");
    }
    let refused =
        service.refused(&Event::post("coachingSessions", json!({})).with_text(r#"{"": 1, "": 2}"#), 400).await;
    assert_eq!(refused.refused_fields(), ["body"]);
}

#[tokio::test]
async fn a_field_that_breaks_two_rules_is_named_once() {
    let service = TestService::seeded().await;
    for (score, field) in [
        (json!({"criterionId": "greeting", "numericValue": -1}), "scores[0].numericValue"),
        (json!({"criterionId": "greeting", "numericValue": "many"}), "scores[0].numericValue"),
        (json!({"criterionId": "greeting", "textValue": 1}), "scores[0].textValue"),
        (json!({"criterionId": "greeting", "notApplicable": "yes"}), "scores[0].notApplicable"),
        (json!({"criterionId": "greeting"}), "scores[0].numericValue"),
        (json!({"criterionId": "greeting", "numericValue": 1, "notApplicable": true}), "scores[0].numericValue"),
        (json!({"criterionId": "greeting", "numericValue": 1e9}), "scores[0].numericValue"),
    ] {
        let scorecard = json!({
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name("ana"),
            "templateName": below_support("scorecardTemplates/quality"),
            "scores": [score],
        });
        assert_eq!(
            service.refused(&Event::post("scorecards", scorecard), 400).await.refused_fields(),
            [field],
            "{score}"
        );
    }
    let repeated = Event::get("coachingSessions").with_query("states=X&states=Y&pageSize=a&pageSize=b&other=1&other=2");
    assert_eq!(service.refused(&repeated, 400).await.refused_fields(), ["states", "pageSize", "other"]);
}

#[tokio::test]
async fn an_unknown_verb_is_not_found_whatever_the_role() {
    let service = TestService::seeded().await;
    for role in ["agent", "manager", "service", "admin"] {
        for (method, path) in [
            ("POST", "coachingPlans/ana-plan:unknownVerb"),
            ("POST", "coachingPlans/ana-plan"),
            ("POST", "coachingSessions/held-1:unknownVerb"),
            ("POST", "scorecards/draft-1:unknownVerb"),
            ("POST", "scorecards/draft-1:"),
            ("GET", "coachingSessions/held-1:acknowledge"),
            ("PATCH", "coachingSessions/held-1:acknowledge"),
            ("DELETE", "coachingPlans/ana-plan:addScorecard"),
            ("GET", "targets/greeting-target:unknownVerb"),
            ("PATCH", "scorecards/draft-1:submit"),
        ] {
            let event = Event::new(method, path).by(role, "ana");
            assert_eq!(service.refused(&event, 404).await.reason(), "PATH_NOT_FOUND", "{role}: {method} {path}");
            let foreign = service.refused(&event.with_claim("customer", json!("globex")), 403).await;
            assert_eq!(foreign.reason(), "PERMISSION_DENIED", "{role}: {method} {path}");
        }
        let of_customer = Event::get("").to("/v1/customers/acme/users/ana:unknownVerb").by(role, "ana");
        assert_eq!(service.refused(&of_customer, 404).await.reason(), "PATH_NOT_FOUND", "{role}");
    }
    // The roles of an existing verb are checked first, whatever the resource.
    for path in ["coachingPlans/none:addScorecard", "coachingPlans/%20:addScorecard", "scorecards/draft-1:submit"] {
        let refused = service.refused(&Event::post(path, json!({})).by("agent", "ana"), 403).await;
        assert_eq!(refused.reason(), "ROLE_NOT_ALLOWED");
        assert_eq!(refused.body["message"], "the role agent may not do this; it is for manager, service, admin");
        assert_eq!(
            refused.body["details"][0]["metadata"],
            json!({"role": "agent", "allowedRoles": "manager service admin"})
        );
    }
}

/// Ids as identity providers make them.
const USERS: [&str; 3] = ["auth0|5f7c8ec7c33c6c004bbafe82", "ana+test@example.com", "QW5h=="];

#[tokio::test]
async fn users_are_called_what_their_identity_provider_calls_them() {
    let service = TestService::start().await;
    service.directory(&USERS).await;
    service.managers(&["auth0|maria"]).await;
    service.template("quality", json!({})).await;
    for (number, user) in USERS.into_iter().enumerate() {
        let (plan, session) = (format!("plan-{number}"), format!("session-{number}"));
        service.plan_with(&plan, user, json!({"usecaseName": usecase_name("care")})).await;
        let scorecard = json!({
            "name": below_support(&format!("scorecards/scorecard-{number}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(user),
            "templateName": below_support("scorecardTemplates/quality"),
            "scores": [{"criterionId": "greeting", "numericValue": 3}],
            "usecaseName": usecase_name("care"),
        });
        service.succeed(&Event::post("scorecards", scorecard)).await;
        service.succeed(&Event::post(&format!("scorecards/scorecard-{number}:submit"), json!({}))).await;
        let created = json!({
            "name": below_support(&format!("coachingSessions/{session}")),
            "agentUserName": user_name(user),
            "creatorUserName": user_name("auth0|maria"),
            "coachingPlanName": plan_name(&plan),
            "meetingNotes": "One call.",
            "managerSubmitTime": NOW,
        });
        service.succeed(&Event::post("coachingSessions", created).by("manager", "auth0|maria")).await;
        let comment =
            json!({"creatorUserName": user_name(user), "coachingPlanName": plan_name(&plan), "message": "Yes."});
        service.succeed(&Event::post("coachingComments", comment).by("agent", user)).await;
        let acknowledged =
            Event::post(&format!("coachingSessions/{session}:acknowledge"), json!({"acknowledged": true}));
        service.succeed(&acknowledged.by("agent", user)).await;
    }
    for (number, user) in USERS.into_iter().enumerate() {
        let own = |answer: Value, list: &str| {
            let entries = answer[list].as_array().unwrap().clone();
            assert_eq!(entries.len(), 1, "{user}: {list}: {entries:?}");
            assert!(entries[0].to_string().contains(&user_name(user)), "{user}: {list}: {entries:?}");
        };
        for (role, caller) in [("manager", "auth0|maria"), ("agent", user)] {
            let by = |event: Event| event.by(role, caller);
            for list in ["coachingSessions", "scorecards"] {
                own(service.succeed(&by(Event::get(list).with("agentUserName", &user_name(user)))).await, list);
            }
            let plans = Event::post("coachingPlans:list", json!({"agentUserName": user_name(user)}));
            own(service.succeed(&by(plans)).await, "coachingPlans");
            let progress = json!({"agentUserNames": [user_name(user)], "usecaseNames": [usecase_name("care")]});
            let progress = service.succeed(&by(Event::post("coachingProgresses:retrieve", progress))).await;
            own(progress.clone(), "agentCoachingProgresses");
            assert_eq!(progress["agentCoachingProgresses"][0]["coachingSessionCount"], 1, "{progress}");
            let path = format!("/v1/customers/acme/users/{}", utf8_percent_encode(user, NON_ALPHANUMERIC));
            let read = service.succeed(&by(Event::get("").to(&path))).await;
            assert_eq!(read["user"]["name"], user_name(user));
        }
        let changes = Event::get("changes").with("name", &below_support(&format!("coachingSessions/session-{number}")));
        let changes = service.succeed(&changes).await;
        let authors: Vec<&Value> = changes["changes"].as_array().unwrap().iter().map(|one| &one["userName"]).collect();
        assert_eq!(authors, [&json!(user_name(user)), &json!(user_name("auth0|maria"))]);
    }
    // In a query a bare plus is a space, as browsers send it.
    let bare = Event::get("coachingSessions").with_query("agentUserName=customers/acme/users/ana+test@example.com");
    assert_eq!(service.refused(&bare, 400).await.refused_fields(), ["agentUserName"]);
    // Other ids allow what they did.
    for id in ["a|b", "a+b", "a=b"] {
        let plan = json!({"name": plan_name(id), "agentUserName": user_name("ana"), "creatorUserName": user_name("maria"), "isActive": true});
        assert_eq!(service.refused(&Event::post("coachingPlans", plan), 400).await.refused_fields(), ["name"], "{id}");
        let path = format!("coachingPlans/{}", utf8_percent_encode(id, NON_ALPHANUMERIC));
        assert_eq!(service.refused(&Event::get(&path), 400).await.refused_fields(), ["name"], "{id}");
    }
}

#[tokio::test]
async fn the_form_of_a_templates_name_has_its_revision() {
    let service = TestService::seeded().await;
    let form = |revision: &str| {
        format!(
            "must have the form customers/{{customer_id}}/profiles/{{profile_id}}/scorecardTemplates/{{scorecard_template_id}}{revision}, each id"
        )
    };
    let usecases = json!([usecase_name("care")]);
    let without_revision = below_support("scorecardTemplates/quality");
    for (name, told) in
        [("quality", form("@*")), (&*without_revision, "must name every revision: end in @*".to_owned())]
    {
        let progress = json!({"usecaseNames": usecases, "scorecardTemplateNames": [name]});
        let refused = service.refused(&Event::post("coachingProgresses:retrieve", progress), 400).await;
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("scorecardTemplateNames[0]: {told}")), "{message}");
    }
    for (event, told) in [
        (Event::post("targets:list", json!({"scorecardTemplateNames": ["quality"]})), form("")),
        (Event::get("scorecards").with("templateName", "quality"), form("[@{revision}|@*]")),
        (
            Event::post(
                "scorecards",
                json!({
                    "conversationName": below_support("conversations/call"),
                    "agentUserName": user_name("ana"),
                    "templateName": "quality",
                }),
            ),
            form("[@{revision}]"),
        ),
    ] {
        let refused = service.refused(&event, 400).await;
        assert!(refused.body["message"].as_str().unwrap().contains(&told), "{}", refused.body);
    }
}

#[tokio::test]
async fn plans_and_comments_are_not_changed_before_they_are_created() {
    let service = TestService::seeded().await;
    let plan = |more: Value| {
        let mut plan =
            json!({"agentUserName": user_name("ana"), "creatorUserName": user_name("maria"), "isActive": true});
        merge(&mut plan, more);
        Event::post("coachingPlans", plan)
    };
    let comment = |more: Value| {
        let mut comment = json!({"creatorUserName": user_name("maria"), "message": "How is it going?"});
        merge(&mut comment, more);
        Event::post("coachingComments", comment)
    };
    let importing = |event: Event| event.by("service", "sync@acme");
    let (first, second) = ("2026-05-01T09:00:00Z", "2026-05-02T09:00:00Z");
    for (event, field) in [
        (plan(json!({"createTime": second, "updateTime": first})), "updateTime"),
        (plan(json!({"createTime": second, "managerCommentSubmitTime": first})), "managerCommentSubmitTime"),
        (comment(json!({"createTime": second, "updateTime": first})), "updateTime"),
    ] {
        assert_eq!(service.refused(&importing(event), 400).await.refused_fields(), [field]);
    }
    for (event, entity) in [
        (plan(json!({"managerCommentSubmitTime": first, "updateTime": second})), "coachingPlan"),
        (comment(json!({"updateTime": first})), "coachingComment"),
    ] {
        assert_eq!(service.succeed(&importing(event)).await[entity]["createTime"], first, "the first that is told");
    }
    let submitted = json!({"coachingPlan": {"managerCommentSubmitTime": "2019-08-24T14:15:22Z"}});
    let update = Event::new("PATCH", "coachingPlans/ana-plan").with_text(&submitted.to_string());
    let refused = service.refused(&importing(update.clone()), 400).await;
    assert_eq!(refused.refused_fields(), ["coachingPlan.managerCommentSubmitTime"]);
    // Managers' clients may send the reference's examples, whatever their dates.
    let updated = service.succeed(&update).await["coachingPlan"].clone();
    assert_eq!(updated["managerCommentSubmitTime"], updated["createTime"]);
    let created = service.succeed(&plan(json!({"managerCommentSubmitTime": first}))).await;
    assert_eq!(created["coachingPlan"]["managerCommentSubmitTime"], NOW);
}

#[tokio::test]
async fn a_request_is_read_and_as_it_is_declared() {
    fn read(_: &App, request: &Request<'_>) -> Result<Answer, Error> {
        request.authorize()?;
        request.without_parameters()?;
        Answer::json(&())
    }
    fn ignore(_: &App, request: &Request<'_>) -> Result<Answer, Error> {
        request.authorize()?;
        Answer::json(&())
    }
    let get_target = OPERATIONS.into_iter().find(|operation| operation.name == "get-target").unwrap();
    let reading = Operation { handle: |app, request| Box::pin(ready(read(app, request))), ..*get_target };
    let ignoring = Operation { handle: |app, request| Box::pin(ready(ignore(app, request))), ..*get_target };
    let event = event_file("get-target", "found");
    let service = TestService::seeded().await;
    for (operation, request, status) in [
        (reading, RequestType::NOTHING, 200),
        (reading, RequestType::body::<()>(), 500),
        (ignoring, RequestType::NOTHING, 500),
    ] {
        let answered = answer(&Operation { request, ..operation }, &service.app, event.clone()).await;
        assert_eq!(answered.status, status, "{request:?}");
    }
}
