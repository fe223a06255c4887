//! The tasks `jobs`, `run-job` and `erase-again`, from the command line.

use std::time::{Duration, Instant};

use coaching_domain::{Id, Tenant, Timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::arguments::Options;
use crate::client::{Answer, Client};
use crate::data_folder::DataFolder;
use crate::demo::CUSTOMER;
use crate::service::{open, start_logging};
use crate::table::causes;

/// The time between two looks at a job that is watched.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(500);
/// The time between two reports of a job that is done by hand.
const REPORTED_EVERY: Duration = Duration::from_secs(20);

/// Prints the jobs of `profile` of the service that uses the data folder of `options`; or, with `watched`, shows how far that
/// one is until it has ended, and prints where its files are.
///
/// # Errors
/// One line, if no service runs, or the job does not exist or did not succeed.
pub async fn show_jobs(
    options: &Options,
    profile: &str,
    watched: Option<&str>,
    print: impl Fn(&str),
) -> Result<(), String> {
    let client = Client::of(options, None, "ADMIN")?;
    let jobs = format!("/v1/customers/{CUSTOMER}/profiles/{profile}/jobs");
    let Some(watched) = watched else {
        let listed = succeed(client.get(&jobs).await?)?;
        for job in field(&listed, "jobs").as_array().into_iter().flatten() {
            let name = text(job, "name").rsplit('/').next().unwrap_or_default().to_owned();
            let (state, kind, created) = (text(job, "state"), text(job, "kind"), text(job, "createTime"));
            print(&format!("{name}  {state:<10} {:>3} %  {kind}  {created}\n", field(job, "progressPercent")));
        }
        return Ok(());
    };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %").map_err(|error| error.to_string())?;
    let bar = ProgressBar::new(100).with_style(style);
    loop {
        let answer = succeed(client.get(&format!("{jobs}/{watched}")).await?)?;
        let job = field(&answer, "job");
        let state = text(job, "state");
        bar.set_message(state.clone());
        bar.set_position(field(job, "progressPercent").as_u64().unwrap_or_default());
        match state.as_str() {
            "PENDING" | "RUNNING" | "CANCELLING" => tokio::time::sleep(LOOKED_AT_EVERY).await,
            "SUCCEEDED" => {
                bar.finish();
                for file in field(job, "results").as_array().into_iter().flatten() {
                    print(&format!("{} rows: {}\n", field(file, "rowCount"), text(file, "uri")));
                }
                return Ok(());
            }
            _ => {
                bar.abandon();
                return Err(format!("the job is {state}: {}", text(field(job, "error"), "message")));
            }
        }
    }
}

fn succeed(answer: Answer) -> Result<Value, String> {
    if answer.status == 200 { Ok(answer.body) } else { Err(answer.said()) }
}

fn field<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

fn text(object: &Value, name: &str) -> String {
    field(object, name).as_str().unwrap_or_default().to_owned()
}

/// Does a job in the data that `options` name, and reports to `print` how far it is.
///
/// # Errors
/// One line that says what is in the way. What was done until then stays, and the next run goes on.
pub async fn run_job(
    options: &Options,
    customer: &str,
    profile: &str,
    job: &str,
    print: impl Fn(&str),
) -> Result<(), String> {
    start_logging()?;
    #[expect(clippy::disallowed_methods, reason = "an operator starts this, through no route")]
    let tenant = Tenant::for_maintenance(customer, profile).map_err(|error| causes(&error))?;
    let id = Id::parse(job).ok_or_else(|| format!("'{job}' is not the id of a job"))?;
    // The data of another DynamoDB is not in the folder, but the files of jobs are.
    let folder = DataFolder::open(&options.data)?;
    let opened = open(options, Some(&folder), "").await?;
    loop {
        let until = Instant::now() + REPORTED_EVERY;
        let done = ::run_job::run(&opened.app, &tenant, &id, until).await.map_err(|error| causes(&error))?;
        print(&format!("{} {} %\n", done.state.name(), done.progress.percent));
        if done.state.is_final() {
            return Ok(());
        }
    }
}

/// Erases again, in the data that `options` name, all users of `customer` who are in the list of erasures since `since`, and
/// reports to `print` how far it is.
///
/// # Errors
/// One line that says what is in the way, or how many could not be erased. What was done until then stays, and the next
/// run goes on.
pub async fn erase_again(
    options: &Options,
    customer: &str,
    since: Timestamp,
    print: impl Fn(&str),
) -> Result<(), String> {
    start_logging()?;
    // The data of another DynamoDB is not in the folder, but the list of erasures is.
    let folder = DataFolder::open(&options.data)?;
    let opened = open(options, Some(&folder), "").await?;
    let mut erased = 0;
    loop {
        let until = Instant::now() + REPORTED_EVERY;
        let done = ::run_job::erase_again(&opened.app, customer, since, until).await;
        let done = done.map_err(|error| causes(&error))?;
        erased += done.erased_count;
        print(&format!("{erased} people erased again\n"));
        if let Some(failed) = done.failed_jobs.first() {
            return Err(format!("{failed} did not succeed; so may others: run it again"));
        }
        if done.finished {
            return Ok(());
        }
    }
}
