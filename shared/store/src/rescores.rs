//! Writes scorecards that a job re-scores, and tells what that costs.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::time::Duration;

use coaching_domain::backfill::Units;
use coaching_domain::scorecard::Scorecard;
use coaching_domain::statistics::Inconsistent;
use coaching_domain::{Error, Reason, Tenant, Timestamp};

use crate::list::bytes_of;
use crate::scorecards::{ScorecardChange, places_of, statistics_from_item, write, written_beside};
use crate::{Deadline, Store};

/// The bytes that a unit of writing, and one of reading as of now, take.
const WRITE_UNIT: usize = 1024;
const READ_UNIT: usize = 4096;
/// The indexes that list a scorecard: each holds all of it.
const INDEXES_OF_SCORECARDS: u64 = 2;

impl Store {
    /// Writes `changes` of scorecards of one agent, each over what was read, with their changes to statistics and
    /// history, in transactions of as many as fit. Returns for each, by its place, whether it is written: not if the
    /// scorecard, or another of its transaction, has changed since it was read. Repeated, nothing is written.
    pub async fn write_changes_of_agent(
        &self,
        tenant: &Tenant,
        changes: Vec<ScorecardChange>,
        now: Timestamp,
    ) -> Vec<(usize, Result<bool, Error>)> {
        let changes = changes.into_iter().enumerate().collect();
        let runs = self.upsert_of_agent(tenant, changes, now, Deadline::after(Duration::MAX)).await;
        let mut written = Vec::new();
        for (places, result) in runs {
            let result = result.map(|scorecards: Option<Vec<Scorecard>>| scorecards.is_some());
            let mut result = result.map_err(without_inconsistency);
            for place in places {
                let again = result.as_ref().map(|written| *written).map_err(Error::for_another);
                written.push((place, std::mem::replace(&mut result, again)));
            }
        }
        written
    }

    /// The units that [`Store::write_changes_of_agent`] spends on `changes`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn cost_of_changes_of_agent(
        &self,
        tenant: &Tenant,
        mut changes: Vec<ScorecardChange>,
    ) -> Result<Units, Error> {
        changes.sort_by_key(|change| change.after.submit_time);
        let places = changes.iter().flat_map(places_of);
        let mut sizes = BTreeMap::new();
        for item in self.batch_get(places.map(|place| place.key(tenant)).collect(), false).await? {
            let bytes = bytes_of(&item);
            let (place, _) = self.noting(statistics_from_item(item))?;
            sizes.insert(place.key(tenant), bytes);
        }
        let mut units = Units::default();
        for run in Self::runs_of(&changes) {
            for change in run {
                let of_scorecard = written(write(tenant, change).size());
                units.writes += 2 * of_scorecard + INDEXES_OF_SCORECARDS * of_scorecard;
                let beside = written_beside(tenant, change);
                units.writes += beside.iter().map(|write| 2 * written(write.size())).sum::<u64>();
            }
            let mut places: Vec<_> = run.iter().flat_map(places_of).map(|place| place.key(tenant)).collect();
            places.sort_unstable();
            places.dedup();
            for place in places {
                let bytes = sizes.get(&place).copied().unwrap_or(0);
                units.writes += 2 * written(bytes);
                units.half_reads += 2 * units_of(bytes, READ_UNIT);
            }
        }
        Ok(units)
    }
}

/// `error`, but for statistics that do not hold the scorecard: these concern their agent alone.
fn without_inconsistency(error: Error) -> Error {
    match error.source() {
        Some(cause) if cause.is::<Inconsistent>() => Error::new(Reason::RecordUnreadable, cause.to_string()),
        _ => error,
    }
}

fn written(bytes: usize) -> u64 {
    units_of(bytes, WRITE_UNIT)
}

fn units_of(bytes: usize, unit: usize) -> u64 {
    u64::try_from(bytes.div_ceil(unit).max(1)).unwrap_or(u64::MAX)
}
