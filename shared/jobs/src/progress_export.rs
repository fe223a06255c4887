//! The export of progress: that of `retrieve-progress`, of all agents that are asked for, by name.

use coaching_domain::export::{FileForm, ProgressLayout, ProgressRows};
use coaching_domain::job::JobKind;
use coaching_domain::progress::Window;
use coaching_domain::references::References;
use coaching_domain::statistics::Period;
use coaching_domain::{Caller, Error, Tenant, Timestamp};
use coaching_edge::{App, AskedAgents, OfAgents, Roster};
use coaching_measures::progress::{
    AgentCoachingProgress, AskedProgress, CriterionProgress, ProgressMeasuring, ProgressWindow,
};
use coaching_store::Cursor;
use serde::Serialize;

use crate::export::{Begun, Exported, Part, Reading};
use crate::roster_reading::RosterReading;
use crate::rows::Cells;

/// The progress that is exported.
pub type ExportedProgress = OfAgents<(ProgressWindow, ProgressRows)>;

/// The columns of a table with a row for each agent. Published names never change; new ones are only appended.
const AGENT_COLUMNS: [&str; 11] = [
    "agent_user_name",
    "agent_display_name",
    "is_active",
    "coaching_plan_names",
    "progress",
    "gap",
    "target_count",
    "session_count",
    "last_session_time",
    "start_day_utc",
    "end_day_utc",
];

/// The columns of a table with a row for each target of an agent.
const TARGET_COLUMNS: [&str; 18] = [
    "agent_user_name",
    "agent_display_name",
    "is_active",
    "target_name",
    "usecase_name",
    "scorecard_template_name",
    "criterion_or_chapter_id",
    "criterion_display_name",
    "coaching_plan_name",
    "baseline_score",
    "score",
    "progress",
    "target",
    "gap",
    "baseline_scorecard_count",
    "scorecard_count",
    "start_day_utc",
    "end_day_utc",
];

impl Exported for ExportedProgress {
    const KIND: JobKind = JobKind::ExportProgresses;
    type Fixed = ();
    type Reading<'a> = ProgressReading<'a>;

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
    ) -> Result<ProgressReading<'a>, Error> {
        let OfAgents { agents, value: (window, rows) } = begun.export.asked.clone();
        let usecases = agents.usecase_count();
        let asked = AskedProgress::new(AskedAgents::of(agents), window, begun.asked_at)?;
        let measuring = ProgressMeasuring::new(app, tenant, &asked, begun.asked_at);
        let records = usecases * Period::of_days(&asked.window.all_days()).len();
        let roster = roster(app, tenant, &measuring);
        let agents = RosterReading::new((app, tenant), &roster, records, begun.asked_at, begun.after.is_some()).await?;
        Ok(ProgressReading { agents, asked, layout: rows.layout() })
    }

    fn file_stem(&self, now: Timestamp) -> String {
        let (ProgressWindow { start, end }, _) = self.value;
        let days = Window::new(start, end, now).map(|window| format!("-{}-{}", window.days.start, window.days.end));
        format!("coaching-progress{}", days.unwrap_or_default())
    }
}

fn roster<'m>(
    app: &'m App,
    tenant: &'m Tenant,
    measuring: &'m ProgressMeasuring<'m>,
) -> Roster<'m, ProgressMeasuring<'m>> {
    Roster { app, tenant, asked: &measuring.asked.agents, span: measuring.span, caller: None, measuring }
}

/// Progress that is being read.
#[derive(Debug)]
pub struct ProgressReading<'a> {
    agents: RosterReading<'a>,
    asked: AskedProgress,
    layout: ProgressLayout,
}

/// The progress of an agent, and whether they work here.
#[derive(Debug)]
pub struct ProgressEntry {
    progress: AgentCoachingProgress,
    is_active: bool,
}

impl ProgressReading<'_> {
    /// The days of the window: the first, and the one after the last.
    fn days(&self) -> [String; 2] {
        [self.asked.window.days.start, self.asked.window.days.end].map(|day| day.to_string())
    }

    fn row_of_agent(&self, ProgressEntry { progress, is_active }: &ProgressEntry, cells: Cells<'_>) -> Vec<String> {
        let [start, end] = self.days();
        let row = [
            progress.agent_user_name.clone(),
            cells.text(&progress.agent_display_name),
            is_active.to_string(),
            progress.coaching_plan_names.join(" "),
            cells.number(progress.progress),
            cells.number(progress.gap),
            progress.criterion_progresses.len().to_string(),
            progress.coaching_session_count.to_string(),
            cells.time(progress.last_coaching_session_time),
            start,
            end,
        ];
        row.to_vec()
    }

    fn row_of_target(
        &self,
        ProgressEntry { progress, is_active }: &ProgressEntry,
        target: &CriterionProgress,
        cells: Cells<'_>,
    ) -> Vec<String> {
        let [start, end] = self.days();
        let row = [
            progress.agent_user_name.clone(),
            cells.text(&progress.agent_display_name),
            is_active.to_string(),
            target.target_name.clone().unwrap_or_default(),
            target.usecase_name.clone(),
            target.scorecard_template_name.clone(),
            cells.text(&target.criterion_or_chapter_id),
            cells.text(&target.criterion_display_name),
            target.coaching_plan_name.clone().unwrap_or_default(),
            cells.number(target.baseline_score),
            cells.number(target.score),
            cells.number(target.progress),
            cells.number(target.target),
            cells.number(target.gap),
            target.baseline_scorecard_count.to_string(),
            target.scorecard_count.to_string(),
            start,
            end,
        ];
        row.to_vec()
    }
}

impl Reading for ProgressReading<'_> {
    type Entry = ProgressEntry;

    fn columns(&self) -> Vec<String> {
        let columns: &[&str] = match self.layout {
            ProgressLayout::RowPerAgent => &AGENT_COLUMNS,
            ProgressLayout::RowPerTarget => &TARGET_COLUMNS,
        };
        columns.iter().map(ToString::to_string).collect()
    }

    async fn next(&mut self, after: Option<&Cursor>) -> Result<Part<ProgressEntry>, Error> {
        let RosterReading { app, tenant, now, .. } = self.agents;
        let measuring = ProgressMeasuring::new(app, tenant, &self.asked, now);
        let part = self.agents.next(&roster(app, tenant, &measuring), after).await?;
        let last_revisions = measuring.last_revisions(&part.entries, None).await?;
        Ok(part.map(|agent| ProgressEntry {
            progress: AgentCoachingProgress::new(&agent, tenant, &self.asked, &last_revisions),
            is_active: agent.agent.is_active,
        }))
    }

    fn message<'e>(&'e self, entry: &'e ProgressEntry) -> impl Serialize + 'e {
        &entry.progress
    }

    fn rows(&self, entry: &ProgressEntry, cells: Cells<'_>) -> Vec<Vec<String>> {
        match self.layout {
            ProgressLayout::RowPerAgent => vec![self.row_of_agent(entry, cells)],
            ProgressLayout::RowPerTarget => {
                let targets = entry.progress.criterion_progresses.iter();
                targets.map(|target| self.row_of_target(entry, target, cells)).collect()
            }
        }
    }
}
