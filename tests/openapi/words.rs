//! The texts of the document that do not come from types.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use coaching_domain::outline::{Field, Kind};
use serde_json::Value;

/// The collections: the names and descriptions of their tags.
pub const TAGS: &[(&str, &str, &str)] = &[
    ("coachingSessions", "Coaching sessions", "Meetings of a manager and an agent under a plan."),
    ("coachingPlans", "Coaching plans", "What a manager means to work on with one agent."),
    ("coachingComments", "Coaching comments", "What managers and agents say about a plan."),
    ("changes", "History", "Who changed what of a session, plan, comment or scorecard, and when."),
    ("coachingProgresses", "Progress", "How far agents' scores moved, and how far they still are from target."),
    (
        "coachingOverviews",
        "Overviews",
        "What there is of agents' coaching: sessions by state, what is overdue, scorecards.",
    ),
    ("coachingOpportunities", "Opportunities", "Criteria on which coaching an agent is worth most."),
    ("scoreSeries", "Series", "Agents' scores over time."),
    ("scorecardTemplates", "Scorecard templates", "What conversations are scored against."),
    ("scorecards", "Scorecards", "Conversations scored against a template."),
    ("targets", "Targets", "Scores to be reached, by an agent under a plan or by the whole organisation."),
    ("usecases", "Usecases", "The separate jobs that agents of one profile do."),
    ("jobs", "Jobs", "Work that the service does beside requests, such as large exports."),
    ("whoami", "Caller", "Who the caller is."),
    ("users", "Users", "The customer's directory of people."),
    ("groups", "Groups", "The customer's directory of teams."),
];

/// Descriptions of path variables that are not just the id of what they are called.
pub const VARIABLES: &[(&str, &str)] = &[
    ("customer", "The id of the customer: that of the token."),
    ("profile", "The id of the profile: one of those of the token, or any of the customer's if it has `*`."),
    ("scorecardTemplate", "The id of the template, or `{id}@{revision}`."),
];

// What an export has of the operation that answers the same.
const START_OF_PROGRESS: &str =
    "When the window starts, rounded down to a day, UTC; by default 30 days before its end.";
const END_OF_PROGRESS: &str =
    "When the window ends, rounded up to a day, UTC; by default with today. At most 400 days.";
const USECASES_OF_PROGRESS: &str = "The usecases whose scores are measured.";
const TEMPLATES_OF_PROGRESS: &str = "Only scores of these templates, in every revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`; empty: of all.";
const START_OF_OVERVIEWS: &str = "When the window starts.";
const END_OF_OVERVIEWS: &str =
    "When the window ends: the first moment that is not in it. At most 400 days after `startTime`.";
const USECASES_OF_OVERVIEWS: &str = "The usecases whose sessions and scorecards are counted.";
const TEMPLATES_OF_OVERVIEWS: &str = "Only scorecards of these templates, in every revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`; empty: of all.";
const SESSIONS_CHANGED_FROM: &str =
    "Only with an `updateTime` from this on. A range of it alone, without an agent and a plan, has the earliest first.";

/// Descriptions of request-only fields. Lookup order: `operation.field`; then `field` in filters; then the response
/// schema; then `field`.
pub const FIELDS: &[(&str, &str)] = &[
    ("If-Match", "The etags, in quotes, of which the resource must have one (RFC 9110). Another version is ABORTED."),
    ("acknowledgeScorecard.acknowledgeComment", "What the agent says; absent: nothing."),
    ("acknowledgeSession.acknowledged", "`true` acknowledges, and the first time stays; `false` takes it back."),
    ("acknowledgeSession.agentComment", "The agent's comment. Present and empty, it is cleared."),
    ("acknowledgeSession.submitted", "`true` submits for the agent, and the first time stays; `false` takes it back."),
    ("agentUserName", "Only of this agent: `customers/{customer}/users/{user}`."),
    (
        "agentUserNames",
        "Only these agents, `customers/{customer}/users/{user}`, and the members of `groupNames`; empty: all.",
    ),
    ("coachingPlanName", "Only of this plan: `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`."),
    (
        "coachingPlanNames",
        "Only of these plans, `customers/{customer}/profiles/{profile}/coachingPlans/{coachingPlan}`.",
    ),
    ("coachingPlans", "The plans to create or replace, each name once."),
    (
        "conversationNames",
        "Only of these conversations, `customers/{customer}/profiles/{profile}/conversations/{conversation}`.",
    ),
    ("creatorUserNames", "Only made by these users, `customers/{customer}/users/{user}`."),
    ("endSessionTime", "Only with a `sessionTime` before this."),
    ("endSubmitTime", "Only with a `submitTime` before this."),
    ("endTimestamp", "Only sessions with a `sessionTime` before this, after `startTimestamp`."),
    ("endUpdateTime", "Only with an `updateTime` before this."),
    (
        "retrieveEvaluationPeriods.endTime",
        "Only periods that start before this; absent: up to the one after that of now.",
    ),
    ("retrieveEvaluationPeriods.startTime", "Only periods that end after this."),
    ("retrieveEvaluationPeriods.usecaseName", "A usecase that the template must be for."),
    (
        "retrieveEvaluationProgress.evaluationPeriod",
        "One of the template's periods, of at most 400 days; absent: the one that holds now.",
    ),
    (
        "retrieveEvaluationProgress.usecaseName",
        "Only evaluations of this usecase, which the template must be for. Required if the template is for more than 20, or for all.",
    ),
    (
        "retrieveTotalAgentQuota.evaluatedConversationCountPerAgent",
        "How many conversations of each agent, 0 to 10,000; in an exception, of each for whom it is.",
    ),
    ("retrieveTotalAgentQuota.group", "The group whose members it is for: `customers/{customer}/groups/{group}`."),
    (
        "retrieveTotalAgentQuota.overriddenAgents",
        "Exceptions: a user's own counts first, then that of the first group that holds them.",
    ),
    ("retrieveTotalAgentQuota.user", "The user whom it is for: `customers/{customer}/users/{user}`."),
    ("retrieveTotalAgentQuota.evaluationPeriod", "One of the template's periods; absent: the one that holds now."),
    (
        "retrieveTotalAgentQuota.overrideTaskCompleteConfig",
        "How many conversations of each agent are evaluated, in place of what the template says.",
    ),
    ("retrieveTotalAgentQuota.usecaseName", "A usecase that the template must be for."),
    ("etag", "The version that is meant. Another one is ABORTED."),
    ("excludeCoachingPlanComment", "Whether to leave out the plans' comments."),
    ("excludeCoachingSessionsNoteAndComment", "Whether to leave out the sessions' notes and comments."),
    ("asJob", "Whether a job makes the file, however short it is."),
    ("exportProgresses.startTime", START_OF_PROGRESS),
    ("exportProgresses.endTime", END_OF_PROGRESS),
    ("exportProgresses.usecaseNames", USECASES_OF_PROGRESS),
    ("exportProgresses.scorecardTemplateNames", TEMPLATES_OF_PROGRESS),
    ("exportOverviews.startTime", START_OF_OVERVIEWS),
    ("exportOverviews.endTime", END_OF_OVERVIEWS),
    ("exportOverviews.usecaseNames", USECASES_OF_OVERVIEWS),
    ("exportOverviews.scorecardTemplateNames", TEMPLATES_OF_OVERVIEWS),
    ("exportSessions.startUpdateTime", SESSIONS_CHANGED_FROM),
    ("exportProgresses.layout", "What a row of a table is: `ROW_PER_AGENT`, the default, or `ROW_PER_TARGET`."),
    ("exportScorecards.endTime", "Only created before this, at most 3660 days after `startTime`."),
    ("format", "The form of the file: `CSV`, the default, or `NDJSON`."),
    (
        "exportScorecards.includeDeactivatedUsers",
        "Whether to export scorecards too of users who are not active, or no longer in the directory.",
    ),
    ("exportScorecards.layout", "What a row of a table is: `ROW_PER_SCORECARD`, the default, or `ROW_PER_SCORE`."),
    ("omitByteOrderMark", "Whether a table begins without a byte order mark."),
    ("rawText", "Whether texts of a table stay as they are, even if a spreadsheet takes them for formulas."),
    (
        "exportScorecards.scorecardNames",
        "Only these scorecards, `customers/{customer}/profiles/{profile}/scorecards/{scorecard}`; empty: all.",
    ),
    (
        "exportScorecards.scorecardTemplateNames",
        "Only scorecards of these templates, in every revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`; empty: of all.",
    ),
    ("exportScorecards.startTime", "Only created from this on."),
    ("exportScorecards.submittedOnly", "Whether to leave out drafts."),
    ("exportScorecards.teamNames", "Must be empty: teams are not kept."),
    ("timeZoneId", "The time zone of the times in a table, of the IANA database; by default UTC."),
    ("timeZoneOffset", "Their offset from UTC, such as `+05:30`, if `timeZoneId` is absent."),
    ("force", "Whether to delete also what hangs on the plan: its sessions, comments and targets."),
    ("groupNames", "Only the members of these groups, `customers/{customer}/groups/{group}`, and `agentUserNames`."),
    ("groups", "The groups to create or replace, each name once."),
    (
        "includeCoachingSessions",
        "Whether each plan has its newest sessions, up to 100; a page then has at most 50 plans.",
    ),
    ("include", "What the answer has beside: `displayNames`, the display names of the users that it names."),
    (
        "includeCriteriaWithoutTarget",
        "Whether agents, and the team, also have the criteria that they were scored on and have no target for.",
    ),
    ("includeTeam", "Whether the first page also has all agents of the request together."),
    ("includeDeactivated", "Whether to list templates too that are out of use."),
    ("includeDeleted", "Whether to list templates too that were deleted."),
    ("includeDevUsers", "Whether test users are among the agents."),
    ("includeInactive", "Whether those are listed too who do not work here now."),
    ("listGroups.managerUserName", "Only groups that this user leads: `customers/{customer}/users/{user}`."),
    ("listSessions.creatorUserName", "Only created by this user: `customers/{customer}/users/{user}`."),
    (
        "listSessions.groupNames",
        "Only of the members of these groups, `customers/{customer}/groups/{group}`, without those of sub-groups; at most 20.",
    ),
    (
        "listSessions.orderBy",
        "`ORDER_BY_SESSION_TIME`: the latest `sessionTime` first, without sessions that have none. Absent: the newest first, or by a range of time.",
    ),
    ("listUsers.includeDevUsers", "Whether test users are listed too."),
    ("listUsers.profileName", "Only who work in this profile, or in all: `customers/{customer}/profiles/{profile}`."),
    ("listUsers.roles", "Only with any of these roles."),
    ("includeInactiveUsers", "Whether those are among the agents who do not work here now."),
    ("includeIndirectGroupMembers", "Whether members of sub-groups are members of `groupNames`."),
    ("kinds", "Only of any of these kinds."),
    ("includeTotals", "Whether `totals` are told in any case: then everyone who is asked for is counted."),
    ("listPlans.agentUserName", "As one more of `agentUserNames`."),
    ("listPlans.focusCriteria", "Only plans that work on any of these."),
    ("listPlans.isActive", "Only plans that are being worked on, or only those that are not."),
    ("listScorecards.templateName", "Only of this template: of the revision that it names, or of every one."),
    (
        "listTemplates.agentUserName",
        "Only templates whose audience holds this user, or is everyone: `customers/{customer}/users/{user}`.",
    ),
    ("listTemplates.types", "Only of any of these types."),
    ("listTemplates.usecaseNames", "Only templates for any of these usecases, or for all usecases."),
    ("name", "The name of the session, plan, comment or scorecard, also of one that is deleted."),
    ("orderBy", "What the list is sorted by."),
    ("orderDirection", "Whether values go up (the default) or down."),
    ("overdue", "Only those that are overdue, or only those that are not."),
    ("pageSize", "The most entries of the page: 50 if absent or 0; more than 1000 are as 1000."),
    (
        "pageToken",
        "The `nextPageToken` of the page before, of the same request by the same agent or a caller of the same role. Absent: the first page.",
    ),
    ("qaScore", "Of the reference's target, not kept here."),
    (
        "query",
        "Only those whose display name has a word that begins with this. A text of several words finds names that have them one after the other. Case, marks and what separates words make no difference. At most 64 bytes, with a letter or a digit.",
    ),
    (
        "requestId",
        "A UUID of the client's own: repeated within a day, the request answers as it first did and creates nothing.",
    ),
    ("retrieveProgress.endTime", END_OF_PROGRESS),
    ("retrieveProgress.startTime", START_OF_PROGRESS),
    ("retrieveOverviews.endTime", END_OF_OVERVIEWS),
    ("retrieveOverviews.startTime", START_OF_OVERVIEWS),
    ("retrieveOverviews.usecaseNames", USECASES_OF_OVERVIEWS),
    ("retrieveOverviews.scorecardTemplateNames", TEMPLATES_OF_OVERVIEWS),
    ("retrieveProgress.usecaseNames", USECASES_OF_PROGRESS),
    ("retrieveProgress.scorecardTemplateNames", TEMPLATES_OF_PROGRESS),
    (
        "listTargets.scorecardTemplateNames",
        "Only of these templates, without a revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}`; empty: of all.",
    ),
    ("scorecards", "The scorecards to create or replace, each name once."),
    ("sessionTimeRange", "Only sessions of this time."),
    (
        "startSessionTime",
        "Only with a `sessionTime` from this on. A range of it, without an agent and a plan, has the latest first.",
    ),
    ("startSubmitTime", "Only with a `submitTime` from this on."),
    ("startTimestamp", "Only sessions with a `sessionTime` from this on."),
    ("startUpdateTime", "Only with an `updateTime` from this on."),
    ("listSessions.startUpdateTime", SESSIONS_CHANGED_FROM),
    ("states", "Only in any of these states."),
    ("submitterUserNames", "Only submitted by these users, `customers/{customer}/users/{user}`."),
    ("threadIds", "Only of these threads."),
    (
        "triggers",
        "Only with a criterion that has any of these triggers, `customers/{customer}/profiles/{profile}/moments/{moment}`.",
    ),
    (
        "suggestOpportunities.agentUserNames",
        "These agents, `customers/{customer}/users/{user}`, and the members of `groupNames`: at least one, at most 1000 people; with `includeEvidence`, 20; and so many that they times the limits are at most 9000.",
    ),
    ("startBackfill.agentUserNames", "Only of these agents, `customers/{customer}/users/{user}`; empty: of all."),
    ("startBackfill.config", "Which scorecards are re-scored, and how."),
    ("startBackfill.endTime", "Only scorecards created before this, at most 3660 days after `startTime`."),
    ("startBackfill.excludeAcknowledged", "Whether to leave out scorecards that their agents have acknowledged."),
    (
        "startBackfill.fingerprint",
        "That of a validation: the job fails, and writes nothing, unless just the scorecards move that were found then.",
    ),
    (
        "startBackfill.onMaximumChange",
        "What becomes of a number whose criterion has another maximum in the revision: `REFUSE`, the default, leaves the scorecard as it is, and `SCALE` makes it the same part of the new maximum.",
    ),
    (
        "startBackfill.scorecardTemplates",
        "The templates, each once, with the revision to move to; without one, to the current revision.",
    ),
    ("startBackfill.startTime", "Only scorecards created from this on."),
    (
        "startBackfill.usecaseNames",
        "Only of these usecases, `customers/{customer}/profiles/{profile}/usecases/{usecase}`; empty: of all.",
    ),
    (
        "suggestOpportunities.startTime",
        "When the window starts, rounded down to a day, UTC; by default 7 days before its end.",
    ),
    (
        "suggestOpportunities.endTime",
        "When the window ends, rounded up to a day, UTC; by default now. At most 400 days.",
    ),
    ("suggestOpportunities.usecaseNames", "The usecases whose scores are compared."),
    (
        "suggestOpportunities.scorecardTemplateNames",
        "Only criteria of these templates, in every revision, with `@*` or without: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@*`; empty: of all.",
    ),
    (
        "retrieveSeries.agentUserNames",
        "Of these agents, `customers/{customer}/users/{user}`, and the members of `groupNames`: at most 100 people.",
    ),
    (
        "retrieveSeries.groupNames",
        "Of the members of these groups, `customers/{customer}/groups/{group}`, and `agentUserNames`.",
    ),
    (
        "retrieveSeries.startTime",
        "When the window starts, rounded down to a day, UTC; by default 30 days before its end.",
    ),
    (
        "retrieveSeries.endTime",
        "When the window ends, rounded up to a day, UTC; by default with today. At most 400 days.",
    ),
    ("retrieveSeries.usecaseNames", "The usecases whose scores are answered, each by itself."),
    ("includeEveryone", "Also the scores of everyone in the profile together; refused for an agent."),
    ("criteria", "Whose scores are answered, for each usecase."),
    ("granularity", "How the window is cut; absent: into days."),
    ("opportunityConfig", "Which opportunities are suggested."),
    ("enabledTypes", "The types to suggest; empty, or with the unspecified one: every type."),
    ("avgPerformerOpportunitiesLimit", "The most of an agent that compare with everyone; absent or 0: 3."),
    ("orgTargetOpportunitiesLimit", "The most of an agent that compare with a target; absent or 0: 3."),
    (
        "downwardTrendOpportunitiesLimit",
        "The most of an agent that compare with what they scored before; absent or 0: 3.",
    ),
    ("minimumScorecardCount", "The least number of scorecards behind each mean; absent or 0: 5."),
    ("minimumGap", "The least gap, in percentage points with at most two decimals; absent: 5."),
    ("includeEvidence", "Whether each opportunity has the scorecards that show it best."),
    ("view", "Whether each template has its `stats` and, except for agents, its `resolvedAudience`. Unspecified: not."),
    ("updateMask", "Which fields change, separated by commas; `*`: all that may. Absent: those that are present."),
    ("usecaseNames", "Only of these usecases, `customers/{customer}/profiles/{profile}/usecases/{usecase}`."),
    ("usecases", "The usecases to create or replace, each name once."),
    ("users", "The users to create or replace, each name once."),
    ("validateBackfill.agentUserNames", "Only of these agents, `customers/{customer}/users/{user}`; empty: of all."),
    ("validateBackfill.asJob", "Whether a job finds out, however few scorecards there are."),
    ("validateBackfill.config", "Which scorecards would be re-scored, and how."),
    ("validateBackfill.endTime", "Only scorecards created before this, at most 3660 days after `startTime`."),
    ("validateBackfill.excludeAcknowledged", "Whether to leave out scorecards that their agents have acknowledged."),
    (
        "validateBackfill.onMaximumChange",
        "What becomes of a number whose criterion has another maximum in the revision: `REFUSE`, the default, leaves the scorecard as it is, and `SCALE` makes it the same part of the new maximum.",
    ),
    (
        "validateBackfill.scorecardTemplates",
        "The templates, each once, with the revision to move to; without one, to the current revision.",
    ),
    ("validateBackfill.startTime", "Only scorecards created from this on."),
    (
        "validateBackfill.usecaseNames",
        "Only of these usecases, `customers/{customer}/profiles/{profile}/usecases/{usecase}`; empty: of all.",
    ),
];

/// Describes the fields of one operation's request.
pub struct Words<'a> {
    /// The operation's id.
    pub operation_id: &'a str,
    /// Whether the request filters a list.
    pub filters: bool,
    /// The schemas of answers, by name.
    pub schemas: &'a BTreeMap<String, Value>,
    /// The entries of [`FIELDS`] that were used.
    pub used: &'a RefCell<BTreeSet<&'static str>>,
    /// The fields without a description.
    pub unknown: &'a RefCell<BTreeSet<String>>,
}

impl<'a> Words<'a> {
    /// The description of `field`, and the schema of an answer with its inner fields. `answer` is the schema of the
    /// object around the field, or of the whole answer.
    pub fn describe(&self, field: &Field, answer: &'a Value) -> (String, &'a Value) {
        let own = self.entry(&format!("{}.{}", self.operation_id, field.name));
        let general = || self.entry(&field.name).map(str::to_owned);
        let answered = self.property(&field.name, answer);
        let of_answer = || answered.and_then(|property| Some(property["description"].as_str()?.to_owned()));
        let text = own.map(str::to_owned);
        let text = match self.filters {
            true => text.or_else(general).or_else(of_answer),
            false => text.or_else(of_answer).or_else(general),
        };
        let mut text = text.unwrap_or_else(|| {
            self.unknown.borrow_mut().insert(format!("{}.{}", self.operation_id, field.name));
            String::new()
        });
        match &field.kind {
            Kind::Text { max_bytes: Some(bytes) } | Kind::Title { max_bytes: bytes } if !text.contains("at most") => {
                text.push_str(&format!(" At most {bytes} bytes of UTF-8."))
            }
            Kind::AnyObject { max_bytes } if !text.contains("at most") => {
                text.push_str(&format!(" At most {max_bytes} bytes of JSON."))
            }
            Kind::Dropped => text.push_str(" Dropped: the service says what it is."),
            _ => {}
        }
        (text, answered.unwrap_or(answer))
    }

    fn entry(&self, name: &str) -> Option<&'static str> {
        let (name, text) = FIELDS.iter().find(|(known, _)| *known == name)?;
        self.used.borrow_mut().insert(name);
        Some(text)
    }

    /// The property `name` of `answer`, or else of the nearest schema that it refers to.
    fn property(&self, name: &str, answer: &'a Value) -> Option<&'a Value> {
        let mut level = vec![answer];
        for _ in 0..5 {
            let resolved: Vec<&Value> = level.iter().filter_map(|schema| self.resolve(schema)).collect();
            if let Some(property) = resolved.iter().find_map(|schema| schema["properties"].get(name)) {
                return Some(property);
            }
            let properties = resolved.iter().filter_map(|schema| schema["properties"].as_object());
            level = properties.flat_map(serde_json::Map::values).collect();
        }
        None
    }

    /// The object that `schema` is, refers to, or lists.
    fn resolve(&self, schema: &'a Value) -> Option<&'a Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.schemas.get(name);
        }
        if schema["type"] == "array" {
            return self.resolve(&schema["items"]);
        }
        Some(schema)
    }
}
