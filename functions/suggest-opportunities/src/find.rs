//! Reads scores, targets, templates and everyone's scores, and finds the opportunities in them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use chrono::NaiveDate;
use coaching_domain::benchmark::Benchmark;
use coaching_domain::names::{ScorecardTemplateId, UsecaseId};
use coaching_domain::opportunity::{
    AgentScores, Compared, Gap, Opportunity, OpportunityType, Reference, TwoWindows, best, criteria_of,
};
use coaching_domain::progress::{Scope, Span};
use coaching_domain::scorecard::Scorecard;
use coaching_domain::statistics::{Cell, Period, day_of};
use coaching_domain::target::Target;
use coaching_domain::template::ScorecardTemplate;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::App;
use coaching_measures::scores::AddedUp;
use coaching_store::{Agent, ScorecardFilter};
use futures_util::future::try_join_all;

use crate::request::SuggestOpportunitiesRequest;

/// The least number of agents in a mean of everyone that agents get.
const LEAST_AGENTS: u64 = 5;
/// The number of an agent's newest scorecards among which evidence is found, and how many are shown.
const NEWEST_SCORECARDS: usize = 200;
const MAX_EVIDENCE: usize = 3;

/// An agent with their scores.
pub(crate) type ScoredAgent = (Agent, AgentScores);

/// The opportunities of an agent.
pub(crate) struct Found<'a> {
    pub(crate) agent: &'a Agent,
    /// Each with the target that it is measured by.
    pub(crate) opportunities: Vec<(Opportunity<'a>, Option<&'a Target>)>,
}

/// A scorecard that shows an opportunity: its submission, and its score of the criterion.
pub(crate) struct Evidence {
    pub(crate) scorecard: Scorecard,
    pub(crate) submit_time: Timestamp,
    pub(crate) score: Cell,
}

/// The evidence of each opportunity, by the agent's and the opportunity's places.
pub(crate) type AllEvidence = HashMap<(usize, usize), Vec<Evidence>>;

/// Finds the opportunities of one request.
pub(crate) struct Finding<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    asked: &'a SuggestOpportunitiesRequest,
    now: Timestamp,
    scope: Scope,
    /// The time whose facts count.
    pub(crate) span: Span,
    before: Range<NaiveDate>,
    /// The periods whose statistics are read.
    periods: Vec<Period>,
}

impl<'a> Finding<'a> {
    pub(crate) fn new(
        app: &'a App,
        tenant: &'a Tenant,
        asked: &'a SuggestOpportunitiesRequest,
        now: Timestamp,
    ) -> Self {
        let span = asked.window.span(now);
        let scope = Scope {
            usecases: asked.agents.usecases.iter().cloned().collect(),
            templates: asked.agents.templates.iter().cloned().collect(),
            at: span.at,
        };
        let compares_before = asked.enables(OpportunityType::DownwardTrend);
        let days = if compares_before { asked.window.all_days() } else { asked.window.days.clone() };
        let (before, periods) = (asked.window.baseline(), Period::of_days(&days));
        Self { app, tenant, asked, now, scope, span, before, periods }
    }

    /// The organisation's targets for the usecases.
    pub(crate) async fn organisation_targets(&self) -> Result<Vec<Target>, Error> {
        if !self.asked.enables(OpportunityType::OrganisationTarget) {
            return Ok(Vec::new());
        }
        let usecases = self.asked.agents.usecases.iter();
        let targets = usecases.map(|usecase| self.app.store.organisation_targets(self.tenant, usecase, self.span));
        Ok(try_join_all(targets).await?.into_iter().flat_map(|found| found.entries).collect())
    }

    /// Those templates in use by which any of `agents` was scored often enough.
    pub(crate) async fn templates_of(&self, agents: &[ScoredAgent]) -> Result<Vec<ScorecardTemplate>, Error> {
        let ids: HashSet<&ScorecardTemplateId> = self.scored(agents).map(|(_, template)| template).collect();
        let current: Vec<_> = ids.into_iter().map(|id| (id.clone(), None)).collect();
        let found = self.app.store.templates(self.tenant, &current, false).await?;
        Ok(found.entries.into_iter().filter(|template| template.is_in_use(self.now)).collect())
    }

    fn scored<'s>(&self, agents: &'s [ScoredAgent]) -> impl Iterator<Item = &'s (UsecaseId, ScorecardTemplateId)> {
        let minimum = self.asked.minimum_scorecard_count();
        agents.iter().flat_map(move |(_, scores)| scores.scored(minimum))
    }

    /// Everyone's scores by `templates`, if they are compared with.
    pub(crate) async fn benchmark(
        &self,
        agents: &[ScoredAgent],
        templates: &[ScorecardTemplate],
    ) -> Result<Benchmark, Error> {
        if !self.asked.enables(OpportunityType::AveragePerformer) {
            return Ok(Benchmark::default());
        }
        let templates: HashMap<_, _> = templates.iter().map(|template| (&template.id, template)).collect();
        let wanted = self.scored(agents).filter_map(|of| Some((of.clone(), *templates.get(&of.1)?)));
        let wanted: BTreeMap<_, _> = wanted.collect();
        let periods = Period::of_days(&self.asked.window.days);
        self.app.store.benchmark(self.tenant, &wanted, &periods, self.now).await
    }

    /// The opportunities of each of `agents`, in their order.
    pub(crate) fn opportunities<'f>(
        &self,
        agents: &'f [ScoredAgent],
        organisation: &'f [Target],
        templates: &'f [ScorecardTemplate],
        benchmark: &Benchmark,
    ) -> Vec<Found<'f>> {
        let criteria: Vec<(&ScorecardTemplate, Vec<Compared<'_>>)> =
            templates.iter().map(|template| (template, criteria_of(template))).collect();
        let mut everyone = HashMap::new();
        let mut found = Vec::with_capacity(agents.len());
        for (agent, scores) in agents {
            let targets = self.targets_of(agent, organisation);
            let mut opportunities = Vec::new();
            let scored: HashSet<_> = scores.scored(self.asked.minimum_scorecard_count()).collect();
            let mut in_use: Vec<_> = scored.into_iter().collect();
            in_use.sort_unstable();
            for (usecase, id) in in_use {
                let of_template = criteria.iter().find(|(template, _)| template.id == *id);
                for (template, compared) in of_template
                    .into_iter()
                    .flat_map(|(template, all)| all.iter().map(move |compared| (*template, *compared)))
                {
                    let of_everyone = *everyone
                        .entry((usecase, id, compared.number))
                        .or_insert_with(|| self.mean_of_everyone(benchmark, usecase, id, compared.number));
                    let target = targets.get(&(usecase, id, compared.criterion.id.as_str())).copied();
                    let scores = scores.of(usecase, id, compared.number);
                    for kind in OpportunityType::ALL.into_iter().filter(|kind| self.asked.enables(*kind)) {
                        let reference = self.reference(kind, &scores, of_everyone, target);
                        let weight = compared.criterion.weight_thousandths;
                        let gap = reference
                            .and_then(|reference| Gap::new(&scores.window, reference, weight, compared.whole_weight));
                        opportunities.extend(gap.map(|gap| Opportunity { kind, usecase, template, compared, gap }));
                    }
                }
            }
            let (minimum, least) = (self.asked.minimum_scorecard_count(), self.asked.minimum_gap());
            opportunities.retain(|one| one.is_enough(minimum, least));
            best(&mut opportunities, |kind| self.asked.limit(kind));
            let with_target = opportunities.into_iter().map(|one| {
                let place = (one.usecase, &one.template.id, one.compared.criterion.id.as_str());
                let is_of_target = one.kind == OpportunityType::OrganisationTarget;
                (one, targets.get(&place).copied().filter(|_| is_of_target))
            });
            found.push(Found { agent, opportunities: with_target.collect() });
        }
        found
    }

    fn reference(
        &self,
        kind: OpportunityType,
        scores: &TwoWindows,
        everyone: Option<Cell>,
        target: Option<&Target>,
    ) -> Option<Reference> {
        match kind {
            OpportunityType::AveragePerformer => everyone.map(Reference::Mean),
            OpportunityType::OrganisationTarget => {
                target.and_then(|target| target.hundredths_at(self.scope.at)).map(Reference::Target)
            }
            OpportunityType::DownwardTrend => Some(Reference::Before(scores.before)),
        }
    }

    /// Everyone's scores over the window, if they may be shown.
    fn mean_of_everyone(
        &self,
        benchmark: &Benchmark,
        usecase: &UsecaseId,
        template: &ScorecardTemplateId,
        number: u32,
    ) -> Option<Cell> {
        let of_everyone = benchmark.over(usecase, template, number, &self.asked.window.days)?;
        let may_be_shown = !self.asked.agents.is_of_caller() || of_everyone.agents >= LEAST_AGENTS;
        may_be_shown.then_some(of_everyone.cell)
    }

    /// The targets that `agent` is measured by, each by its usecase, template and criterion or chapter: of several of
    /// their own, the highest.
    fn targets_of<'t>(
        &self,
        agent: &'t Agent,
        organisation: &'t [Target],
    ) -> HashMap<(&'t UsecaseId, &'t ScorecardTemplateId, &'t str), &'t Target> {
        if !self.asked.enables(OpportunityType::OrganisationTarget) {
            return HashMap::new();
        }
        let mut highest: HashMap<_, &Target> = HashMap::new();
        for target in self.scope.targets_of(&agent.targets, organisation) {
            let place = (&target.usecase, &target.template, target.criterion_or_chapter_id.as_str());
            let known = highest.entry(place).or_insert(target);
            if known.hundredths_at(self.scope.at) < target.hundredths_at(self.scope.at) {
                *known = target;
            }
        }
        highest
    }

    /// Adds up the scores of agents, over the window and the one before.
    pub(crate) fn measuring(&self) -> AddedUp<'_, AgentScores> {
        AddedUp {
            app: self.app,
            tenant: self.tenant,
            usecases: &self.asked.agents.usecases,
            periods: &self.periods,
            nothing: AgentScores::default(),
            add: Box::new(|scores, one| {
                let windows = [&self.asked.window.days, &self.before];
                scores.add(&one.usecase, one.period, &one.packed, windows, &self.scope.templates)
            }),
        }
    }
}

/// The evidence of what was `found`, if it is asked for.
pub(crate) async fn evidence_of(finding: &Finding<'_>, found: &[Found<'_>]) -> Result<AllEvidence, Error> {
    let mut all = HashMap::new();
    if !finding.asked.with_evidence() {
        return Ok(all);
    }
    let (store, tenant, days) = (&finding.app.store, finding.tenant, &finding.asked.window.days);
    let newest = found.iter().map(async |found| {
        if found.opportunities.is_empty() {
            return Ok(Vec::new());
        }
        let filter = ScorecardFilter { agent: Some(found.agent.id.clone()), ..ScorecardFilter::default() };
        let page = store.scorecards(tenant, filter, None, NEWEST_SCORECARDS).await?;
        let scorecards = page.entries.into_iter().filter_map(|one| Some((one.counted_at()?, one)));
        Ok::<_, Error>(scorecards.filter(|(time, _)| days.contains(&day_of(*time))).collect())
    });
    let newest: Vec<Vec<(Timestamp, Scorecard)>> = try_join_all(newest).await?;
    let shown = |one: &Scorecard, found: &Found<'_>| {
        let mut opportunities = found.opportunities.iter();
        opportunities.any(|(of, _)| of.template.id == one.template && *of.usecase == one.usecase)
    };
    let agents = found.iter().zip(&newest);
    let revisions: HashSet<(ScorecardTemplateId, Option<u32>)> = agents
        .flat_map(|(found, scorecards)| scorecards.iter().filter(move |(_, one)| shown(one, found)))
        .map(|(_, one)| (one.template.clone(), Some(one.revision)))
        .collect();
    let revisions: Vec<_> = revisions.into_iter().collect();
    let revisions = store.revisions(tenant, &revisions, false).await?.entries;
    for (agent, (found, scorecards)) in found.iter().zip(&newest).enumerate() {
        for (place, (of, _)) in found.opportunities.iter().enumerate() {
            let scores = scorecards.iter().filter_map(|(time, one)| {
                let made_from = revisions.iter().find(|revision| one.is_made_from(revision))?;
                let is_of_it = one.template == of.template.id && one.usecase == *of.usecase;
                let scores = is_of_it.then(|| one.contribution(made_from))??.scores;
                let (_, units) = scores.into_iter().find(|(number, _)| *number == of.compared.number)?;
                Some((units, *time, one))
            });
            let mut scores: Vec<_> = scores.collect();
            scores.sort_by(|a, b| (a.0, b.1, &a.2.id).cmp(&(b.0, a.1, &b.2.id)));
            let evidence = scores.into_iter().take(MAX_EVIDENCE).map(|(units, submit_time, one)| Evidence {
                scorecard: one.clone(),
                submit_time,
                score: Cell { sum: units.into(), count: 1 },
            });
            all.insert((agent, place), evidence.collect());
        }
    }
    Ok(all)
}
