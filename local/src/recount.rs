//! The task `rebuild-statistics`, from the command line.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ::rebuild_statistics::{CountDifferenceMessage, DifferenceMessage, SkippedMessage};

use crate::arguments::Options;
use crate::data_folder::DataFolder;
use crate::service::{open, start_logging};
use crate::table::causes;

/// The time between two reports of the recount's progress.
const REPORTED_EVERY: Duration = Duration::from_secs(20);

/// Recounts the statistics of a profile in the data that `options` name. Reports progress to `print`, and at the end each
/// difference, one to a line, and each record that could not be read and was left out.
///
/// # Errors
/// One line that says what is in the way, that the profile has no data, or that not everything could be counted. What
/// was recounted until then stays; after an interruption, the next run resumes there.
pub async fn rebuild_statistics(
    options: &Options,
    customer: &str,
    profile: &str,
    print: impl Fn(&str),
) -> Result<(), String> {
    start_logging()?;
    // The data of another DynamoDB is not in the folder, which a service may be using.
    let folder = if options.dynamodb.is_some() { None } else { Some(DataFolder::open(&options.data)?) };
    let opened = open(options, folder.as_ref(), "").await?;
    let mut recounted = 0;
    let mut left_out = BTreeSet::new();
    loop {
        let answer = ::rebuild_statistics::rebuild(&opened.app, customer, profile, Instant::now() + REPORTED_EVERY)
            .await
            .map_err(|error| causes(&error))?;
        recounted += answer.recounted_agent_count;
        for DifferenceMessage { agent_user_name, usecase_name, period } in &answer.differences {
            print(&format!("put right: {agent_user_name}, {usecase_name}, two months from {period}\n"));
        }
        for DifferenceMessage { agent_user_name, usecase_name, period } in &answer.activity_differences {
            print(&format!("put right: activity of {agent_user_name}, {usecase_name}, two months from {period}\n"));
        }
        for CountDifferenceMessage { shard, counted, .. } in &answer.agent_count_differences {
            print(&format!("put right: {counted} active agents in share {shard}\n"));
        }
        if answer.agent_counts_unsettled {
            print("changed within the last minute, to be recounted again: the numbers of active agents\n");
        }
        for agent in &answer.unsettled_agent_user_names {
            print(&format!("changed within the last minute, to be recounted again: {agent}\n"));
        }
        for SkippedMessage { name, kind, id, attribute } in &answer.skipped {
            let line = format!("cannot be read, and is left out: {name} ({kind} {id}), attribute {attribute}\n");
            if left_out.insert(line.clone()) {
                print(&line);
            }
        }
        print(&format!(
            "{recounted} of {} agents recounted, {} statistics put right\n",
            answer.agent_count, answer.difference_count
        ));
        match left_out.len() {
            _ if !answer.done => {}
            0 => return Ok(()),
            1 => return Err("1 record cannot be read, and nothing was counted from it".to_owned()),
            records => return Err(format!("{records} records cannot be read, and nothing was counted from them")),
        }
    }
}
