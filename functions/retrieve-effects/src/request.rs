//! The request, and how it is read.

use coaching_domain::bodies::Paged;
use coaching_domain::effect::EffectUnit;
use coaching_domain::message::Place;
use coaching_domain::progress::Window;
use coaching_domain::rules::{OneOf, Whole};
use coaching_domain::{Caller, Error, Tenant, Timestamp, message};
use coaching_edge::{AskedAgents, AskedPage, OfAgents};
use coaching_measures::effects::{AskedEffects, window};

/// The days on each side of a session: the least, the most, and how many if none are named.
const MIN_DAYS: i32 = 7;
const MAX_DAYS: i32 = 90;
const DEFAULT_DAYS: i32 = 30;
/// The most scorecards that may be demanded on each side, and those that are if none are.
const MAX_SCORECARDS: i32 = 1000;
const DEFAULT_SCORECARDS: u64 = 5;

message! {
    /// The fields beside those of the agents and of the page.
    #[derive(Debug)]
    pub(crate) struct Body, checked as SentBody {
        start: Option<Timestamp> = "startTime",
        end: Option<Timestamp> = "endTime",
        days: Option<Whole<MIN_DAYS, MAX_DAYS>> = "days",
        unit: Option<OneOf<EffectUnit>> = "unit",
        minimum_scorecard_count: Option<Whole<0, MAX_SCORECARDS>> = "minimumScorecardCount",
    }
}

impl SentBody {
    fn check(&mut self, place: &mut Place<'_>) {
        let window = window(self.start, self.end, days(self.days), place.now());
        if let Err(fault) = Window::new(Some(window.start), Some(window.end), place.now()) {
            place.refuse_field("endTime", fault);
        }
    }
}

fn days(asked: Option<i32>) -> u64 {
    asked.unwrap_or(DEFAULT_DAYS).unsigned_abs().into()
}

/// What is asked for.
pub(crate) struct RetrieveEffectsRequest {
    pub(crate) effects: AskedEffects,
    pub(crate) page: AskedPage,
}

impl RetrieveEffectsRequest {
    /// What is `asked` for at `now`, for `caller`: an agent asks for themselves.
    ///
    /// # Errors
    /// PERMISSION_DENIED if an agent asks for another agent or a group.
    pub(crate) fn new(
        asked: Paged<OfAgents<Body>>,
        caller: &Caller,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let Paged { value: OfAgents { agents, value: body }, page_size, page_token } = asked;
        let days = days(body.days);
        let minimum = body.minimum_scorecard_count.and_then(|minimum| u64::try_from(minimum).ok());
        let effects = AskedEffects {
            agents: AskedAgents::new(agents, caller, tenant)?,
            window: window(body.start, body.end, days, now),
            days,
            unit: body.unit.unwrap_or(EffectUnit::Plan),
            minimum_scorecard_count: minimum.filter(|minimum| *minimum > 0).unwrap_or(DEFAULT_SCORECARDS),
        };
        Ok(Self { effects, page: AskedPage::new(None, page_size, page_token) })
    }
}
