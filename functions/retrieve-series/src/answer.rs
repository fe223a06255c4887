//! What is answered.

use std::collections::HashMap;

use chrono::{NaiveDate, NaiveTime};
use coaching_domain::benchmark::Benchmark;
use coaching_domain::names::{TargetId, UsecaseId};
use coaching_domain::progress::{mean_score, points};
use coaching_domain::series::{Line, steps};
use coaching_domain::target::Target;
use coaching_domain::{Error, Timestamp};
use coaching_edge::{Answer, MAX_ANSWER_BYTES, bytes_in_answer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::read::{Everyone, Reading, ScoredAgent};
use crate::request::AskedCriterion;

/// The most names in `unreachable`.
const MAX_UNREACHABLE: usize = 100;

/// Scores over time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetrieveSeriesResponse<'a> {
    /// The series, by agent name, then in the order of the request's usecases and criteria.
    score_series: &'a [ScoreSeries],
    /// When the window starts.
    start_time: Option<Timestamp>,
    /// When it ends: the first moment that is not in it.
    end_time: Option<Timestamp>,
    /// When everyone's scores were last added up; absent: they are not asked for, or were not added up yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    benchmark_time: Option<Timestamp>,
    /// Whether everyone's scores are still being added up, so that points are missing; absent: not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    benchmark_pending: bool,
    /// What could not be read, the first 100: names of agents, who are missing; of targets and templates, which are left
    /// out; and of groups whose members are not among the agents. Absent: all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

/// The scores of an agent, or of everyone, of one usecase and criterion.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScoreSeries {
    /// The agent: `customers/{customer}/users/{user}`; absent: everyone in the profile together.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_user_name: Option<String>,
    /// The usecase whose scores they are.
    usecase_name: String,
    /// The template: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`.
    scorecard_template_name: String,
    /// The criterion or chapter; absent: the whole scorecard.
    #[serde(skip_serializing_if = "Option::is_none")]
    criterion_or_chapter_id: Option<String>,
    /// The parts of the window in which there are scores, the earliest first.
    points: Vec<ScorePoint>,
    /// The values of the target, each from when it was in force; empty: there is none.
    targets: Vec<TargetStep>,
}

/// The scores of one part of the window.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScorePoint {
    /// The start of the part: a day in UTC.
    start_time: Option<Timestamp>,
    /// The mean score, in percent.
    score: Option<f64>,
    /// How many scorecards that is the mean of.
    scorecard_count: u64,
}

/// A value of a target.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TargetStep {
    /// The time from which it was in force, no earlier than the window's start.
    start_time: Timestamp,
    /// The target, in percent.
    target: f64,
}

/// Answers with the lines of `agents` and of `everyone`. Those of the agents' own targets that are in `moved` have all
/// their values there.
///
/// # Errors
/// INVALID_ARGUMENT if they take more than an answer may.
pub(crate) fn answer(
    reading: &Reading<'_>,
    agents: &[ScoredAgent],
    organisation: &[Target],
    moved: &HashMap<TargetId, Target>,
    everyone: Option<&Everyone>,
) -> Result<Answer, Error> {
    let asked = reading.asked;
    let mut series = Vec::new();
    for (agent, lines) in agents {
        let name = reading.tenant.name_of(&agent.id);
        series.extend(series_of(reading, Some(&name), lines, reading.targets(&agent.targets, organisation), moved));
    }
    if let Some(Everyone { lines, .. }) = everyone {
        series.extend(series_of(reading, None, lines, reading.targets(&[], organisation), moved));
    }
    let unreadable = reading.unreadable();
    let benchmark = everyone.map(|everyone| &everyone.benchmark);
    let answer = Answer::beginning(&series, series.iter().map(bytes_in_answer), |shown| {
        Ok(RetrieveSeriesResponse {
            score_series: shown,
            start_time: asked.window.start(),
            end_time: asked.window.end(),
            benchmark_time: benchmark.and_then(Benchmark::time),
            benchmark_pending: benchmark.is_some_and(Benchmark::is_pending),
            unreachable: unreadable.iter().take(MAX_UNREACHABLE).map(|one| one.name().to_owned()).collect(),
        })
    })?;
    let answer = answer.filter(|(_, shown)| *shown == series.len()).map(|(answer, _)| answer);
    answer.ok_or_else(|| {
        let limit = format!("the {MAX_ANSWER_BYTES} bytes of an answer");
        let refusal = format!("have scores that take more than {limit}; name fewer, or take a shorter window");
        Error::invalid_field("criteria", refusal)
    })
}

/// The series that have points, of `lines` in the order of usecases and criteria.
fn series_of<'a>(
    reading: &'a Reading<'_>,
    agent: Option<&'a str>,
    lines: &'a [Line],
    targets: Vec<&'a Target>,
    moved: &'a HashMap<TargetId, Target>,
) -> impl Iterator<Item = ScoreSeries> + 'a {
    let asked = reading.asked;
    let of_usecases = asked.usecases.iter().zip(lines.chunks(asked.criteria.len()));
    let with_lines = of_usecases.flat_map(|(usecase, lines)| {
        asked.criteria.iter().zip(lines).map(move |(criterion, line)| (usecase, criterion, line))
    });
    with_lines.filter_map(move |(usecase, criterion, line): (&UsecaseId, &AskedCriterion, &Line)| {
        let points: Vec<ScorePoint> = line
            .points(&asked.parts)
            .map(|(day, cell)| ScorePoint {
                start_time: midnight(day),
                score: mean_score(cell).map(points),
                scorecard_count: cell.count,
            })
            .collect();
        if points.is_empty() {
            return None;
        }
        let target = reading.target(&targets, usecase, criterion);
        let steps = target
            .map(|target| steps(moved.get(&target.id).unwrap_or(target), &asked.window, reading.now))
            .unwrap_or_default();
        Some(ScoreSeries {
            agent_user_name: agent.map(str::to_owned),
            usecase_name: reading.tenant.name_of(usecase),
            scorecard_template_name: reading.tenant.name_of(&criterion.template),
            criterion_or_chapter_id: criterion.criterion_or_chapter_id.clone(),
            points,
            targets: steps
                .into_iter()
                .map(|(start_time, hundredths)| TargetStep { start_time, target: points_of(hundredths) })
                .collect(),
        })
    })
}

fn points_of(hundredths: u32) -> f64 {
    points(i64::from(hundredths) * 100)
}

fn midnight(day: NaiveDate) -> Option<Timestamp> {
    Timestamp::from_utc(day.and_time(NaiveTime::MIN).and_utc())
}
