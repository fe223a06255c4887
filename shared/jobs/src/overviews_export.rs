//! The export of overviews: those of `retrieve-overviews`, of all agents that are asked for, by name.

use chrono::NaiveDate;
use coaching_domain::export::FileForm;
use coaching_domain::job::JobKind;
use coaching_domain::references::References;
use coaching_domain::statistics::Period;
use coaching_domain::{Caller, Error, Tenant, Timestamp};
use coaching_edge::{App, AskedAgents, OfAgents, Roster};
use coaching_measures::overviews::{AgentCoachingOverview, AskedOverviews, OverviewMeasuring, OverviewWindow};
use coaching_store::Cursor;
use serde::Serialize;

use crate::export::{Begun, Exported, Part, Reading};
use crate::roster_reading::RosterReading;
use crate::rows::Cells;

/// The overviews that are exported.
pub type ExportedOverviews = OfAgents<OverviewWindow>;

/// The columns of a table. Published names never change; new ones are only appended.
const COLUMNS: [&str; 18] = [
    "agent_user_name",
    "agent_display_name",
    "is_active",
    "coaching_plan_names",
    "session_count",
    "scheduled_count",
    "held_count",
    "submitted_count",
    "acknowledged_count",
    "overdue_not_held_count",
    "overdue_not_acknowledged_count",
    "last_session_time",
    "next_session_time",
    "scorecard_count",
    "average_score",
    "linked_scorecard_count",
    "score_start_day_utc",
    "score_end_day_utc",
];

impl Exported for ExportedOverviews {
    const KIND: JobKind = JobKind::ExportOverviews;
    type Fixed = ();
    type Reading<'a> = OverviewsReading<'a>;

    fn references(&self, caller: &Caller) -> References {
        self.agents.references(caller)
    }

    async fn fix(&self, _app: &App, _tenant: &Tenant, _form: &FileForm) -> Result<(), Error> {
        Ok(())
    }

    async fn reading<'a>(
        app: &'a App,
        tenant: &'a Tenant,
        begun: &'a Begun<Self>,
    ) -> Result<OverviewsReading<'a>, Error> {
        let OfAgents { agents, value: window } = begun.export.asked.clone();
        let usecases = agents.usecase_count();
        let asked = AskedOverviews::new(AskedAgents::of(agents), window, begun.asked_at)?;
        let measuring = OverviewMeasuring::new(app, tenant, &asked, begun.asked_at);
        // Statistics and activity.
        let records = 2 * usecases * Period::of_days(&asked.days.days).len();
        let roster = roster(app, tenant, &measuring);
        let agents = RosterReading::new((app, tenant), &roster, records, begun.asked_at, begun.after.is_some()).await?;
        Ok(OverviewsReading { agents, asked })
    }

    fn file_stem(&self, _now: Timestamp) -> String {
        let day = |time: Timestamp| time.as_utc().date_naive();
        format!("coaching-overviews-{}-{}", day(self.value.start), day(self.value.end))
    }
}

fn roster<'m>(
    app: &'m App,
    tenant: &'m Tenant,
    measuring: &'m OverviewMeasuring<'m>,
) -> Roster<'m, OverviewMeasuring<'m>> {
    Roster { app, tenant, asked: &measuring.asked.agents, span: measuring.span, caller: None, measuring }
}

/// Overviews that are being read.
#[derive(Debug)]
pub struct OverviewsReading<'a> {
    agents: RosterReading<'a>,
    asked: AskedOverviews,
}

/// An overview, and whether the agent works here.
#[derive(Debug)]
pub struct OverviewEntry {
    overview: AgentCoachingOverview,
    is_active: bool,
}

impl Reading for OverviewsReading<'_> {
    type Entry = OverviewEntry;

    fn columns(&self) -> Vec<String> {
        COLUMNS.map(str::to_owned).to_vec()
    }

    async fn next(&mut self, after: Option<&Cursor>) -> Result<Part<OverviewEntry>, Error> {
        let RosterReading { app, tenant, now, .. } = self.agents;
        let measuring = OverviewMeasuring::new(app, tenant, &self.asked, now);
        let part = self.agents.next(&roster(app, tenant, &measuring), after).await?;
        Ok(part.map(|agent| OverviewEntry {
            overview: AgentCoachingOverview::new(&agent, tenant, now),
            is_active: agent.agent.is_active,
        }))
    }

    fn message<'e>(&'e self, entry: &'e OverviewEntry) -> impl Serialize + 'e {
        &entry.overview
    }

    fn rows(&self, entry: &OverviewEntry, cells: Cells<'_>) -> Vec<Vec<String>> {
        let OverviewEntry { overview, is_active } = entry;
        let plans: Vec<&str> =
            overview.coaching_plan_overviews.iter().map(|plan| plan.coaching_plan_name.as_str()).collect();
        let day = |day: NaiveDate| day.to_string();
        let row = [
            overview.agent_user_name.clone(),
            cells.text(&overview.agent_display_name),
            is_active.to_string(),
            plans.join(" "),
            overview.coaching_session_count.to_string(),
            overview.scheduled_count.to_string(),
            overview.held_count.to_string(),
            overview.submitted_count.to_string(),
            overview.acknowledged_count.to_string(),
            overview.not_held_count.to_string(),
            overview.not_acknowledged_count.to_string(),
            cells.time(overview.last_coaching_session_time),
            cells.time(overview.next_coaching_session_time),
            overview.scorecard_count.to_string(),
            cells.number(overview.average_score),
            overview.linked_scorecard_count.to_string(),
            day(self.asked.days.days.start),
            day(self.asked.days.days.end),
        ];
        vec![row.to_vec()]
    }
}
