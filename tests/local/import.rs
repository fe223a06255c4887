//! `import`: tables become records of a running service.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{BINARY, JSON, Running};

/// A service with a template, and a folder beside its data.
struct Importing {
    service: Running,
    folder: tempfile::TempDir,
}

/// How an import ended.
struct Ended {
    succeeded: bool,
    said: String,
    error: String,
}

impl Importing {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Running::start(folder.path(), &["--no-demo"]);
        let importing = Self { service, folder };
        importing
            .import("usecases.csv", "name,displayName\ncare,Customer care\n", &[])
            .succeeded("1 of 1 rows written");
        let template = json!({
            "name": "customers/acme/profiles/support/scorecardTemplates/quality",
            "title": "Quality",
            "usecaseNames": ["customers/acme/profiles/support/usecases/care"],
            "template": {"chapters": [{"chapterId": "call", "criteria": [
                {"criterionId": "greeting", "displayName": "Greeting", "maximumValue": 5},
                {"criterionId": "outcome", "displayName": "Outcome", "maximumValue": 5},
            ]}]},
        });
        let created = importing.service.curl(
            "admin",
            "scorecardTemplates",
            &[&JSON[..], &["-d", &template.to_string()]].concat(),
        );
        assert_eq!(created.0, 200, "{}", created.1);
        importing
    }

    /// Imports `table`, written to `file`, with further `arguments`.
    fn import(&self, file: &str, table: &str, arguments: &[&str]) -> Ended {
        std::fs::write(self.folder.path().join(file), table).unwrap();
        run(self.folder.path(), &[&["import", file], arguments].concat())
    }

    fn count(&self, path: &str, list: &str) -> usize {
        let (status, listed) = self.service.curl("admin", path, &[]);
        assert_eq!(status, 200, "{listed}");
        listed[list].as_array().map_or(0, Vec::len)
    }

    fn people(&self) {
        let users = "name,displayName,isActive,roles,profileNames\n\
                     ana,Ana López,yes,agent,support\n\
                     customers/elsewhere/users/maria,María,true,manager,support\n";
        self.import("users.csv", users, &[]).succeeded("2 of 2 rows written");
        let plans = "name,agent_user_name,creatorUserName,isActive,usecaseName,focusBehaviors\n\
                     ana-plan,ana,maria,true,care,Listen first; Ask more\n";
        self.import("plans.csv", plans, &[]).succeeded("1 of 1 rows written");
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(BINARY).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { succeeded: output.status.success(), said: text(output.stdout), error: text(output.stderr) }
}

impl Ended {
    #[track_caller]
    fn succeeded(&self, last: &str) {
        assert!(self.succeeded && self.error.is_empty(), "{}{}", self.said, self.error);
        assert_eq!(self.said.lines().last(), Some(last), "{}", self.said);
    }

    #[track_caller]
    fn failed(&self, lines: &[&str], error: &str) {
        assert!(!self.succeeded && self.error.lines().count() == 1, "{}{}", self.said, self.error);
        assert!(self.error.contains(error), "{}", self.error);
        let said: Vec<&str> = self.said.lines().collect();
        assert_eq!(said.len(), lines.len(), "{}", self.said);
        for (said, begins) in said.iter().zip(lines) {
            assert!(said.starts_with(begins), "{said} instead of {begins}");
        }
    }
}

const SCORECARDS: &str = "scorecard_name,agent_display_name,Agent user name,conversationName,templateName,submit_time,\
                          creator_user_name,coaching_plan_names,comment,quality/greeting,quality/outcome,other/greeting\n\
                          first,Ana,ana,call-1,quality@1,2026-05-26T10:00:00Z,maria,ana-plan,'=SUM(1),4,N/A,\n\
                          second,Ana,ana,call-2,quality@1,2026-05-27T10:00:00+02:00,maria,,\"Two, lines\nof text\",2.5,5,3\n";

#[test]
fn a_table_that_is_imported_twice_is_there_once() {
    let importing = Importing::start();
    importing.people();
    for _ in 0..2 {
        importing.import("scorecards.csv", SCORECARDS, &[]).succeeded("2 of 2 rows written");
        assert_eq!(importing.count("scorecards", "scorecards"), 2);
    }
    let scorecard = |id: &str| importing.service.curl("admin", &format!("scorecards/{id}"), &[]).1["scorecard"].clone();
    let (first, second) = (scorecard("first"), scorecard("second"));
    assert_eq!(first["comment"], "=SUM(1)");
    assert_eq!(first["coachingPlanNames"], json!(["customers/acme/profiles/support/coachingPlans/ana-plan"]));
    assert_eq!(first["creator"]["name"], "customers/acme/users/maria");
    let scores = (&first["scores"][0]["numericValue"], &first["scores"][1]["notApplicable"], &first["totalScore"]);
    assert_eq!(scores, (&json!(4.0), &json!(true), &json!(80.0)), "{first}");
    let texts = (&second["comment"], &second["submitTime"]);
    assert_eq!(texts, (&json!("Two, lines\nof text"), &json!("2026-05-27T08:00:00Z")));
    assert_eq!(second["scores"].as_array().map(Vec::len), Some(2), "that of another template is left out: {second}");
}

#[test]
fn records_without_a_name_are_named_after_their_key_or_their_row() {
    let importing = Importing::start();
    importing.people();
    let sessions = "call,agentUserName,creatorUserName,coachingPlanName,sessionTime\n\
                    7,ana,maria,ana-plan,2026-05-20T10:00:00Z\n\
                    8,ana,maria,ana-plan,2026-05-21T10:00:00Z\n";
    std::fs::write(importing.folder.path().join("mapping.json"), r#"{"call": null}"#).unwrap();
    let mapped = ["--mapping", "mapping.json"];
    let by_key = [&mapped[..], &["--key", "call"]].concat();
    importing.import("sessions.csv", sessions, &by_key).succeeded("2 of 2 rows written");
    importing.import("sessions.csv", sessions, &by_key).succeeded("0 of 2 rows written, 2 were there already");
    assert_eq!(importing.service.curl("admin", "coachingSessions/7", &[]).0, 200);
    importing.import("sessions.csv", sessions, &mapped).succeeded("2 of 2 rows written");
    importing.import("sessions.csv", sessions, &mapped).succeeded("0 of 2 rows written, 2 were there already");
    assert_eq!(importing.count("coachingSessions", "coachingSessions"), 4);
}

#[test]
fn every_bad_row_is_told_by_its_line_and_nothing_is_sent() {
    let importing = Importing::start();
    let users = "name,displayName,isActive,roles\n\
                 ana,Ana,yes,agent\n\
                 b en,Ben,perhaps,agent\n\
                 ana,Ana again,no,agent\n\
                 chloe,,no,pilot\n";
    for arguments in [&["--dry-run"][..], &[]] {
        let lines = [
            "line 3: isActive: is neither true nor false",
            "line 3: ",
            "line 3: ",
            "line 4: has the same name as line 2",
            "line 5: ",
            "line 5: ",
        ];
        importing.import("users.csv", users, arguments).failed(&lines, "bad rows: 3 of 4; nothing was sent");
    }
    assert_eq!(importing.service.curl("admin", "../../users/ana", &["--path-as-is"]).0, 404);
    importing
        .import("users.csv", "name,displayName,isActive\nana,Ana,yes\n", &["--dry-run"])
        .succeeded("rows that can be sent: 1");
}

#[test]
fn what_the_service_refuses_is_told_by_its_line_and_the_rest_is_written() {
    let importing = Importing::start();
    importing.people();
    let table = "name,agentUserName,conversationName,templateName,quality/greeting\n\
                 good,ana,call,quality@1,4\n\
                 stranger,nobody,call,quality@1,4\n\
                 high,ana,call,quality@1,6\n";
    importing.import("scorecards.csv", table, &[]).failed(
        &["line 3: agentUserName", "line 4: scores", "1 of 3 rows written"],
        "rows that the service refused: 2",
    );
    assert_eq!(importing.count("scorecards", "scorecards"), 1);
}

#[test]
fn what_keeps_an_import_from_starting_is_said_in_one_line() {
    let importing = Importing::start();
    let users = "name,displayName,isActive\nana,Ana,yes\n";
    for (file, table, arguments, error) in [
        ("people.csv", users, &[][..], "--records must say"),
        ("users.csv", "name,Title,displayName\n", &[], "not fields of such records: Title"),
        ("users.csv", users, &["--key", "Id"], "--key names the column Id"),
        ("users.csv", users, &["--mapping", "none.json"], "none.json"),
        ("users.csv", users, &["--url", "http://127.0.0.1:9"], "COACHING_TOKEN"),
        ("users.csv", users, &["--data", "elsewhere"], "is the service running?"),
        ("users.csv", "name,displayName\nana\n", &[], "users.csv"),
    ] {
        importing.import(file, table, arguments).failed(&[], error);
    }
}

impl Importing {
    /// Sends `body` to `path` below a profile, and returns the answer.
    fn post(&self, role: &str, profile: &str, path: &str, body: &Value) -> Value {
        let data = self.folder.path().join("body.json");
        std::fs::write(&data, body.to_string()).unwrap();
        let data = format!("@{}", data.display());
        let path = format!("../{profile}/{path}");
        let (status, answered) = self.service.curl(role, &path, &[&JSON[..], &["-d", &data]].concat());
        assert_eq!(status, 200, "{answered}");
        answered
    }

    /// The table that an export of a profile answers.
    fn exported(&self, profile: &str, path: &str, more: &Value) -> String {
        let mut body = json!({"startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-01T00:00:00Z"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answered = self.post("manager", profile, path, &body);
        answered["content"].as_str().unwrap_or_else(|| panic!("{answered}")).to_owned()
    }

    /// The profile `sales` beside `support`, with the same people, plans, usecase and template.
    fn two_profiles(&self) {
        self.people();
        let users = "name,displayName,isActive,roles,profileNames\n\
                     ana,=Ana,yes,agent,support;sales\nmaria,María,yes,manager,support;sales\n";
        self.import("users.csv", users, &[]).succeeded("2 of 2 rows written");
        let of_sales = ["--profile", "sales"];
        self.import("usecases.csv", "name,displayName\ncare,Customer care\n", &of_sales)
            .succeeded("1 of 1 rows written");
        let plans = "name,agentUserName,creatorUserName,isActive,usecaseName\nana-plan,ana,maria,true,care\n";
        self.import("plans.csv", plans, &of_sales).succeeded("1 of 1 rows written");
        let mut template = self.service.curl("admin", "scorecardTemplates/quality", &[]).1["scorecardTemplate"].clone();
        template["name"] = "customers/acme/profiles/sales/scorecardTemplates/quality".into();
        template["usecaseNames"] = json!(["customers/acme/profiles/sales/usecases/care"]);
        let template = template.as_object().unwrap().iter();
        let sent = template.filter(|(name, _)| ["name", "usecaseNames", "title", "template"].contains(&name.as_str()));
        self.post(
            "admin",
            "sales",
            "scorecardTemplates",
            &sent.map(|(name, value)| (name.clone(), value.clone())).collect(),
        );
    }
}

/// Texts that a table could lose something of.
const TEXTS: [&str; 12] =
    ["=SUM(1)", "'=SUM(1)", "''-1", "-1", "'", "'tis", "@a, \"b\"", "two\r\nlines\n", "\ttab ", "5", "＝1", " N/A"];

#[test]
fn what_an_export_wrote_is_loaded_elsewhere_and_exported_again_as_it_was() {
    let importing = Importing::start();
    importing.two_profiles();
    let named = |path: &str| format!("customers/acme/profiles/support/{path}");
    let scorecard = |(number, text): (usize, &&str)| {
        let is_submitted = number % 3 > 0;
        json!({
            "name": named(&format!("scorecards/s{number}")),
            "agentUserName": "customers/acme/users/ana",
            "conversationName": named("conversations/call"),
            "templateName": named("scorecardTemplates/quality@1"),
            "coachingPlanNames": [named("coachingPlans/ana-plan")],
            "creator": {"name": "customers/acme/users/maria"},
            "createTime": format!("2026-05-{:02}T10:00:00.123456789Z", 1 + number),
            "updateTime": "2026-05-20T10:00:00Z",
            "submitTime": is_submitted.then_some("2026-05-15T10:00:00Z"),
            "submittedBy": is_submitted.then(|| json!({"name": "customers/acme/users/maria"})),
            "acknowledgeTime": (number % 3 > 1).then_some("2026-05-16T10:00:00Z"),
            "acknowledgeComment": (number % 3 > 1).then_some(text),
            "comment": text,
            "manuallyScored": number % 2 == 0,
            "scores": [
                {"criterionId": "greeting", "numericValue": 2.5},
                match number {
                    0 => json!({"criterionId": "outcome", "notApplicable": true}),
                    1 => json!({"criterionId": "outcome", "textValue": "N/A"}),
                    2 => json!({"criterionId": "outcome", "textValue": "'5"}),
                    _ => json!({"criterionId": "outcome", "textValue": text}),
                },
            ],
        })
    };
    let mut scorecards: Vec<Value> = TEXTS.iter().enumerate().map(scorecard).collect();
    // Of a template whose id a spreadsheet would take for a formula; of a process, without a conversation; and a calibration,
    // which an export has before what it calibrates.
    for profile in ["support", "sales"] {
        let name = format!("customers/acme/profiles/{profile}/scorecardTemplates/-x");
        let usecase = format!("customers/acme/profiles/{profile}/usecases/care");
        let chapters = json!([{"chapterId": "all", "criteria": [{"criterionId": "greeting", "maximumValue": 5}]}]);
        let template =
            json!({"name": name, "title": "X", "usecaseNames": [usecase], "template": {"chapters": chapters}});
        importing.post("admin", profile, "scorecardTemplates", &template);
    }
    let created = |day: usize| format!("2026-05-{day:02}T11:00:00Z");
    let scores = json!([{"criterionId": "greeting", "numericValue": 4}]);
    let base = |id: &str, day: usize| {
        json!({
            "name": named(&format!("scorecards/{id}")),
            "agentUserName": "customers/acme/users/ana",
            "templateName": named("scorecardTemplates/-x@1"),
            "creator": {"name": "customers/acme/users/maria"},
            "createTime": created(day),
            "updateTime": "2026-05-20T10:00:00Z",
            "submitTime": "2026-05-15T10:00:00Z",
            "submittedBy": {"name": "customers/acme/users/maria"},
            "scores": scores,
            "processId": "-7",
            "processInteractionTime": "2026-05-01T08:00:00Z",
        })
    };
    let mut process = base("process", 2);
    process["scorecardType"] = "SCORECARD_TYPE_PROCESS".into();
    scorecards.push(process);
    let mut calibration = base("calibration", 3);
    calibration["calibratedScorecardName"] = named("scorecards/process").into();
    let written = importing.post("service", "support", "scorecards:batchUpsert", &json!({"scorecards": scorecards}));
    assert!(written["results"].as_array().unwrap().iter().all(|result| result.get("status").is_none()), "{written}");
    let written = importing.post("service", "support", "scorecards:batchUpsert", &json!({"scorecards": [calibration]}));
    assert!(written["results"][0].get("status").is_none(), "{written}");
    for (number, text) in TEXTS.iter().enumerate() {
        let session = json!({
            "name": named(&format!("coachingSessions/s{number}")),
            "agentUserName": "customers/acme/users/ana",
            "creatorUserName": "customers/acme/users/maria",
            "coachingPlanName": named("coachingPlans/ana-plan"),
            "sessionTime": "2026-05-10T10:00:00Z",
            "meetingNotes": text,
            "privateNotes": text,
            "createTime": format!("2026-05-{:02}T10:00:00Z", 1 + number),
            "updateTime": "2026-05-21T10:00:00Z",
            "managerUpdateTime": "2026-05-20T10:00:00Z",
            "managerSubmitTime": (number % 2 > 0).then_some("2026-05-20T10:00:00Z"),
            "managerSubmitterUserName": (number % 2 > 0).then_some("customers/acme/users/maria"),
            "acknowledgeTime": (number % 4 > 2).then_some("2026-05-21T10:00:00Z"),
            "agentComment": (number % 4 > 2).then_some(text),
        });
        importing.post("service", "support", "coachingSessions", &session);
    }
    let protected = (json!({}), &["--profile", "sales"][..]);
    let raw = (json!({"rawText": true, "timeZoneId": "Asia/Kolkata"}), &["--profile", "sales", "--raw-text"][..]);
    for (path, file, forms) in [
        // Raw, a text among the scores that reads as a number is one.
        ("scorecards:export", "scorecards.csv", vec![protected.clone()]),
        ("coachingSessions:export", "sessions.csv", vec![protected, raw]),
    ] {
        let messages = |profile: &str| importing.exported(profile, path, &json!({"format": "NDJSON"}));
        let of_sales = |text: String| text.replace("profiles/sales/", "profiles/support/");
        for (more, arguments) in forms {
            let first = importing.exported("support", path, &more);
            let ended = importing.import(file, &first, arguments);
            assert!(ended.succeeded, "{}{}", ended.said, ended.error);
            assert_eq!(of_sales(importing.exported("sales", path, &more)), first, "{path} {more}");
        }
        let without_etags = |lines: String| -> Vec<Value> {
            let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let without = |mut one: Value| {
                for field in ["etag", "submissionSource"] {
                    one.as_object_mut().unwrap().remove(field);
                }
                one
            };
            lines.map(without).collect()
        };
        assert_eq!(without_etags(of_sales(messages("sales"))), without_etags(messages("support")), "{path}");
    }
}
