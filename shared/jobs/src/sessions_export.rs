//! The export of sessions, in the order in which they are listed, and as whoever asked for it sees them.

use std::sync::Arc;

use coaching_domain::export::FileForm;
use coaching_domain::job::{JobKind, name_of};
use coaching_domain::references::References;
use coaching_domain::session::{AskedSessions, CoachingSessionMessage, SeenSession};
use coaching_domain::{Caller, Error, Tenant, Timestamp};
use coaching_edge::App;
use coaching_store::{Cursor, SessionFilter};
use serde::Serialize;

use crate::export::{Begun, Exported, Part, Reading};
use crate::people::People;
use crate::rows::Cells;

/// Sessions that are read at once.
const PAGE: usize = 500;

/// The columns of a table. Published names never change; new ones are only appended.
const COLUMNS: [&str; 19] = [
    "coaching_session_name",
    "state",
    "overdue",
    "agent_user_name",
    "agent_display_name",
    "coaching_plan_name",
    "usecase_name",
    "session_time",
    "creator_user_name",
    "create_time",
    "update_time",
    "manager_update_time",
    "agent_update_time",
    "manager_submitter_user_name",
    "manager_submit_time",
    "agent_submit_time",
    "acknowledge_time",
    "meeting_notes",
    "agent_comment",
];

impl Exported for AskedSessions {
    const KIND: JobKind = JobKind::ExportSessions;
    type Fixed = ();
    type Reading<'a> = SessionsReading<'a>;

    fn references(&self, caller: &Caller) -> References {
        self.references(caller)
    }

    async fn fix(&self, _app: &App, _tenant: &Tenant, _form: &FileForm) -> Result<(), Error> {
        Ok(())
    }

    async fn reading<'a>(
        app: &'a App,
        tenant: &'a Tenant,
        begun: &'a Begun<Self>,
    ) -> Result<SessionsReading<'a>, Error> {
        let filter = SessionFilter::new(begun.export.asked.clone(), begun.agent.as_ref());
        Ok(SessionsReading { app, tenant, filter, now: begun.asked_at, people: People::new(app, tenant) })
    }

    fn file_stem(&self, now: Timestamp) -> String {
        format!("coaching-sessions-{}", now.as_utc().date_naive())
    }
}

/// Sessions that are being read.
#[derive(Debug)]
pub struct SessionsReading<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    filter: SessionFilter,
    /// The time whose states count.
    now: Timestamp,
    people: People<'a>,
}

/// A session, and the name of its agent.
#[derive(Debug)]
pub struct SessionEntry {
    session: SeenSession,
    display_name: Arc<str>,
}

impl SessionsReading<'_> {
    fn message_of<'e>(&self, entry: &'e SessionEntry) -> CoachingSessionMessage<'e> {
        entry.session.message(self.tenant, self.now).without_private_notes()
    }
}

impl Reading for SessionsReading<'_> {
    type Entry = SessionEntry;

    fn columns(&self) -> Vec<String> {
        COLUMNS.map(str::to_owned).to_vec()
    }

    async fn next(&mut self, after: Option<&Cursor>) -> Result<Part<SessionEntry>, Error> {
        let page = self.app.store.sessions(self.tenant, &self.filter, after, PAGE, self.now).await?;
        let skipped = u64::try_from(page.unreadable().count()).unwrap_or(u64::MAX);
        let percent = page.entries.last().map_or(0, |last| self.filter.percent_at(last));
        self.people.know(page.entries.iter().map(|session| session.agent.clone())).await?;
        let entries = page.entries.into_iter().map(|session| {
            let person = self.people.get(&session.agent);
            let display_name = person.map(|person| Arc::clone(&person.display_name)).unwrap_or_default();
            SessionEntry { session: session.seen(self.filter.as_agent), display_name }
        });
        Ok(Part { entries: entries.collect(), next: page.next, percent, skipped })
    }

    fn message<'e>(&'e self, entry: &'e SessionEntry) -> impl Serialize + 'e {
        self.message_of(entry)
    }

    fn rows(&self, entry: &SessionEntry, cells: Cells<'_>) -> Vec<Vec<String>> {
        let session = self.message_of(entry);
        let row = [
            session.name,
            session.state.map(|state| name_of(state).to_owned()).unwrap_or_default(),
            session.overdue.map(|overdue| overdue.to_string()).unwrap_or_default(),
            session.agent_user_name,
            cells.text(&entry.display_name),
            session.coaching_plan_name,
            session.usecase_name.unwrap_or_default(),
            cells.time(session.session_time),
            session.creator_user_name,
            cells.time(Some(session.create_time)),
            cells.time(Some(session.update_time)),
            cells.time(Some(session.manager_update_time)),
            cells.time(Some(session.agent_update_time)),
            session.manager_submitter_user_name.unwrap_or_default(),
            cells.time(session.manager_submit_time),
            cells.time(session.agent_submit_time),
            cells.time(session.acknowledge_time),
            cells.optional_text(session.meeting_notes),
            cells.optional_text(session.agent_comment),
        ];
        vec![row.to_vec()]
    }
}
