//! Writes many scorecards over the stored ones, as batches do: agent by agent, concurrently, again after each conflict.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use coaching_domain::names::{ScorecardId, ScorecardTemplateId, UserId};
use coaching_domain::scorecard::Scorecard;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Code, Error, Tenant, Timestamp};
use futures_util::future::join_all;

use crate::engine::attempts::Attempts;
use crate::scorecards::{KnownStatistics, ScorecardChange};
use crate::unreadable::Found;
use crate::{Deadline, Store};

/// Templates by their id and revision; without a revision, the current one.
pub type TemplatesByRevision = HashMap<(ScorecardTemplateId, Option<u32>), ScorecardTemplate>;

/// The results of scorecards, by their places in a batch: each as it is stored, or why it was refused.
pub type UpsertedScorecards = BTreeMap<usize, Result<Scorecard, Error>>;

/// Records that were read before an upsert of scorecards.
#[derive(Debug)]
pub struct KnownScorecards<'a> {
    /// The stored scorecards to be replaced, and those to be calibrated.
    pub there: Found<Scorecard>,
    /// Revisions of templates, among them those of the scorecards to be written.
    pub templates: &'a TemplatesByRevision,
}

/// The places and the result of one transaction's scorecards; `None` if one has changed since it was read.
type OfRun = (Vec<usize>, Result<Option<Vec<Scorecard>>, Error>);

/// The stored scorecards that are read before `scorecard` is written.
fn read_for(scorecard: &Scorecard) -> impl Iterator<Item = &ScorecardId> {
    std::iter::once(&scorecard.id).chain(&scorecard.calibrated)
}

/// Refuses the scorecards at `places` with `error`.
fn refuse(results: &mut UpsertedScorecards, places: impl IntoIterator<Item = usize>, mut error: Error) {
    for place in places {
        let again = error.for_another();
        results.insert(place, Err(std::mem::replace(&mut error, again)));
    }
}

impl Store {
    /// Writes each of `scorecards`, by place in a batch, with the change that `change` makes of it, until `deadline`;
    /// returns the result of each.
    ///
    /// `change` gets the place, the scorecard, the stored one, the template revision that the stored one was made from,
    /// if that can be read, and the scorecard that it calibrates. It makes no change of a scorecard that is stored like this already. It may be called
    /// several times: with each state that others leave a scorecard in before it is written.
    pub async fn upsert_scorecards(
        &self,
        tenant: &Tenant,
        mut scorecards: BTreeMap<usize, Scorecard>,
        KnownScorecards { there: mut before, templates }: KnownScorecards<'_>,
        change: impl Fn(
            usize,
            &Scorecard,
            Option<&Scorecard>,
            Option<&ScorecardTemplate>,
            Option<&Scorecard>,
        ) -> Result<Option<ScorecardChange>, Error>,
        now: Timestamp,
        deadline: Deadline,
    ) -> UpsertedScorecards {
        let mut results = UpsertedScorecards::new();
        let mut attempts = Attempts::new();
        while !scorecards.is_empty() && attempts.another().await {
            let revisions = before.entries.iter().map(|one| (one.template.clone(), Some(one.revision)));
            let unknown: Vec<_> = revisions.filter(|revision| !templates.contains_key(revision)).collect();
            let older = match deadline.within(self.revisions(tenant, &unknown, true)).await {
                Ok(older) => older.entries,
                Err(error) => {
                    refuse(&mut results, scorecards.into_keys(), error);
                    return results;
                }
            };
            let there: HashMap<&ScorecardId, &Scorecard> = before.entries.iter().map(|one| (&one.id, one)).collect();
            let mut by_agent: BTreeMap<UserId, Vec<(usize, ScorecardChange)>> = BTreeMap::new();
            for (place, scorecard) in &scorecards {
                let needed: Vec<String> = read_for(scorecard).map(|id| tenant.name_of(id)).collect();
                let unreadable = before.unreadable.iter().find(|one| needed.iter().any(|name| name == one.name()));
                if let Some(unreadable) = unreadable {
                    results.insert(*place, Err(unreadable.clone().into()));
                    continue;
                }
                let calibrated = scorecard.calibrated.as_ref().and_then(|id| there.get(id).copied());
                let there = there.get(&scorecard.id).copied();
                let made_from = there.and_then(|there| {
                    let known = templates.get(&(there.template.clone(), Some(there.revision)));
                    known.or_else(|| older.iter().find(|template| there.is_made_from(template)))
                });
                match change(*place, scorecard, there, made_from, calibrated) {
                    Ok(Some(change)) => by_agent.entry(scorecard.agent.clone()).or_default().push((*place, change)),
                    Ok(None) => {
                        results.insert(*place, Ok(there.unwrap_or(scorecard).clone()));
                    }
                    Err(refused) => {
                        results.insert(*place, Err(refused));
                    }
                }
            }
            let writes = by_agent.into_values().map(|changes| self.upsert_of_agent(tenant, changes, now, deadline));
            for (places, written) in join_all(writes).await.into_iter().flatten() {
                match written {
                    Ok(Some(written)) => results.extend(places.into_iter().zip(written.into_iter().map(Ok))),
                    Ok(None) => {}
                    Err(error) => refuse(&mut results, places, error),
                }
            }
            scorecards.retain(|place, _| !results.contains_key(place));
            let ids: HashSet<&ScorecardId> = scorecards.values().flat_map(read_for).collect();
            let ids: Vec<ScorecardId> = ids.into_iter().cloned().collect();
            before = match deadline.within(self.scorecards_by_id(tenant, &ids)).await {
                Ok(before) => before,
                Err(error) => {
                    refuse(&mut results, scorecards.into_keys(), error);
                    return results;
                }
            };
        }
        refuse(&mut results, scorecards.into_keys(), Error::kept_changing("the scorecard"));
        results
    }

    /// Writes changes of scorecards of one agent, a transaction at a time; returns the result of each transaction.
    pub(crate) async fn upsert_of_agent(
        &self,
        tenant: &Tenant,
        mut changes: Vec<(usize, ScorecardChange)>,
        now: Timestamp,
        deadline: Deadline,
    ) -> Vec<OfRun> {
        // Scorecards of one period go together, so that its statistics change once.
        changes.sort_by_key(|(_, change)| change.after.submit_time);
        let (places, changes): (Vec<usize>, Vec<ScorecardChange>) = changes.into_iter().unzip();
        let mut places = places.into_iter();
        let mut runs = Vec::new();
        let mut rest: VecDeque<&[ScorecardChange]> = Self::runs_of(&changes).into();
        while let Some(run) = rest.pop_front() {
            let write = self.write_scorecards(tenant, run, KnownStatistics::default(), None, now);
            let written = match deadline.within(write).await {
                Ok(true) => Ok(Some(run.iter().map(|change| change.after.clone()).collect())),
                // The whole run was refused, so all of it is read again.
                Ok(false) => Ok(None),
                // Halved until the scorecard that makes the agent's statistics too large is found.
                Err(error) if error.code() == Code::ResourceExhausted && run.len() > 1 => {
                    let (first, second) = run.split_at(run.len() / 2);
                    rest.push_front(second);
                    rest.push_front(first);
                    continue;
                }
                Err(error) => Err(error),
            };
            runs.push((places.by_ref().take(run.len()).collect(), written));
        }
        runs
    }
}
