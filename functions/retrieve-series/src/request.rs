//! The request, and how it is read.

use coaching_domain::message::Place;
use coaching_domain::names::{GroupId, ScorecardTemplateId, UsecaseId, UserId};
use coaching_domain::progress::Window;
use coaching_domain::rules::{AtLeastOne, Distinct, EveryOrUnnamed, Flag, OneOf, TemplateName, Text};
use coaching_domain::series::{Granularity, Parts};
use coaching_domain::values::MAX_TITLE_BYTES;
use coaching_domain::{Caller, Error, Role, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, MAX_GROUPS, MAX_USECASES};

/// The most people of one request.
pub(crate) const MAX_PEOPLE: usize = 100;
const MAX_CRITERIA: usize = 50;
/// The most points that one answer may have.
pub(crate) const MAX_POINTS: usize = 20_000;

message! {
    /// The fields.
    #[derive(Debug)]
    pub(crate) struct Body, checked as SentBody {
        agents: Distinct<UserId, MAX_PEOPLE> = "agentUserNames",
        groups: Distinct<GroupId, MAX_GROUPS> = "groupNames",
        with_indirect_members: Flag = "includeIndirectGroupMembers",
        with_everyone: Flag = "includeEveryone",
        usecases: AtLeastOne<Distinct<UsecaseId, MAX_USECASES>> = "usecaseNames",
        criteria: AtLeastOne<Distinct<AskedCriterion, MAX_CRITERIA>> = "criteria",
        start: Option<Timestamp> = "startTime",
        end: Option<Timestamp> = "endTime",
        granularity: Option<OneOf<Granularity>> = "granularity",
    }
}

message! {
    /// A criterion, a chapter or, without an id, the whole scorecard of a template.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct AskedCriterion {
        pub(crate) template: TemplateName<EveryOrUnnamed> = "scorecardTemplateName",
        pub(crate) criterion_or_chapter_id: Option<Text<MAX_TITLE_BYTES>> = "criterionOrChapterId",
    }
}

impl SentBody {
    fn check(&mut self, place: &mut Place<'_>) {
        if let Err(fault) = Window::new(self.start, self.end, place.now()) {
            place.refuse_field("endTime", fault);
        }
        // A mean of few people on one day would show an agent what a colleague scored.
        if self.with_everyone && place.caller().role() == Role::Agent {
            place.refuse_field("includeEveryone", "must be absent for an agent");
        }
    }
}

/// What is asked for.
pub(crate) struct RetrieveSeriesRequest {
    pub(crate) agents: AskedAgents,
    pub(crate) usecases: Vec<UsecaseId>,
    pub(crate) criteria: Vec<AskedCriterion>,
    pub(crate) with_everyone: bool,
    pub(crate) window: Window,
    pub(crate) parts: Parts,
}

impl RetrieveSeriesRequest {
    /// What is `asked` for at `now`, for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group; INVALID_ARGUMENT if nobody is named.
    pub(crate) fn new(asked: Body, caller: &Caller, tenant: &Tenant, now: Timestamp) -> Result<Self, Error> {
        let Body { with_everyone, usecases, criteria, start, end, granularity, .. } = asked;
        let agents = AskedAgents::named(asked.agents, asked.groups, asked.with_indirect_members, caller, tenant)?;
        if agents.names_nobody() && !with_everyone {
            let refusal = "must name an agent, or groupNames a group, or includeEveryone be true";
            return Err(Error::invalid_field("agentUserNames", refusal));
        }
        let window = Window::new(start, end, now).map_err(|fault| Error::invalid_field("endTime", fault))?;
        let parts = Parts::of(&window.days, granularity.unwrap_or(Granularity::Day));
        Ok(Self { agents, usecases, criteria, with_everyone, window, parts })
    }

    /// The templates of the criteria.
    pub(crate) fn templates(&self) -> Vec<(ScorecardTemplateId, Option<u32>)> {
        let mut templates: Vec<_> = self.criteria.iter().map(|one| (one.template.clone(), None)).collect();
        templates.sort_unstable();
        templates.dedup();
        templates
    }

    /// Refuses a request whose answer could have too many points for `people`, among whom everyone together is one.
    ///
    /// # Errors
    /// INVALID_ARGUMENT.
    pub(crate) fn check_points(&self, people: usize) -> Result<(), Error> {
        let points = people * self.usecases.len() * self.criteria.len() * self.parts.count();
        if points <= MAX_POINTS {
            return Ok(());
        }
        let refusal = format!(
            "may have {points} points in all, of {people} people, {} usecases, {} criteria and {} parts of the window, and \
             an answer takes {MAX_POINTS}; name fewer, or take a shorter window or a larger granularity",
            self.usecases.len(),
            self.criteria.len(),
            self.parts.count()
        );
        Err(Error::invalid_field("criteria", refusal))
    }
}
