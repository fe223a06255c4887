//! The export of scorecards: in the answer of a request if it is short, else by a job.
//!
//! Scorecards are read from the latest creation to the earliest. It is no snapshot: each row is as it was when it was
//! read. A scorecard keeps its place, so none is read twice, and none is missed that was there throughout.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use coaching_domain::export::{Format, Layout, ScorecardsExport};
use coaching_domain::job::{JobFailure, JobKind, MAX_CHECKPOINT_BYTES, Progress};
use coaching_domain::names::{ScorecardTemplateId, UserId};
use coaching_domain::scorecard::Scorecard;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Code, Error, Tenant};
use coaching_edge::{App, bytes_in_answer};
use coaching_store::{Cursor, TemplateFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::{Kind, Sliced, Slicing, Stopped, Work};
use crate::scorecard_rows::{CriterionColumn, Rows};

/// The most columns of criteria of a table.
const MAX_COLUMNS: usize = 1000;
/// The most agents who are read from a range each.
const MAX_RANGES: usize = 50;
/// Scorecards that are read at once.
const PAGE: usize = 500;
/// Templates that are read at once.
const TEMPLATES_AT_ONCE: usize = 40;
/// The most template revisions and people that are remembered.
const MAX_REMEMBERED_REVISIONS: usize = 200;
const MAX_REMEMBERED_PEOPLE: usize = 50_000;
/// The most bytes and the longest time of an export in the answer.
const MAX_IN_PLACE: usize = 1024 * 1024;
const LONGEST_IN_PLACE: Duration = Duration::from_secs(5);
/// The most bytes that it takes in the answer, where some characters are escaped.
const MAX_IN_ANSWER: usize = 4 * 1024 * 1024;
/// The most bytes and rows of a file.
const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;
const MAX_FILE_ROWS: u64 = 1_000_000;
/// The most rows of an export.
const MAX_ROWS: u64 = 20_000_000;

/// An export that has been begun: the point from which it goes on, which a job keeps between its turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    export: ScorecardsExport,
    /// The templates whose criteria have columns, each in the revision that was the current one when the export was begun.
    columns_of: Vec<(ScorecardTemplateId, u32)>,
    /// The place of the last scorecard that was read.
    after: Option<String>,
}

/// An export in the answer.
#[derive(Debug)]
pub struct InPlace {
    /// The file's content.
    pub content: String,
    /// The number of rows, without a header.
    pub rows: u64,
}

impl Begun {
    /// Begins `export`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if a table would have too many columns; UNAVAILABLE if the table does not answer.
    pub async fn new(app: &App, tenant: &Tenant, export: ScorecardsExport) -> Result<Self, Error> {
        let has_columns = export.format() == Format::Csv && export.layout() == Layout::RowPerScorecard;
        let columns_of =
            if has_columns { revisions_with_columns(app, tenant, &export.templates).await? } else { Vec::new() };
        Ok(Self { export, columns_of, after: None })
    }

    /// What is exported, if all of it fits into an answer and is read in time.
    ///
    /// # Errors
    /// UNAVAILABLE if the table does not answer.
    pub async fn in_place(&self, app: &App, tenant: &Tenant) -> Result<Option<InPlace>, Error> {
        let until = Instant::now() + LONGEST_IN_PLACE.min(app.answer_within / 2);
        let mut reading = Reading::new(app, tenant, self).await?;
        let columns = reading.columns.clone();
        let mut file = Rows::new(&self.export, tenant, &columns)?;
        while !reading.is_done {
            for scorecard in reading.page().await? {
                reading.add(&scorecard, &mut file)?;
            }
            if file.bytes() > MAX_IN_PLACE || (!reading.is_done && Instant::now() >= until) {
                return Ok(None);
            }
        }
        let rows = file.count();
        let content = String::from_utf8(file.into_bytes()?).map_err(Error::internal)?;
        // A record that cannot be read is told by a job.
        let fits = reading.skipped == 0 && bytes_in_answer(&content)? <= MAX_IN_ANSWER;
        Ok(fits.then_some(InPlace { content, rows }))
    }

    /// The checkpoint at which a job begins.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the request and the templates of its columns take more than [`MAX_CHECKPOINT_BYTES`].
    pub fn first_checkpoint(&self) -> Result<Value, Error> {
        let checkpoint = self.checkpoint()?;
        if checkpoint.to_string().len() > MAX_CHECKPOINT_BYTES {
            let fault = "names too much for a job, with the templates of its columns; name less, or take ROW_PER_SCORE";
            return Err(Error::invalid_field("body", fault));
        }
        Ok(checkpoint)
    }

    fn checkpoint(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(Error::internal)
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

/// Who an agent is, for an export.
struct Person {
    display_name: String,
    is_active: bool,
}

/// Scorecards that are being read.
struct Reading<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    export: &'a ScorecardsExport,
    /// The agents who are asked for; `None`: all.
    agents: Option<Vec<UserId>>,
    columns: Vec<CriterionColumn>,
    after: Option<Cursor>,
    is_done: bool,
    /// The number of scorecards that were written.
    written: u64,
    /// The number of scorecards that were left out, because they cannot be read.
    skipped: u64,
    /// The names of what cannot be read.
    unreachable: Vec<String>,
    templates: HashMap<(ScorecardTemplateId, u32), Option<ScorecardTemplate>>,
    people: HashMap<UserId, Option<Person>>,
}

impl<'a> Reading<'a> {
    /// Reads on from where `begun` is.
    async fn new(app: &'a App, tenant: &'a Tenant, begun: &'a Begun) -> Result<Self, Error> {
        let export = &begun.export;
        let mut unreachable = Vec::new();
        let agents = if export.names_agents() {
            let customer = tenant.of_customer();
            let members = app.store.members_of(&customer, &export.groups, export.with_indirect_members).await?;
            unreachable.extend(members.unreadable().map(|unreadable| unreadable.name().to_owned()));
            let agents: HashSet<UserId> = export.agents.iter().cloned().chain(members.into_members()).collect();
            Some(agents.into_iter().collect())
        } else {
            None
        };
        let revisions: Vec<_> = begun.columns_of.iter().map(|(id, revision)| (id.clone(), Some(*revision))).collect();
        let mut templates = Vec::new();
        for revisions in revisions.chunks(TEMPLATES_AT_ONCE) {
            let found = app.store.revisions(tenant, revisions, false).await?;
            templates.extend(found.entries);
        }
        templates.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self {
            app,
            tenant,
            export,
            columns: templates.iter().flat_map(CriterionColumn::of).collect(),
            is_done: agents.as_ref().is_some_and(Vec::is_empty),
            agents,
            after: begun.after.clone().map(Cursor::from_text),
            written: 0,
            skipped: 0,
            unreachable,
            templates: HashMap::new(),
            people: HashMap::new(),
        })
    }

    /// The next scorecards, none if all entries that were read are left out, and what is needed to write them.
    async fn page(&mut self) -> Result<Vec<Scorecard>, Error> {
        let export = self.export.clone();
        let (ranges, among) = match &self.agents {
            None => (&[][..], None),
            Some(agents) if agents.len() <= MAX_RANGES => (agents.as_slice(), None),
            Some(agents) => (&[][..], Some(agents.iter().cloned().collect::<HashSet<_>>())),
        };
        let wanted = move |scorecard: &Scorecard| {
            export.wants(scorecard) && among.as_ref().is_none_or(|agents| agents.contains(&scorecard.agent))
        };
        let created = self.export.start..self.export.end;
        let page = self.app.store.scorecards_created(self.tenant, &created, ranges, wanted, self.after.as_ref(), PAGE);
        let page = page.await?;
        self.skipped += u64::try_from(page.unreadable().count()).unwrap_or(u64::MAX);
        self.unreachable.extend(page.unreachable(page.entries.len()));
        self.is_done = page.next.is_none();
        self.after = page.next;
        self.know_templates(&page.entries).await?;
        self.know_people(&page.entries).await?;
        Ok(page.entries)
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
            let found = found.entries.into_iter();
            self.templates.extend(found.map(|template| ((template.id.clone(), template.revision), Some(template))));
        }
        Ok(())
    }

    async fn know_people(&mut self, scorecards: &[Scorecard]) -> Result<(), Error> {
        if self.people.len() > MAX_REMEMBERED_PEOPLE {
            self.people.clear();
        }
        let agents = scorecards.iter().map(|scorecard| scorecard.agent.clone());
        let unknown: HashSet<UserId> = agents.filter(|agent| !self.people.contains_key(agent)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown: Vec<UserId> = unknown.into_iter().collect();
        let found = self.app.store.people(&self.tenant.of_customer(), &unknown).await?;
        self.people.extend(unknown.into_iter().map(|agent| (agent, None)));
        for user in found.entries {
            let person = Person { display_name: user.display_name, is_active: user.is_active };
            self.people.insert(user.id, Some(person));
        }
        // Whether such a person is active is not known; their scorecards are exported without a display name.
        for unreadable in found.unreadable {
            let person = Person { display_name: String::new(), is_active: true };
            self.people.extend(unreadable.user().map(|user| (user, Some(person))));
            self.unreachable.push(unreadable.name().to_owned());
        }
        Ok(())
    }

    /// Adds `scorecard`, of the page that was read last, to `rows`, unless its agent is not asked for.
    fn add(&mut self, scorecard: &Scorecard, rows: &mut Rows<'_>) -> Result<(), Error> {
        let person = self.people.get(&scorecard.agent).and_then(Option::as_ref);
        if !self.export.with_deactivated_users && person.is_none_or(|person| !person.is_active) {
            return Ok(());
        }
        let display_name = person.map(|person| person.display_name.as_str()).unwrap_or_default();
        let revision = (scorecard.template.clone(), scorecard.revision);
        match self.templates.get(&revision).and_then(Option::as_ref) {
            Some(template) => {
                rows.add(scorecard, template, display_name)?;
                self.written += 1;
            }
            None => {
                self.skipped += 1;
                self.unreachable.push(self.app.store.without_template(self.tenant, &scorecard.id).name().to_owned());
            }
        }
        Ok(())
    }
}

/// The kind of job that exports scorecards.
#[derive(Debug)]
pub struct ScorecardsExportKind;

impl Kind for ScorecardsExportKind {
    fn kind(&self) -> JobKind {
        JobKind::ExportScorecards
    }

    fn slice<'a>(&'a self, work: &'a mut Work<'_>) -> Slicing<'a> {
        Box::pin(slice(work))
    }
}

/// Reads scorecards until the slice is over, into files that are full, but for the last.
async fn slice(work: &mut Work<'_>) -> Result<Sliced, Stopped> {
    let begun: Begun = serde_json::from_value(work.job.checkpoint.clone()).map_err(Error::internal)?;
    let (app, tenant) = (work.app, work.tenant);
    let mut reading = Reading::new(app, tenant, &begun).await?;
    let columns = reading.columns.clone();
    let mut rows = Rows::new(&begun.export, tenant, &columns)?;
    let before = work.job.progress;
    while !reading.is_done {
        let page = reading.page().await?;
        for scorecard in &page {
            reading.add(scorecard, &mut rows)?;
            if rows.bytes() >= MAX_FILE_BYTES || rows.count() >= MAX_FILE_ROWS {
                keep(work, &begun.export, std::mem::replace(&mut rows, Rows::new(&begun.export, tenant, &columns)?))
                    .await?;
            }
        }
        if work.row_count() + rows.count() > MAX_ROWS {
            let message = format!("the export has more than {MAX_ROWS} rows; ask for less at once");
            return Err(Stopped::Failed(JobFailure::new(Code::ResourceExhausted, "TOO_MANY_ROWS", message)));
        }
        let percent = page.last().map_or(before.percent, |last| begun.export.percent_down_to(last.create_time));
        let (processed, skipped) = (before.processed + reading.written, before.skipped + reading.skipped);
        work.advance(Progress { percent, processed, skipped }).await?;
        if work.is_over() {
            break;
        }
    }
    // An export of nothing is a file too.
    if rows.count() > 0 || (reading.is_done && work.file_count() == 0) {
        keep(work, &begun.export, rows).await?;
    }
    for name in &reading.unreachable {
        work.warn(format!("'{name}' cannot be read"));
    }
    if reading.is_done {
        return Ok(Sliced::Done);
    }
    let after = reading.after.map(Cursor::into_text);
    Ok(Sliced::GoOn(Begun { after, ..begun.clone() }.checkpoint()?))
}

async fn keep(work: &mut Work<'_>, export: &ScorecardsExport, rows: Rows<'_>) -> Result<(), Stopped> {
    let (count, format) = (rows.count(), export.format());
    // A small export is one file, and needs no number.
    let part = Some(work.file_count() + 1).filter(|part| *part > 1);
    let bytes = rows.into_bytes()?;
    work.keep(export.file_name(part), format.extension(), format.content_type(), bytes, count).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use coaching_domain::names::MAX_ID_BYTES;
    use coaching_domain::{Id, Timestamp};

    #[test]
    fn a_job_begins_with_no_more_than_its_item_takes() {
        let time = |text: &str| Timestamp::parse(text).unwrap();
        let export = ScorecardsExport::of_all(time("2026-05-01T00:00:00Z"), time("2026-06-01T00:00:00Z"));
        let columns_of = |templates: usize| {
            let named = |number: usize| (Id::parse(&format!("{number:0>MAX_ID_BYTES$}")).unwrap(), 1);
            Begun { export: export.clone(), columns_of: (0..templates).map(named).collect(), after: None }
        };
        assert!(columns_of(700).first_checkpoint().is_ok());
        let error = columns_of(MAX_COLUMNS).first_checkpoint().unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}
