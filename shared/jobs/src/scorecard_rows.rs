//! Scorecards as the rows of a file: a table, or a message of the API on each line.

use coaching_domain::export::{Format, Layout, ScorecardsExport};
use coaching_domain::names::ScorecardTemplateId;
use coaching_domain::scorecard::{Score, Scorecard, percent};
use coaching_domain::template::{Chapter, Criterion, ScorecardTemplate};
use coaching_domain::{Error, Tenant, Timestamp};
use csv::{Terminator, Writer, WriterBuilder};

use crate::cells;

/// The character that tells a spreadsheet that a table is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The columns of a table with a row for each scorecard, before those of the criteria. Published names never change; new
/// ones are only appended.
pub const SCORECARD_COLUMNS: [&str; 24] = [
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
];

/// The columns of a table with a row for each score.
pub const SCORE_COLUMNS: [&str; 18] = [
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
pub struct CriterionColumn {
    template: ScorecardTemplateId,
    number: u32,
    name: String,
}

impl CriterionColumn {
    /// A column for each criterion that `template` has or had.
    pub fn of(template: &ScorecardTemplate) -> impl Iterator<Item = Self> {
        template.known_criteria().map(|(number, id)| Self {
            template: template.id.clone(),
            number,
            name: format!("{}/{id}", template.id),
        })
    }
}

/// The rows of one file.
pub struct Rows<'a> {
    export: &'a ScorecardsExport,
    tenant: &'a Tenant,
    columns: &'a [CriterionColumn],
    file: File,
    rows: u64,
}

enum File {
    Table(Box<Writer<Vec<u8>>>),
    Lines(Vec<u8>),
}

impl<'a> Rows<'a> {
    /// No rows yet; a table has its header, with `columns` if it has a row for each scorecard.
    ///
    /// # Errors
    /// INTERNAL if the header cannot be written.
    pub fn new(
        export: &'a ScorecardsExport,
        tenant: &'a Tenant,
        columns: &'a [CriterionColumn],
    ) -> Result<Self, Error> {
        let file = match export.format() {
            Format::Ndjson => File::Lines(Vec::new()),
            Format::Csv => {
                let begin = if export.omit_byte_order_mark { Vec::new() } else { BYTE_ORDER_MARK.into() };
                let table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(begin);
                File::Table(Box::new(table))
            }
        };
        let mut rows = Self { export, tenant, columns, file, rows: 0 };
        if export.format() == Format::Csv {
            let fixed: &[&str] = match export.layout() {
                Layout::RowPerScorecard => &SCORECARD_COLUMNS,
                Layout::RowPerScore => &SCORE_COLUMNS,
            };
            let header = fixed.iter().map(|name| rows.text(name));
            let header: Vec<String> = header.chain(columns.iter().map(|column| rows.text(&column.name))).collect();
            rows.write(&header)?;
            rows.rows = 0;
        }
        Ok(rows)
    }

    /// The number of rows, without the header.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// The number of bytes.
    pub fn bytes(&self) -> usize {
        match &self.file {
            File::Table(table) => table.get_ref().len(),
            File::Lines(lines) => lines.len(),
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// INTERNAL if it cannot be written.
    pub fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self.file {
            File::Table(table) => table.into_inner().map_err(|error| Error::internal(error.to_string())),
            File::Lines(lines) => Ok(lines),
        }
    }

    /// Adds `scorecard`, which was made from `template` and whose agent has this display name.
    ///
    /// # Errors
    /// INTERNAL if it cannot be written.
    pub fn add(
        &mut self,
        scorecard: &Scorecard,
        template: &ScorecardTemplate,
        display_name: &str,
    ) -> Result<(), Error> {
        match (self.export.format(), self.export.layout()) {
            (Format::Ndjson, _) => self.add_line(scorecard, template),
            (Format::Csv, Layout::RowPerScorecard) => self.add_scorecard(scorecard, template, display_name),
            (Format::Csv, Layout::RowPerScore) => self.add_scores(scorecard, template, display_name),
        }
    }

    fn add_line(&mut self, scorecard: &Scorecard, template: &ScorecardTemplate) -> Result<(), Error> {
        if let File::Lines(lines) = &mut self.file {
            serde_json::to_writer(&mut *lines, &scorecard.message(self.tenant, template)).map_err(Error::internal)?;
            lines.push(b'\n');
            self.rows += 1;
        }
        Ok(())
    }

    fn add_scorecard(
        &mut self,
        scorecard: &Scorecard,
        template: &ScorecardTemplate,
        display_name: &str,
    ) -> Result<(), Error> {
        let tenant = self.tenant;
        let totals = scorecard.totals(template);
        let plans: Vec<String> = scorecard.plans.iter().map(|plan| tenant.name_of(plan)).collect();
        let time = |time: Option<Timestamp>| time.map(|time| self.export.local(time)).unwrap_or_default();
        let mut row = self.first_cells(scorecard, display_name);
        row.extend([
            tenant.name_of_revision(&scorecard.template, scorecard.revision),
            self.text(&template.title),
            tenant.name_of(&scorecard.usecase),
            totals.whole.as_ref().map(|whole| cells::number(percent(whole.hundredths()))).unwrap_or_default(),
            totals.whole.is_none().to_string(),
            totals.auto_failed.to_string(),
            scorecard.manually_scored.to_string(),
            time(scorecard.ai_score_time),
            tenant.name_of(&scorecard.creator),
            time(Some(scorecard.create_time)),
            scorecard.submitted_by.as_ref().map(|user| tenant.name_of(user)).unwrap_or_default(),
            time(scorecard.submit_time),
            time(Some(scorecard.update_time)),
            time(scorecard.acknowledge_time),
            self.text(scorecard.acknowledge_comment.as_deref().unwrap_or_default()),
            self.text(scorecard.comment.as_deref().unwrap_or_default()),
            plans.join(" "),
            scorecard.calibrated.as_ref().map(|calibrated| tenant.name_of(calibrated)).unwrap_or_default(),
            scorecard.consistency.map(|consistency| cells::number(percent(consistency))).unwrap_or_default(),
        ]);
        let value = |column: &CriterionColumn| match scorecard.scores.get(&column.number) {
            Some(Score::Numeric(value)) => cells::number(*value),
            Some(Score::Text(text)) => self.text(text),
            Some(Score::NotApplicable) => "N/A".to_owned(),
            None => String::new(),
        };
        row.extend(self.columns.iter().map(|column| match column.template == scorecard.template {
            true => value(column),
            false => String::new(),
        }));
        self.write(&row)
    }

    fn add_scores(
        &mut self,
        scorecard: &Scorecard,
        template: &ScorecardTemplate,
        display_name: &str,
    ) -> Result<(), Error> {
        let tenant = self.tenant;
        let totals = scorecard.totals(template);
        let first = self.first_cells(scorecard, display_name);
        let of = |chapter: &Chapter, criterion: &Criterion| {
            let number = template.number_of(&criterion.id)?;
            let score = scorecard.scores.get(&number)?;
            let (numeric, text) = match score {
                Score::Numeric(value) => (cells::number(*value), String::new()),
                Score::Text(text) => (String::new(), self.text(text)),
                Score::NotApplicable => (String::new(), String::new()),
            };
            let part = totals.parts.iter().find(|(part, _)| *part == number);
            let mut row = first.clone();
            row.extend([
                tenant.name_of_revision(&scorecard.template, scorecard.revision),
                tenant.name_of(&scorecard.usecase),
                scorecard.submit_time.map(|time| self.export.local(time)).unwrap_or_default(),
                self.text(&chapter.id),
                self.text(&criterion.id),
                self.text(&criterion.display_name),
                cells::number(f64::from(criterion.weight_thousandths) / 1000.0),
                cells::number(criterion.maximum_value),
                criterion.auto_fail.to_string(),
                numeric,
                text,
                (*score == Score::NotApplicable).to_string(),
                part.map(|(_, score)| cells::number(percent(score.hundredths()))).unwrap_or_default(),
            ]);
            Some(row)
        };
        let criteria =
            template.chapters.iter().flat_map(|chapter| chapter.criteria.iter().map(move |one| (chapter, one)));
        let rows: Vec<Vec<String>> = criteria.filter_map(|(chapter, criterion)| of(chapter, criterion)).collect();
        rows.iter().try_for_each(|row| self.write(row))
    }

    /// The cells that a row begins with in either layout.
    fn first_cells(&self, scorecard: &Scorecard, display_name: &str) -> Vec<String> {
        let state = match (scorecard.submit_time, scorecard.acknowledge_time) {
            (None, _) => "DRAFT",
            (Some(_), None) => "SUBMITTED",
            (Some(_), Some(_)) => "ACKNOWLEDGED",
        };
        vec![
            self.tenant.name_of(&scorecard.id),
            state.to_owned(),
            self.tenant.name_of(&scorecard.agent),
            self.text(display_name),
            scorecard.conversation.as_ref().map(|conversation| self.tenant.name_of(conversation)).unwrap_or_default(),
        ]
    }

    fn text(&self, text: &str) -> String {
        cells::text(text, self.export.raw_text).into_owned()
    }

    fn write(&mut self, row: &[String]) -> Result<(), Error> {
        if let File::Table(table) = &mut self.file {
            table
                .write_record(row)
                .and_then(|()| Ok(table.flush()?))
                .map_err(|error| Error::internal(error.to_string()))?;
            self.rows += 1;
        }
        Ok(())
    }
}
