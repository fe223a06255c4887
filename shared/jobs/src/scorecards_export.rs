//! The export of scorecards, from the latest creation to the earliest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use coaching_domain::export::{ExportedScorecards, FileForm, Format, Layout, percent_of_way};
use coaching_domain::job::JobKind;
use coaching_domain::names::{ScorecardTemplateId, UserId};
use coaching_domain::references::References;
use coaching_domain::scorecard::Scorecard;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Caller, Error, Tenant, Timestamp};
use coaching_edge::App;
use coaching_store::{Cursor, TemplateFilter};
use serde::{Deserialize, Serialize};

use crate::export::{Begun, Exported, Part, Reading};
use crate::people::{People, Person};
use crate::rows::Cells;
use crate::scorecard_rows::{CriterionColumn, OfScorecard, SCORE_COLUMNS, SCORECARD_COLUMNS};

/// The most columns of criteria of a table.
const MAX_COLUMNS: usize = 1000;
/// The most agents who are read from a range each.
const MAX_RANGES: usize = 50;
/// Scorecards that are read at once.
const PAGE: usize = 500;
/// Templates that are read at once.
const TEMPLATES_AT_ONCE: usize = 40;
/// The most template revisions that are remembered.
const MAX_REMEMBERED_REVISIONS: usize = 200;

/// The templates whose criteria have columns, each in the revision that was the current one when the export was begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnsOf(Vec<(ScorecardTemplateId, u32)>);

impl Exported for ExportedScorecards {
    const KIND: JobKind = JobKind::ExportScorecards;
    type Fixed = ColumnsOf;
    type Reading<'a> = ScorecardsReading<'a>;

    fn references(&self, caller: &Caller) -> References {
        self.references(caller)
    }

    async fn fix(&self, app: &App, tenant: &Tenant, form: &FileForm) -> Result<ColumnsOf, Error> {
        let has_columns = form.format() == Format::Csv && self.layout() == Layout::RowPerScorecard;
        let columns =
            if has_columns { revisions_with_columns(app, tenant, &self.templates).await? } else { Vec::new() };
        Ok(ColumnsOf(columns))
    }

    async fn reading<'a>(
        app: &'a App,
        tenant: &'a Tenant,
        begun: &'a Begun<Self>,
    ) -> Result<ScorecardsReading<'a>, Error> {
        ScorecardsReading::new(app, tenant, &begun.export.asked, &begun.fixed).await
    }

    fn file_stem(&self, _now: Timestamp) -> String {
        let day = |time: Timestamp| time.as_utc().date_naive();
        format!("scorecards-{}-{}", day(self.start), day(self.end))
    }
}

/// The current revisions of `templates` (empty: all of the profile), if their criteria are not too many for a table.
async fn revisions_with_columns(
    app: &App,
    tenant: &Tenant,
    templates: &[ScorecardTemplateId],
) -> Result<Vec<(ScorecardTemplateId, u32)>, Error> {
    let mut current: Vec<(ScorecardTemplateId, u32, usize)> = Vec::new();
    let told =
        |template: &ScorecardTemplate| (template.id.clone(), template.revision, template.known_criteria().count());
    if templates.is_empty() {
        let filter = TemplateFilter { deactivated: true, deleted: true, ..TemplateFilter::default() };
        let mut after: Option<Cursor> = None;
        loop {
            let page = app.store.current_templates(tenant, &filter, after.as_ref(), PAGE).await?;
            current.extend(page.entries.iter().map(told));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let named: Vec<_> = templates.iter().map(|id| (id.clone(), None)).collect();
    for named in named.chunks(TEMPLATES_AT_ONCE) {
        current.extend(app.store.revisions(tenant, named, false).await?.entries.iter().map(told));
    }
    let columns: usize = current.iter().map(|(_, _, criteria)| criteria).sum();
    if columns > MAX_COLUMNS {
        let fault = format!(
            "has {columns} criteria in all, and a table takes columns for {MAX_COLUMNS}; name fewer templates, or take ROW_PER_SCORE"
        );
        return Err(Error::invalid_field("scorecardTemplateNames", fault));
    }
    current.sort();
    Ok(current.into_iter().map(|(id, revision, _)| (id, revision)).collect())
}

/// Scorecards that are being read.
#[derive(Debug)]
pub struct ScorecardsReading<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    asked: &'a ExportedScorecards,
    /// The agents who are asked for; `None`: all.
    agents: Option<Vec<UserId>>,
    columns: Vec<CriterionColumn>,
    templates: HashMap<(ScorecardTemplateId, u32), Option<Arc<ScorecardTemplate>>>,
    people: People<'a>,
}

/// A scorecard, and what is needed to write it.
#[derive(Debug)]
pub struct ScorecardEntry {
    scorecard: Scorecard,
    template: Arc<ScorecardTemplate>,
    display_name: Arc<str>,
}

impl<'a> ScorecardsReading<'a> {
    async fn new(
        app: &'a App,
        tenant: &'a Tenant,
        asked: &'a ExportedScorecards,
        ColumnsOf(columns_of): &ColumnsOf,
    ) -> Result<Self, Error> {
        let agents = if asked.names_agents() {
            let customer = tenant.of_customer();
            let members = app.store.members_of(&customer, &asked.groups, asked.with_indirect_members).await?;
            let agents: HashSet<UserId> = asked.agents.iter().cloned().chain(members.into_members()).collect();
            Some(agents.into_iter().collect())
        } else {
            None
        };
        let revisions: Vec<_> = columns_of.iter().map(|(id, revision)| (id.clone(), Some(*revision))).collect();
        let mut templates = Vec::new();
        for revisions in revisions.chunks(TEMPLATES_AT_ONCE) {
            let found = app.store.revisions(tenant, revisions, false).await?;
            templates.extend(found.entries);
        }
        templates.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self {
            app,
            tenant,
            asked,
            agents,
            columns: templates.iter().flat_map(CriterionColumn::of).collect(),
            templates: HashMap::new(),
            people: People::new(app, tenant),
        })
    }

    async fn know_templates(&mut self, scorecards: &[Scorecard]) -> Result<(), Error> {
        if self.templates.len() > MAX_REMEMBERED_REVISIONS {
            self.templates.clear();
        }
        let revisions = scorecards.iter().map(|scorecard| (scorecard.template.clone(), scorecard.revision));
        let unknown: HashSet<_> = revisions.filter(|revision| !self.templates.contains_key(revision)).collect();
        let unknown: Vec<_> = unknown.into_iter().map(|(id, revision)| (id, Some(revision))).collect();
        for unknown in unknown.chunks(TEMPLATES_AT_ONCE) {
            let found = self.app.store.revisions(self.tenant, unknown, false).await?;
            for (id, revision) in unknown {
                self.templates.extend(revision.map(|revision| ((id.clone(), revision), None)));
            }
            let found = found.entries.into_iter().map(Arc::new);
            self.templates.extend(found.map(|template| ((template.id.clone(), template.revision), Some(template))));
        }
        Ok(())
    }

    /// What is needed to write `scorecard`; `None` if its template cannot be read.
    fn entry(&self, scorecard: Scorecard) -> Option<ScorecardEntry> {
        let revision = (scorecard.template.clone(), scorecard.revision);
        let Some(template) = self.templates.get(&revision).cloned().flatten() else {
            self.app.store.without_template(self.tenant, &scorecard.id);
            return None;
        };
        let person = self.people.get(&scorecard.agent);
        let display_name = person.map(|person| Arc::clone(&person.display_name)).unwrap_or_default();
        Some(ScorecardEntry { scorecard, template, display_name })
    }

    fn of<'e>(&'e self, entry: &'e ScorecardEntry) -> OfScorecard<'e> {
        let ScorecardEntry { scorecard, template, display_name } = entry;
        OfScorecard { tenant: self.tenant, scorecard, template, display_name }
    }
}

impl Reading for ScorecardsReading<'_> {
    type Entry = ScorecardEntry;

    fn columns(&self) -> Vec<String> {
        let fixed: &[&str] = match self.asked.layout() {
            Layout::RowPerScorecard => &SCORECARD_COLUMNS,
            Layout::RowPerScore => &SCORE_COLUMNS,
        };
        let of_criteria = self.columns.iter().map(|column| column.name.clone());
        fixed.iter().map(ToString::to_string).chain(of_criteria).collect()
    }

    async fn next(&mut self, after: Option<&Cursor>) -> Result<Part<ScorecardEntry>, Error> {
        let asked = self.asked.clone();
        let (ranges, among) = match &self.agents {
            None => (&[][..], None),
            // The members of groups that have none.
            Some(agents) if agents.is_empty() => return Ok(Part::last(Vec::new())),
            Some(agents) if agents.len() <= MAX_RANGES => (agents.as_slice(), None),
            Some(agents) => (&[][..], Some(agents.iter().cloned().collect::<HashSet<_>>())),
        };
        let wanted = move |scorecard: &Scorecard| {
            asked.wants(scorecard) && among.as_ref().is_none_or(|agents| agents.contains(&scorecard.agent))
        };
        let (start, end) = (self.asked.start, self.asked.end);
        let page = self.app.store.scorecards_created(self.tenant, &(start..end), ranges, wanted, after, PAGE).await?;
        let unreadable = page.unreadable().count();
        self.know_templates(&page.entries).await?;
        self.people.know(page.entries.iter().map(|scorecard| scorecard.agent.clone())).await?;
        let percent = page.entries.last().map_or(0, |last| percent_of_way(end, start, last.create_time));
        let works_here = |scorecard: &Scorecard| self.people.get(&scorecard.agent).is_some_and(Person::works_here);
        let wanted: Vec<Scorecard> = page
            .entries
            .into_iter()
            .filter(|scorecard| self.asked.with_deactivated_users || works_here(scorecard))
            .collect();
        let count = wanted.len();
        let entries: Vec<ScorecardEntry> = wanted.into_iter().filter_map(|scorecard| self.entry(scorecard)).collect();
        let skipped = u64::try_from(unreadable + count - entries.len()).unwrap_or(u64::MAX);
        Ok(Part { entries, next: page.next, percent, skipped })
    }

    fn message<'e>(&'e self, entry: &'e ScorecardEntry) -> impl Serialize + 'e {
        entry.scorecard.message(self.tenant, &entry.template)
    }

    fn rows(&self, entry: &ScorecardEntry, cells: Cells<'_>) -> Vec<Vec<String>> {
        match self.asked.layout() {
            Layout::RowPerScorecard => vec![self.of(entry).row(&self.columns, cells)],
            Layout::RowPerScore => self.of(entry).rows_of_scores(cells),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coaching_domain::export::Export;
    use coaching_domain::names::MAX_ID_BYTES;
    use coaching_domain::{Code, Id};

    #[test]
    fn a_job_begins_with_no_more_than_its_item_takes() {
        let time = |text: &str| Timestamp::parse(text).unwrap();
        let asked = ExportedScorecards::of_all(time("2026-05-01T00:00:00Z"), time("2026-06-01T00:00:00Z"));
        let columns_of = |templates: usize| {
            let named = |number: usize| (Id::parse(&format!("{number:0>MAX_ID_BYTES$}")).unwrap(), 1);
            Begun {
                export: Export { asked: asked.clone(), form: FileForm::by_job() },
                asked_at: time("2026-06-01T00:00:00Z"),
                agent: None,
                fixed: ColumnsOf((0..templates).map(named).collect()),
                after: None,
            }
        };
        assert!(columns_of(700).first_checkpoint().is_ok());
        let error = columns_of(MAX_COLUMNS).first_checkpoint().unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}
