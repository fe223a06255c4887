//! `export-scorecards`, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use coaching_tests::{
    Case, Event, Target, TestService, below_support, merge, perform, replay, rows_by_column, usecase_name, user,
    user_name,
};
use serde_json::{Value, json};

const CASES: [Case; 11] = [
    Case { name: "a-month", status: 200, refused: &[] },
    Case { name: "as-messages", status: 200, refused: &[] },
    Case { name: "scores-of-a-team", status: 200, refused: &[] },
    Case { name: "as-a-job", status: 200, refused: &[] },
    Case { name: "named", status: 200, refused: &[] },
    Case {
        name: "unknown-names",
        status: 400,
        refused: &["usecaseNames", "scorecardTemplateNames", "agentUserNames", "groupNames"],
    },
    Case {
        name: "bad-fields",
        status: 400,
        refused: &[
            "agentUserNames[0]",
            "scorecardTemplateNames[0]",
            "layout",
            "teamNames",
            "endTime",
            "format",
            "timeZoneId",
            "timeZoneOffset",
        ],
    },
    Case { name: "without-times", status: 400, refused: &["startTime", "endTime"] },
    Case { name: "by-an-agent", status: 403, refused: &[] },
    Case { name: "another-customer", status: 403, refused: &[] },
    Case { name: "without-a-token", status: 401, refused: &[] },
];

#[tokio::test]
async fn events_against_the_handler() {
    replay("export-scorecards", &CASES, Target::Handler(&export_scorecards::OPERATION)).await;
}

#[tokio::test]
async fn events_against_the_binary() {
    replay("export-scorecards", &CASES, Target::Binary(env!("CARGO_BIN_EXE_export-scorecards"))).await;
}

fn export(more: Value) -> Event {
    let mut body = json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T12:00:00Z"});
    merge(&mut body, more);
    Event::post("scorecards:export", body)
}

/// The content of an export in the answer.
async fn content(service: &TestService, more: Value) -> String {
    service.succeed(&export(more)).await["content"].as_str().unwrap().to_owned()
}

/// The files of a job that exports.
async fn files(service: &TestService, more: Value) -> Vec<String> {
    let mut body = more;
    body["asJob"] = json!(true);
    let started = service.succeed(&export(body)).await;
    let job = started["job"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let event = json!({"customer": "acme", "profile": "support", "job": job});
    let until = Instant::now() + Duration::from_secs(60);
    let done = perform(&run_job::TASK, &service.app, event, until).await.unwrap();
    assert_eq!(done["state"], "SUCCEEDED", "{done}");
    let files = service.files.all_in_memory().into_iter().filter(|(key, _)| key.contains(&job));
    files.map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn a_row_is_a_scorecard_as_it_is_listed() {
    let service = TestService::seeded().await;
    let listed = service.succeed(&Event::get("scorecards")).await;
    let table = content(&service, json!({})).await;
    assert!(table.starts_with("\u{feff}scorecard_name,"), "{table}");
    let rows = rows_by_column(&table);
    let listed = listed["scorecards"].as_array().unwrap();
    assert_eq!(rows.len(), listed.len());
    for (row, scorecard) in rows.iter().zip(listed) {
        for (column, field) in [
            ("scorecard_name", "name"),
            ("agent_user_name", "agentUserName"),
            ("conversation_name", "conversationName"),
            ("template_name", "templateName"),
            ("usecase_name", "usecaseName"),
        ] {
            assert_eq!(row[column], scorecard[field].as_str().unwrap(), "{column}");
        }
        assert_eq!(row["total_score"].parse::<f64>().unwrap(), scorecard["totalScore"].as_f64().unwrap());
        assert_eq!((&*row["quality/greeting"], &*row["quality/listening"], &*row["quality/privacy"]), ("3", "", "1"));
        assert_eq!(row["create_time"], "2026-05-20T09:00:00+00:00");
        assert_eq!((&*row["agent_display_name"], &*row["template_title"]), ("Agent ana", "Quality"));
        assert_eq!(row["state"] == "DRAFT", scorecard.get("submitTime").is_none());
    }
}

#[tokio::test]
async fn a_row_is_a_score() {
    let service = TestService::seeded().await;
    let scores = json!({"layout": "ROW_PER_SCORE", "submittedOnly": true, "timeZoneId": "America/New_York"});
    let rows = rows_by_column(&content(&service, scores).await);
    let told: Vec<[&str; 6]> = rows
        .iter()
        .map(|row| {
            ["submit_time", "chapter_id", "criterion_id", "weight", "numeric_value", "criterion_score"]
                .map(|name| &*row[name])
        })
        .collect();
    assert_eq!(
        told,
        [
            ["2026-05-20T06:00:00-04:00", "opening", "greeting", "1", "3", "60"],
            ["2026-05-20T06:00:00-04:00", "duty", "privacy", "1", "1", "100"],
        ]
    );
    assert_eq!(rows[1]["auto_fail"], "true");
}

#[tokio::test]
async fn scorecards_of_a_deleted_template_are_exported_as_before() {
    let service = TestService::seeded().await;
    let before = content(&service, json!({})).await;
    assert!(before.contains("scorecardTemplates/quality"), "{before}");
    service.succeed(&Event::new("DELETE", "scorecardTemplates/quality").by("admin", "boss")).await;
    assert_eq!(content(&service, json!({})).await, before);
    assert_eq!(files(&service, json!({})).await, [before]);
}

#[tokio::test]
async fn each_filter_lets_through_what_it_names() {
    let service = TestService::seeded().await;
    let mut chloe = user("chloe");
    chloe["isActive"] = json!(true);
    service.directory(&["ana", "ben", "chloe"]).await;
    service.template("other", json!({})).await;
    let scorecard = |id: &str, agent: &str, template: &str, create_time: &str| {
        json!({
            "name": below_support(&format!("scorecards/{id}")),
            "conversationName": below_support("conversations/call"),
            "agentUserName": user_name(agent),
            "templateName": below_support(&format!("scorecardTemplates/{template}")),
            "createTime": create_time,
        })
    };
    let scorecards = [
        scorecard("b1", "ben", "quality", "2026-05-01T00:00:00Z"),
        scorecard("b2", "ben", "other", "2026-04-30T23:59:59Z"),
        scorecard("c1", "chloe", "other", "2026-05-31T00:00:00Z"),
    ];
    let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards})).by("service", "sync@acme");
    service.succeed(&load).await;
    chloe["isActive"] = json!(false);
    let sync = Event::post("", json!({"users": [chloe]})).to("/v1/customers/acme/users:batchUpsert");
    service.succeed(&sync.by("service", "sync@acme")).await;

    let exported = async |more: Value| {
        let rows = rows_by_column(&content(&service, more).await);
        rows.iter().map(|row| row["scorecard_name"].rsplit('/').next().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let seeded = ["draft-1", "submitted-1"];
    assert_eq!(
        exported(json!({})).await,
        [seeded[0], seeded[1], "b1"],
        "the latest first, from the start on, active users"
    );
    for (more, expected) in [
        (json!({"includeDeactivatedUsers": true}), vec!["c1", "draft-1", "submitted-1", "b1"]),
        (json!({"startTime": "2026-05-01T00:00:00.000000001Z"}), vec!["draft-1", "submitted-1"]),
        (json!({"startTime": "2026-04-01T00:00:00Z", "endTime": "2026-05-01T00:00:00Z"}), vec!["b2"]),
        (json!({"agentUserNames": [user_name("ben")]}), vec!["b1"]),
        (
            json!({"agentUserNames": [user_name("ben")], "groupNames": ["customers/acme/groups/team"]}),
            vec!["draft-1", "submitted-1", "b1"],
        ),
        (json!({"submittedOnly": true}), vec!["submitted-1"]),
        (json!({"scorecardNames": [below_support("scorecards/b1"), below_support("scorecards/none")]}), vec!["b1"]),
        (
            json!({"scorecardTemplateNames": [below_support("scorecardTemplates/other@*")], "includeDeactivatedUsers": true}),
            vec!["c1"],
        ),
        (json!({"usecaseNames": [usecase_name("care")]}), vec!["draft-1", "submitted-1", "b1"]),
    ] {
        assert_eq!(exported(more.clone()).await, expected, "{more}");
    }
    let header =
        content(&service, json!({"scorecardTemplateNames": [below_support("scorecardTemplates/other@*")]})).await;
    assert!(header.contains("other/greeting") && !header.contains("quality/greeting"), "{header}");
}

#[tokio::test]
async fn no_cell_begins_a_formula_whatever_people_write() {
    let service = TestService::seeded().await;
    let hostile =
        ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "＝1", "\"=1\",\"", "a,b", "two\nlines", "\u{0}=1", "plain"];
    for text in hostile {
        let comment = json!({"scorecard": {"comment": text}});
        let update = Event::new("PATCH", "scorecards/draft-1").with_text(&comment.to_string());
        service.succeed(&update).await;
        let table = content(&service, json!({})).await;
        let rows = rows_by_column(&table);
        for (column, cell) in &rows[0] {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝']), "{column}: {cell:?}");
        }
        let kept = rows[0]["comment"].strip_prefix('\'').unwrap_or(&rows[0]["comment"]);
        assert_eq!(kept, text);
        let raw = content(&service, json!({"rawText": true})).await;
        assert_eq!(rows_by_column(&raw)[0]["comment"], text);
    }
}

#[tokio::test]
async fn a_long_export_is_a_job_unless_the_client_takes_gzip() {
    let service = TestService::seeded().await;
    let comment = "x".repeat(60 * 1024);
    let scorecards: Vec<Value> = (0..75)
        .map(|number| {
            json!({
                "name": below_support(&format!("scorecards/long-{number}")),
                "conversationName": below_support("conversations/call"),
                "agentUserName": user_name("ana"),
                "templateName": below_support("scorecardTemplates/quality"),
                "createTime": "2026-05-20T09:00:00Z",
                "comment": comment,
            })
        })
        .collect();
    for scorecards in scorecards.chunks(10) {
        let load = Event::post("scorecards:batchUpsert", json!({"scorecards": scorecards}));
        service.succeed(&load.by("service", "sync@acme")).await;
    }
    let started = service.succeed(&export(json!({}))).await;
    assert!(started["job"].is_string() && started.get("content").is_none(), "{started}");
    let answered = service.succeed(&export(json!({})).with_header("accept-encoding", "br, gzip;q=0.5")).await;
    assert_eq!(files(&service, json!({})).await, [answered["content"].as_str().unwrap()]);
    assert_eq!(answered["rowCount"], 77);
    let refusing = export(json!({})).with_header("accept-encoding", "gzip;q=0");
    assert!(service.succeed(&refusing).await["job"].is_string());
    assert!(content(&service, json!({"submittedOnly": true})).await.len() < 10_000);
}

#[tokio::test]
async fn a_table_takes_a_thousand_columns_of_criteria() {
    let service = TestService::seeded().await;
    let criteria = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| json!({"criterionId": format!("c{number}"), "displayName": "C", "maximumValue": 5}))
            .collect()
    };
    // With the three of the template that is there: 998.
    for (id, count) in [("a", 200), ("b", 200), ("c", 200), ("d", 200), ("e", 195)] {
        let chapters = json!([{"chapterId": "all", "displayName": "All", "criteria": criteria(count)}]);
        service.template(id, json!({"template": {"chapters": chapters}})).await;
    }
    assert_eq!(content(&service, json!({})).await.lines().next().unwrap().split(',').count(), 28 + 998);
    let chapters = json!([{"chapterId": "all", "displayName": "All", "criteria": criteria(3)}]);
    service.template("f", json!({"template": {"chapters": chapters}})).await;
    for more in [json!({}), json!({"asJob": true})] {
        assert_eq!(service.refused(&export(more), 400).await.refused_fields(), ["scorecardTemplateNames"]);
    }
    for more in [json!({"layout": "ROW_PER_SCORE"}), json!({"format": "NDJSON"})] {
        assert!(content(&service, more).await.lines().count() > 1);
    }
}
