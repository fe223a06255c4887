//! `import`: tables become records of a running service.

use std::path::Path;
use std::process::Command;

use serde_json::json;

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
