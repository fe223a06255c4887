//! The task `rebuild-statistics`, from the command line.

use std::time::{Duration, Instant};

use ::rebuild_statistics::DifferenceMessage;

use crate::arguments::Options;
use crate::data_folder::DataFolder;
use crate::service::{open, start_logging};
use crate::table::causes;

/// How often it is said how far the recount came.
const REPORTED_EVERY: Duration = Duration::from_secs(20);

/// Recounts the statistics of a profile in the data that `options` name. Tells `say` how far it came, and
/// in the end every difference, one to a line.
///
/// # Errors
/// One line that says what is in the way, or that nothing is known of the profile. What was recounted until then stays, and the next run goes on
/// from there.
pub async fn rebuild_statistics(
    options: &Options,
    customer: &str,
    profile: &str,
    say: impl Fn(&str),
) -> Result<(), String> {
    start_logging()?;
    // The data of another DynamoDB is not in the folder, which a service may be using.
    let folder = if options.dynamodb.is_some() { None } else { Some(DataFolder::open(&options.data)?) };
    let opened = open(options, folder.as_ref()).await?;
    let mut recounted = 0;
    loop {
        let answer = ::rebuild_statistics::rebuild(&opened.app, customer, profile, Instant::now() + REPORTED_EVERY)
            .await
            .map_err(|error| causes(&error))?;
        if answer.agent_count == 0 {
            return Err(format!(
                "there is no scorecard of an agent in profile '{profile}' of customer '{customer}': nothing to recount"
            ));
        }
        recounted += answer.recounted_agent_count;
        for DifferenceMessage { agent_user_name, usecase_name, period } in &answer.differences {
            say(&format!("put right: {agent_user_name}, {usecase_name}, two months from {period}\n"));
        }
        for agent in &answer.unsettled_agent_user_names {
            say(&format!("changed within the last minute, to be recounted again: {agent}\n"));
        }
        say(&format!(
            "{recounted} of {} agents recounted, {} statistics put right\n",
            answer.agent_count, answer.difference_count
        ));
        if answer.done {
            return Ok(());
        }
    }
}
