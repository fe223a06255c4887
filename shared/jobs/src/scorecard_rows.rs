//! Scorecards as the rows of a table.

use coaching_domain::Tenant;
use coaching_domain::names::ScorecardTemplateId;
use coaching_domain::scorecard::{Score, Scorecard, percent};
use coaching_domain::template::{Chapter, Criterion, ScorecardTemplate};

use crate::cells::NOT_APPLICABLE;
use crate::rows::Cells;

/// The columns of a table with a row for each scorecard, before those of the criteria. Published names never change; new
/// ones are only appended.
pub(crate) const SCORECARD_COLUMNS: [&str; 28] = [
    "scorecard_name",
    "state",
    "agent_user_name",
    "agent_display_name",
    "conversation_name",
    "template_name",
    "template_title",
    "usecase_name",
    "total_score",
    "not_applicable",
    "auto_failed",
    "manually_scored",
    "ai_score_time",
    "creator_user_name",
    "create_time",
    "submitter_user_name",
    "submit_time",
    "update_time",
    "acknowledge_time",
    "acknowledge_comment",
    "comment",
    "coaching_plan_names",
    "calibrated_scorecard_name",
    "calibration_consistency_score",
    "rescore_time",
    "scorecard_type",
    "process_id",
    "process_interaction_time",
];

/// The columns of a table with a row for each score.
pub(crate) const SCORE_COLUMNS: [&str; 18] = [
    "scorecard_name",
    "state",
    "agent_user_name",
    "agent_display_name",
    "conversation_name",
    "template_name",
    "usecase_name",
    "submit_time",
    "chapter_id",
    "criterion_id",
    "criterion_display_name",
    "weight",
    "maximum_value",
    "auto_fail",
    "numeric_value",
    "text_value",
    "not_applicable",
    "criterion_score",
];

/// A column of the values of a criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CriterionColumn {
    template: ScorecardTemplateId,
    number: u32,
    /// Its name.
    pub(crate) name: String,
}

impl CriterionColumn {
    /// A column for each criterion that `template` has or had.
    pub(crate) fn of(template: &ScorecardTemplate) -> impl Iterator<Item = Self> {
        template.known_criteria().map(|(number, id)| Self {
            template: template.id.clone(),
            number,
            name: format!("{}/{id}", template.id),
        })
    }
}

/// What the rows of one scorecard are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfScorecard<'a> {
    /// The profile.
    pub(crate) tenant: &'a Tenant,
    /// The scorecard.
    pub(crate) scorecard: &'a Scorecard,
    /// The template revision that it was made from.
    pub(crate) template: &'a ScorecardTemplate,
    /// Its agent's name as people read it.
    pub(crate) display_name: &'a str,
}

impl OfScorecard<'_> {
    /// The row of the scorecard, with the values of `columns`.
    pub(crate) fn row(self, columns: &[CriterionColumn], cells: Cells<'_>) -> Vec<String> {
        let Self { tenant, scorecard, template, .. } = self;
        let totals = scorecard.totals(template);
        let plans: Vec<String> = scorecard.plans.iter().map(|plan| tenant.name_of(plan)).collect();
        let mut row = self.first_cells(cells);
        row.extend([
            tenant.name_of_revision(&scorecard.template, scorecard.revision),
            cells.text(&template.title),
            tenant.name_of(&scorecard.usecase),
            cells.number(totals.whole.as_ref().map(|whole| percent(whole.hundredths()))),
            totals.whole.is_none().to_string(),
            totals.auto_failed.to_string(),
            scorecard.manually_scored.to_string(),
            cells.time(scorecard.ai_score_time),
            tenant.name_of(&scorecard.creator),
            cells.time(Some(scorecard.create_time)),
            scorecard.submitted_by.as_ref().map(|user| tenant.name_of(user)).unwrap_or_default(),
            cells.time(scorecard.submit_time),
            cells.time(Some(scorecard.update_time)),
            cells.time(scorecard.acknowledge_time),
            cells.optional_text(scorecard.acknowledge_comment.as_deref()),
            cells.optional_text(scorecard.comment.as_deref()),
            plans.join(" "),
            scorecard.calibrated.as_ref().map(|calibrated| tenant.name_of(calibrated)).unwrap_or_default(),
            cells.number(scorecard.consistency.map(percent)),
            cells.time(scorecard.rescore.as_ref().map(|rescore| rescore.time)),
            scorecard.scorecard_type().name().to_owned(),
            cells.optional_text(scorecard.process.as_ref().map(|process| &*process.id)),
            cells.time(scorecard.process.as_ref().map(|process| process.interaction_time)),
        ]);
        let value = |column: &CriterionColumn| match scorecard.scores.get(&column.number) {
            Some(Score::Numeric(value)) => cells.number(Some(*value)),
            Some(Score::Text(text)) => cells.text_of_score(text),
            Some(Score::NotApplicable) => NOT_APPLICABLE.to_owned(),
            None => String::new(),
        };
        row.extend(columns.iter().map(|column| match column.template == scorecard.template {
            true => value(column),
            false => String::new(),
        }));
        row
    }

    /// A row for each score.
    pub(crate) fn rows_of_scores(self, cells: Cells<'_>) -> Vec<Vec<String>> {
        let Self { tenant, scorecard, template, .. } = self;
        let totals = scorecard.totals(template);
        let first = self.first_cells(cells);
        let of = |chapter: &Chapter, criterion: &Criterion| {
            let number = template.number_of(&criterion.id)?;
            let score = scorecard.scores.get(&number)?;
            let (numeric, text) = match score {
                Score::Numeric(value) => (Some(*value), None),
                Score::Text(text) => (None, Some(text.as_str())),
                Score::NotApplicable => (None, None),
            };
            let part = totals.parts.iter().find(|(part, _)| *part == number);
            let mut row = first.clone();
            row.extend([
                tenant.name_of_revision(&scorecard.template, scorecard.revision),
                tenant.name_of(&scorecard.usecase),
                cells.time(scorecard.submit_time),
                cells.text(&chapter.id),
                cells.text(&criterion.id),
                cells.text(&criterion.display_name),
                cells.number(Some(f64::from(criterion.weight_thousandths) / 1000.0)),
                cells.number(Some(criterion.maximum_value)),
                criterion.auto_fail.to_string(),
                cells.number(numeric),
                cells.optional_text(text),
                (*score == Score::NotApplicable).to_string(),
                cells.number(part.map(|(_, score)| percent(score.hundredths()))),
            ]);
            Some(row)
        };
        let criteria =
            template.chapters.iter().flat_map(|chapter| chapter.criteria.iter().map(move |one| (chapter, one)));
        criteria.filter_map(|(chapter, criterion)| of(chapter, criterion)).collect()
    }

    /// The cells that a row begins with in either layout.
    fn first_cells(self, cells: Cells<'_>) -> Vec<String> {
        let Self { tenant, scorecard, display_name, .. } = self;
        let state = match (scorecard.submit_time, scorecard.acknowledge_time) {
            (None, _) => "DRAFT",
            (Some(_), None) => "SUBMITTED",
            (Some(_), Some(_)) => "ACKNOWLEDGED",
        };
        vec![
            tenant.name_of(&scorecard.id),
            state.to_owned(),
            tenant.name_of(&scorecard.agent),
            cells.text(display_name),
            scorecard.conversation.as_ref().map(|conversation| tenant.name_of(conversation)).unwrap_or_default(),
        ]
    }
}
