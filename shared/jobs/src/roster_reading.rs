//! Agents that are read for an export, by name, and measured part by part.

use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::{App, Measuring, Roster};
use coaching_store::{Agent, Cursor};

use crate::export::Part;

/// The most agents that are measured at once, and the most records of theirs that are then read.
const PART: usize = 500;
const RECORDS_OF_PART: usize = 4000;

/// The agents of an export that are left to be read.
#[derive(Debug)]
pub(crate) struct RosterReading<'a> {
    /// The app.
    pub(crate) app: &'a App,
    /// The profile.
    pub(crate) tenant: &'a Tenant,
    /// The time whose facts count.
    pub(crate) now: Timestamp,
    /// All of them by name, unless they are everyone.
    named: Option<Vec<Agent>>,
    /// The most agents of a part.
    size: usize,
    /// The number of records that were met so far and cannot be read.
    unreadable: usize,
}

impl<'a> RosterReading<'a> {
    /// Begins to read `roster`, of each of whose agents so many records are read, at `now`; or goes on, if it `goes_on`.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub(crate) async fn new<M: Measuring>(
        (app, tenant): (&'a App, &'a Tenant),
        roster: &Roster<'_, M>,
        records_of_agent: usize,
        now: Timestamp,
        goes_on: bool,
    ) -> Result<Self, Error> {
        let named = roster.named().await?;
        let size = (RECORDS_OF_PART / records_of_agent.max(1)).clamp(1, PART);
        // What was met before this part began was counted then.
        let unreadable = if goes_on { app.store.unreadable().len() } else { 0 };
        Ok(Self { app, tenant, now, named, size, unreadable })
    }

    /// The next agents of `roster` after `after`; `entry` makes an entry of each.
    ///
    /// # Errors
    /// The errors of measuring; UNAVAILABLE if the table does not answer.
    pub(crate) async fn next<M: Measuring>(
        &mut self,
        roster: &Roster<'_, M>,
        after: Option<&Cursor>,
    ) -> Result<Part<M::Measured>, Error> {
        let part = roster.part(self.named.as_deref(), after, self.size).await?;
        let behind = |named: &Vec<Agent>, next: &Cursor| named.partition_point(|agent| agent.place_by_name() <= *next);
        let percent = self.named.as_ref().zip(part.next.as_ref());
        let percent = percent.map_or(0, |(named, next)| behind(named, next) * 100 / named.len().max(1));
        let unreadable = self.app.store.unreadable().len();
        let skipped = unreadable.saturating_sub(std::mem::replace(&mut self.unreadable, unreadable));
        Ok(Part {
            entries: part.agents,
            next: part.next,
            percent: u8::try_from(percent).unwrap_or(99).min(99),
            skipped: u64::try_from(skipped).unwrap_or(u64::MAX),
        })
    }
}
