//! Reads scores and targets, and puts them on lines.

use std::collections::HashMap;

use coaching_domain::benchmark::Benchmark;
use coaching_domain::names::{TargetId, UsecaseId};
use coaching_domain::progress::{Scope, Span};
use coaching_domain::series::{Line, WantedLines, add_scores};
use coaching_domain::statistics::{Cell, Period, WHOLE_SCORECARD};
use coaching_domain::target::Target;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp, Violations};
use coaching_edge::App;
use coaching_measures::scores::AddedUp;
use coaching_store::{Agent, Found, Unreadable};
use futures_util::future::try_join_all;

use crate::request::{AskedCriterion, RetrieveSeriesRequest};

/// An agent with a line for each usecase and criterion, in their order.
pub(crate) type ScoredAgent = (Agent, Vec<Line>);

/// Everyone's lines, in the same order, and what they are made of.
pub(crate) struct Everyone {
    pub(crate) benchmark: Benchmark,
    pub(crate) lines: Vec<Line>,
}

/// The places of `criteria`, of those templates that were found; `violations` are what is wrong with the request besides.
///
/// # Errors
/// INVALID_ARGUMENT for a template that does not exist, and for a criterion that it never had.
pub(crate) fn places_of(
    criteria: &[AskedCriterion],
    templates: &Found<ScorecardTemplate>,
    tenant: &Tenant,
    mut violations: Violations,
) -> Result<WantedLines, Error> {
    let mut wanted = WantedLines::new();
    for (place, AskedCriterion { template, criterion_or_chapter_id }) in criteria.iter().enumerate() {
        let path = format!("criteria[{place}]");
        let name = tenant.name_of(template);
        let Some(found) = templates.entries.iter().find(|one| one.id == *template) else {
            if !templates.unreadable.iter().any(|one| one.id() == template.as_str()) {
                violations.add(format!("{path}.scorecardTemplateName"), format!("'{name}' does not exist"));
            }
            continue;
        };
        let number = match criterion_or_chapter_id {
            None => Some(WHOLE_SCORECARD),
            Some(id) => found.number_of(id),
        };
        match number {
            Some(number) => {
                wanted.entry(template.clone()).or_default().insert(number, place);
            }
            None => violations.add(
                format!("{path}.criterionOrChapterId"),
                format!("must be a criterion or a chapter of a revision of '{name}'"),
            ),
        }
    }
    violations.into_result()?;
    Ok(wanted)
}

/// Reads for one request.
pub(crate) struct Reading<'a> {
    app: &'a App,
    pub(crate) tenant: &'a Tenant,
    pub(crate) asked: &'a RetrieveSeriesRequest,
    wanted: &'a WantedLines,
    pub(crate) now: Timestamp,
    scope: Scope,
    /// The time whose facts count.
    pub(crate) span: Span,
    /// The periods whose statistics are read.
    periods: Vec<Period>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        app: &'a App,
        tenant: &'a Tenant,
        asked: &'a RetrieveSeriesRequest,
        wanted: &'a WantedLines,
        now: Timestamp,
    ) -> Self {
        let span = asked.window.span(now);
        let scope = Scope {
            usecases: asked.usecases.iter().cloned().collect(),
            templates: wanted.keys().cloned().collect(),
            at: span.at,
        };
        let periods = Period::of_days(&asked.window.days);
        Self { app, tenant, asked, wanted, now, scope, span, periods }
    }

    /// The organisation's targets for the usecases.
    pub(crate) async fn organisation_targets(&self) -> Result<Vec<Target>, Error> {
        let usecases = self.asked.usecases.iter();
        let targets = usecases.map(|usecase| self.app.store.organisation_targets(self.tenant, usecase, self.span));
        Ok(try_join_all(targets).await?.into_iter().flat_map(|found| found.entries).collect())
    }

    /// Everyone's lines, if they are asked for.
    pub(crate) async fn everyone(&self, templates: &[ScorecardTemplate]) -> Result<Option<Everyone>, Error> {
        if !self.asked.with_everyone {
            return Ok(None);
        }
        let of_usecases =
            self.asked.usecases.iter().flat_map(|usecase| templates.iter().map(move |one| (usecase, one)));
        let wanted =
            of_usecases.map(|(usecase, template)| ((usecase.clone(), template.id.clone()), template)).collect();
        let benchmark = self.app.store.benchmark(self.tenant, &wanted, &self.periods, self.now).await?;
        let mut lines = Vec::new();
        for usecase in &self.asked.usecases {
            let mut of_usecase = self.empty_lines();
            for (template, numbers) in self.wanted {
                for (number, place) in numbers {
                    let Some(line) = of_usecase.get_mut(*place) else { continue };
                    *line = Line::of(self.asked.parts.days().map(|days| {
                        let of_everyone = benchmark.over(usecase, template, *number, &days);
                        of_everyone.map_or(Cell::default(), |of_everyone| of_everyone.cell)
                    }));
                }
            }
            lines.append(&mut of_usecase);
        }
        Ok(Some(Everyone { benchmark, lines }))
    }

    /// The targets that an agent with targets of their `own` is measured by.
    pub(crate) fn targets<'t>(&self, own: &'t [Target], organisation: &'t [Target]) -> Vec<&'t Target> {
        self.scope.targets_of(own, organisation)
    }

    /// That of `targets` which is for a usecase and a criterion, of several the highest.
    pub(crate) fn target<'t>(
        &self,
        targets: &[&'t Target],
        usecase: &UsecaseId,
        criterion: &AskedCriterion,
    ) -> Option<&'t Target> {
        let part = criterion.criterion_or_chapter_id.as_deref().unwrap_or_default();
        let is_for = |target: &&Target| {
            target.usecase == *usecase
                && target.template == criterion.template
                && target.criterion_or_chapter_id == part
        };
        targets.iter().copied().filter(is_for).max_by_key(|target| target.hundredths_at(self.scope.at))
    }

    /// The agents' own targets that moved in the window, with all their values: agents come with the last one only.
    pub(crate) async fn moved_targets(&self, agents: &[ScoredAgent]) -> Result<HashMap<TargetId, Target>, Error> {
        let moved = agents.iter().flat_map(|(agent, _)| &agent.targets).filter(|target| {
            let is_asked = |one: &AskedCriterion| one.template == target.template;
            self.asked.criteria.iter().any(is_asked) && target.hundredths_at(self.span.start).is_none()
        });
        let ids: Vec<TargetId> = moved.map(|target| target.id.clone()).collect();
        let found = self.app.store.targets_by_id(self.tenant, &ids).await?;
        Ok(found.entries.into_iter().map(|target| (target.id.clone(), target)).collect())
    }

    /// What could not be read, by name.
    pub(crate) fn unreadable(&self) -> Vec<Unreadable> {
        self.app.store.unreadable()
    }

    /// A line for each criterion.
    fn empty_lines(&self) -> Vec<Line> {
        vec![Line::empty(&self.asked.parts); self.asked.criteria.len()]
    }

    /// Adds the scores of agents to their lines.
    pub(crate) fn measuring(&self) -> AddedUp<'_, Vec<Line>> {
        AddedUp {
            app: self.app,
            tenant: self.tenant,
            usecases: &self.asked.usecases,
            periods: &self.periods,
            nothing: self.asked.usecases.iter().flat_map(|_| self.empty_lines()).collect(),
            add: Box::new(|lines, one| {
                let place = self.asked.usecases.iter().position(|usecase| *usecase == one.usecase);
                let of_usecase = place.and_then(|place| lines.chunks_mut(self.asked.criteria.len()).nth(place));
                let Some(of_usecase) = of_usecase else { return Ok(()) };
                add_scores(of_usecase, self.wanted, &self.asked.parts, one.period, &one.packed)
            }),
        }
    }
}
