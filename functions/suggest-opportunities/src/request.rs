//! The request, and how it is read.

use chrono::TimeDelta;
use coaching_domain::message::Place;
use coaching_domain::opportunity::OpportunityType;
use coaching_domain::progress::Window;
use coaching_domain::rules::{Distinct, Flag, OneOf, Whole};
use coaching_domain::target::TargetValue;
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, Included, NamedAgents, OfAgents};

/// The days of the window before its end, if no start is named.
const DEFAULT_DAYS: i64 = 7;
/// The most opportunities of an agent and type if no limit is set, and the most that may be set.
const DEFAULT_LIMIT: usize = 3;
const MAX_LIMIT: i32 = 20;
/// The most scorecards that may be demanded behind a mean, and those that are if none are.
const MAX_SCORECARDS: i32 = 1000;
const DEFAULT_SCORECARDS: u64 = 5;
/// The least gap if none is demanded, in hundredths of a percentage point.
const DEFAULT_GAP: u32 = 500;
/// The most people of one request, and of one with evidence.
const MAX_PEOPLE: usize = 1000;
const MAX_PEOPLE_WITH_EVIDENCE: usize = 20;
/// The most opportunities of one answer.
const MAX_OPPORTUNITIES: usize = 9000;

message! {
    /// The fields beside those of the agents.
    #[derive(Debug)]
    pub(crate) struct Asked, checked as SentAsked {
        start: Option<Timestamp> = "startTime",
        end: Option<Timestamp> = "endTime",
        config: Option<OpportunityConfig> = "opportunityConfig",
    }
}

/// The fields beside those of the agents, and what the answer includes.
pub(crate) type Body = (Asked, Included);

message! {
    /// Which opportunities are suggested.
    #[derive(Debug, Default)]
    pub(crate) struct OpportunityConfig {
        types: Distinct<OneOf<Option<OpportunityType>>, 10> = "enabledTypes",
        average_performer_limit: Option<Whole<0, MAX_LIMIT>> = "avgPerformerOpportunitiesLimit",
        organisation_target_limit: Option<Whole<0, MAX_LIMIT>> = "orgTargetOpportunitiesLimit",
        downward_trend_limit: Option<Whole<0, MAX_LIMIT>> = "downwardTrendOpportunitiesLimit",
        minimum_scorecard_count: Option<Whole<0, MAX_SCORECARDS>> = "minimumScorecardCount",
        minimum_gap: Option<TargetValue> = "minimumGap",
        with_evidence: Flag = "includeEvidence",
    }
}

impl SentAsked {
    fn check(&mut self, place: &mut Place<'_>) {
        if let Err(fault) = window(self.start, self.end, place.now()) {
            place.refuse_field("endTime", fault);
        }
    }
}

fn window(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<Window, String> {
    let end = end.unwrap_or(now);
    let start = start.unwrap_or_else(|| end.plus(TimeDelta::days(-DEFAULT_DAYS)));
    Window::new(Some(start), Some(end), now)
}

/// What is asked for.
pub(crate) struct SuggestOpportunitiesRequest {
    pub(crate) agents: AskedAgents,
    pub(crate) window: Window,
    config: OpportunityConfig,
    pub(crate) included: Included,
}

impl SuggestOpportunitiesRequest {
    /// What is `asked` for at `now`, for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group; INVALID_ARGUMENT if nobody is named.
    pub(crate) fn new(
        asked: OfAgents<Body, NamedAgents>,
        caller: &Caller,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let OfAgents { agents, value: (Asked { start, end, config }, included) } = asked;
        let agents = AskedAgents::new(agents.into(), caller, tenant)?;
        if agents.names_nobody() {
            return Err(Error::invalid_field("agentUserNames", "must name an agent, or groupNames a group"));
        }
        Ok(Self {
            agents,
            window: window(start, end, now).map_err(|fault| Error::invalid_field("endTime", fault))?,
            config: config.unwrap_or_default(),
            included,
        })
    }

    /// Whether opportunities of this type are asked for: of all types, if none is named.
    pub(crate) fn enables(&self, kind: OpportunityType) -> bool {
        let types = &self.config.types;
        types.is_empty() || types.contains(&None) || types.contains(&Some(kind))
    }

    /// The most opportunities of this type of an agent.
    pub(crate) fn limit(&self, kind: OpportunityType) -> usize {
        let limit = match kind {
            OpportunityType::AveragePerformer => self.config.average_performer_limit,
            OpportunityType::OrganisationTarget => self.config.organisation_target_limit,
            OpportunityType::DownwardTrend => self.config.downward_trend_limit,
        };
        limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT)
    }

    /// The least number of scorecards behind a mean.
    pub(crate) fn minimum_scorecard_count(&self) -> u64 {
        let minimum = self.config.minimum_scorecard_count.and_then(|minimum| u64::try_from(minimum).ok());
        minimum.filter(|minimum| *minimum > 0).unwrap_or(DEFAULT_SCORECARDS)
    }

    /// The least gap, in hundredths of a percentage point.
    pub(crate) fn minimum_gap(&self) -> u32 {
        self.config.minimum_gap.unwrap_or(DEFAULT_GAP)
    }

    /// Whether scorecards are shown.
    pub(crate) fn with_evidence(&self) -> bool {
        self.config.with_evidence
    }

    /// The most people that may be named with these limits.
    pub(crate) fn most_people(&self) -> usize {
        let types = OpportunityType::ALL.into_iter().filter(|kind| self.enables(*kind));
        let of_agent: usize = types.map(|kind| self.limit(kind)).sum();
        let most = if self.with_evidence() { MAX_PEOPLE_WITH_EVIDENCE } else { MAX_PEOPLE };
        most.min(MAX_OPPORTUNITIES / of_agent.max(1))
    }
}
