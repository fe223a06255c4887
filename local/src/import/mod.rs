//! The task `import`: the rows of a table (CSV, RFC 4180) become records of a service, here or elsewhere.
//!
//! The fields, their types and their rules are those of `openapi.json`. All rows are checked before the first is sent: if
//! one is bad, none is. A record has the name that its row has; without one it is named after the row's key, or after
//! all that the row holds. So an import that is repeated, or that was interrupted, writes the same records again and no
//! further ones. Two imports of the same rows at once do the same as one.

mod rows;

use std::collections::HashMap;
use std::path::Path;

use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use futures_util::stream::iter;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::arguments::Options;
use crate::client::{self, Answer, Client, message, reason};
use rows::{Row, Table};

/// The most rows in a request, and the most bytes: enough that requests are few, and few enough that a repeat is cheap.
const MAX_ROWS: usize = 100;
const MAX_BYTES: usize = 256 * 1024;
/// The requests that are sent side by side.
const AT_ONCE: usize = 4;

/// What to import, and to where.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The table, a CSV file (RFC 4180, UTF-8) whose first line names the columns
    #[arg(value_name = "FILE")]
    file: std::path::PathBuf,

    /// What its rows are; by default the file is called so, as scorecards.csv
    #[arg(long, value_enum)]
    records: Option<Records>,

    /// The customer's id
    #[arg(long, value_name = "ID", default_value = crate::demo::CUSTOMER)]
    customer: String,

    /// The profile's id
    #[arg(long, value_name = "ID", default_value = "support")]
    profile: String,

    /// The service's address; by default the service that uses the data folder. Another one's token is read from COACHING_TOKEN
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// A JSON object from columns to fields: {"Agent": "agentUserName", "Greeting": "quality/greeting", "Row": null}; null leaves a column out
    #[arg(long, value_name = "FILE")]
    mapping: Option<std::path::PathBuf>,

    /// Name records without a name after this column; may be repeated. By default after the whole row
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,

    /// The table was exported with rawText: apostrophes at the beginning of texts are their own
    #[arg(long)]
    raw_text: bool,

    /// Check every row and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Records {
    /// People of the customer's directory
    Users,
    /// Teams of the customer's directory
    Groups,
    /// Usecases of the profile
    Usecases,
    /// Coaching plans
    Plans,
    /// Coaching sessions; one that exists stays as it is
    Sessions,
    /// Scorecards, with a column {template}/{criterion} for each score
    Scorecards,
}

impl Records {
    /// The path that they are sent to, and the list in the body that takes them; without a list each is a body.
    fn sent_to(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Users => ("/v1/customers/{customer}/users:batchUpsert", Some("users")),
            Self::Groups => ("/v1/customers/{customer}/groups:batchUpsert", Some("groups")),
            Self::Usecases => ("/v1/customers/{customer}/profiles/{profile}/usecases:batchUpsert", Some("usecases")),
            Self::Plans => {
                ("/v1/customers/{customer}/profiles/{profile}/coachingPlans:batchUpsert", Some("coachingPlans"))
            }
            Self::Sessions => ("/v1/customers/{customer}/profiles/{profile}/coachingSessions", None),
            Self::Scorecards => {
                ("/v1/customers/{customer}/profiles/{profile}/scorecards:batchUpsert", Some("scorecards"))
            }
        }
    }

    /// The resource that each is, as `openapi.json` calls it.
    fn resource(self) -> &'static str {
        match self {
            Self::Users => "User",
            Self::Groups => "Group",
            Self::Usecases => "Usecase",
            Self::Plans => "CoachingPlan",
            Self::Sessions => "CoachingSession",
            Self::Scorecards => "Scorecard",
        }
    }

    fn of_file(file: &Path) -> Result<Self, String> {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        Self::from_str(stem, true).map_err(|_| format!("--records must say what the rows of {} are", file.display()))
    }
}

/// Imports as `import` says. Reports to `print` each row that is bad or refused, and at the end what was written.
///
/// # Errors
/// One line: what keeps it from starting, or how many rows are bad or were refused. What was written until then stays.
pub async fn import(options: &Options, import: &Import, print: impl Fn(&str)) -> Result<(), String> {
    let records = import.records.map_or_else(|| Records::of_file(&import.file), Ok)?;
    let table = Table::open(import, records)?;
    for column in table.left_out() {
        print(&format!("left out: the column {column}\n"));
    }
    let (count, has_calibrations) = check(&table, &print)?;
    if import.dry_run {
        print(&format!("rows that can be sent: {count}\n"));
        return Ok(());
    }
    let client = Client::of(options, import.url.as_deref(), "SERVICE")?;
    let path = records.sent_to().0.replace("{customer}", &import.customer).replace("{profile}", &import.profile);
    let bar = ProgressBar::new(count);
    bar.set_style(
        ProgressStyle::with_template("{wide_bar} {pos} of {len} rows, {eta} left")
            .map_err(|error| error.to_string())?,
    );
    let mut done = Done::default();
    let mut stopped = None;
    // What is calibrated is there before its calibrations.
    let kinds: &[bool] = if has_calibrations { &[false, true] } else { &[false] };
    'all: for calibrations in kinds {
        let mut requests = iter(batches(&table, records, *calibrations)?)
            .map(async |batch| match batch {
                Ok(batch) => (batch.len(), send(&client, &path, records, batch).await),
                Err(line) => (0, Err(line)),
            })
            .buffer_unordered(AT_ONCE);
        while let Some((rows, sent)) = requests.next().await {
            bar.inc(rows as u64);
            match sent {
                Ok(sent) => done.add(sent),
                Err(line) => {
                    stopped = Some(line);
                    break 'all;
                }
            }
        }
    }
    bar.finish_and_clear();
    done.refused.sort();
    for (row, why) in &done.refused {
        print(&format!("line {row}: {why}\n"));
    }
    let there = if done.there > 0 { format!(", {} were there already", done.there) } else { String::new() };
    print(&format!("{} of {count} rows written{there}\n", done.written));
    match (stopped, done.refused.len()) {
        (Some(line), _) => Err(format!("{line}; what was written stays, and a repeat writes the rest")),
        (None, 0) => Ok(()),
        (None, refused) => Err(format!("rows that the service refused: {refused}; a repeat sends all of them again")),
    }
}

/// Checks every row, and returns how many there are, and whether some are calibrations.
fn check(table: &Table, print: &impl Fn(&str)) -> Result<(u64, bool), String> {
    let (mut count, mut has_calibrations, mut bad) = (0, false, 0_u64);
    let mut lines_of_names = HashMap::new();
    for row in table.rows()? {
        count += 1;
        let row = row?;
        has_calibrations |= row.is_calibration();
        let Row { line, mut problems, record } = row;
        if let Some(name) = record.get("name").and_then(Value::as_str)
            && let Some(first) = lines_of_names.insert(name.to_owned(), line)
        {
            problems.push(format!("has the same name as line {first}"));
        }
        bad += u64::from(!problems.is_empty());
        for problem in problems {
            print(&format!("line {line}: {problem}\n"));
        }
    }
    if bad > 0 { Err(format!("bad rows: {bad} of {count}; nothing was sent")) } else { Ok((count, has_calibrations)) }
}

/// The rows in the batches that are sent, of `calibrations` or of all else; each batch fails by itself if the file cannot be
/// read any more.
fn batches(
    table: &Table,
    records: Records,
    calibrations: bool,
) -> Result<impl Iterator<Item = Result<Vec<Row>, String>>, String> {
    let most = if records.sent_to().1.is_some() { MAX_ROWS } else { 1 };
    let rows = table.rows()?;
    let mut rows =
        rows.filter(move |row| row.as_ref().map_or(true, |row| row.is_calibration() == calibrations)).peekable();
    Ok(std::iter::from_fn(move || {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next_if(|row| {
            bytes += row.as_ref().map_or(0, |row| row.record.to_string().len());
            batch.is_empty() || (batch.len() < most && bytes <= MAX_BYTES)
        }) {
            match row {
                Ok(row) => batch.push(row),
                Err(line) => return Some(Err(line)),
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }))
}

/// What became of rows.
#[derive(Debug, Default)]
struct Done {
    written: u64,
    /// Those that existed and stay as they are.
    there: u64,
    /// The line of each row that was refused, and why.
    refused: Vec<(u64, String)>,
}

impl Done {
    fn add(&mut self, other: Self) {
        self.written += other.written;
        self.there += other.there;
        self.refused.extend(other.refused);
    }
}

/// Sends a batch, and those of its rows again that could not be written at that moment.
async fn send(client: &Client, path: &str, records: Records, mut batch: Vec<Row>) -> Result<Done, String> {
    let mut done = Done::default();
    let Some(list) = records.sent_to().1 else {
        for row in batch {
            match client.post(path, &row.record).await? {
                Answer { status: 200, .. } => done.written += 1,
                Answer { status: 409, body, .. } if reason(&body) == "RESOURCE_ALREADY_EXISTS" => done.there += 1,
                Answer { status: 400, body, .. } => done.refused.push((row.line, message(&body))),
                other => return Err(other.said()),
            }
        }
        return Ok(done);
    };
    for attempt in 0.. {
        let entries: Vec<&Value> = batch.iter().map(|row| &row.record).collect();
        let answer = client.post(path, &json!({list: entries})).await?;
        let results = match (answer.status, answer.body.get("results").and_then(Value::as_array)) {
            (200, Some(results)) => results.clone(),
            _ => return Err(answer.said()),
        };
        let mut again = Vec::new();
        for (row, result) in batch.into_iter().zip(results) {
            match result.get("status") {
                None => done.written += 1,
                Some(status) if attempt < client::ATTEMPTS && client::is_passing(status) => again.push(row),
                Some(status) => done.refused.push((row.line, of_entry(&message(status)))),
            }
        }
        if again.is_empty() {
            break;
        }
        client::pause(attempt).await;
        batch = again;
    }
    Ok(done)
}

/// The message of an entry's error, without the entry's place in the request: `users[3].name: …`.
fn of_entry(message: &str) -> String {
    let place = message.split_once("].").filter(|(place, _)| !place.contains([' ', ':']));
    place.map_or(message, |(_, rest)| rest).to_owned()
}
