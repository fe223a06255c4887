//! Scorecards: one conversation of an agent, scored against a revision of a template.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::change::{Author, Change, Document, Hidden};
use crate::etag::etag_of;
use crate::exact::{ExactMean, ExactScore};
use crate::identity::{Caller, Role};
use crate::json::Json;
use crate::message;
use crate::message::{Field, Place};
use crate::names::{CoachingPlanId, ConversationId, Revision, ScorecardId, ScorecardTemplateId, UsecaseId, UserId};
use crate::outline::Kind;
use crate::references::{Owners, References};
use crate::rescore::{Rescore, SetAside};
use crate::rules::{
    Any, Distinct, Double, Dropped, Enumeration, Fixed, Flag, Imported, List, One, OneOf, Past, Patch,
    TemplateRevision, Text,
};
use crate::statistics::{Contribution, WHOLE_SCORECARD, day_of, units_of};
use crate::template::{MAX_NUMBER, ScorecardTemplate};
use crate::timestamp::{Timestamp, creation};
use crate::values::{MAX_TEXT_BYTES, MAX_TITLE_BYTES};
use crate::{Error, Id, Reason, Tenant, Version, Violations, counted};

/// The most scores of one scorecard: a template has at most this many criteria.
pub const MAX_SCORES: usize = 200;
/// The most bytes that the texts among the scores of one scorecard take together, as JSON strings, which is how they
/// are stored. With two comments they stay below the 400 KB of a DynamoDB item.
pub const MAX_SCORE_TEXTS_BYTES: usize = 128 * 1024;
/// The most plans that a scorecard is linked to.
pub const MAX_PLANS: usize = 20;
/// The most bytes of a process's id.
const MAX_PROCESS_ID_BYTES: usize = 256;
/// The most bytes of what a client relates a scorecard to.
const MAX_REFERENCE_BYTES: usize = 128;

/// A scorecard as it is stored. Without a `submit_time` it is a draft, and counts nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    /// Its id.
    pub id: ScorecardId,
    /// The number of times it was written; each write is conditional on it.
    pub version: Version,
    /// The conversation; only a scorecard of a process may lack it.
    pub conversation: Option<ConversationId>,
    /// The process that is scored, instead of or beside a conversation.
    pub process: Option<Process>,
    /// The agent in the conversation.
    pub agent: UserId,
    /// The template.
    pub template: ScorecardTemplateId,
    /// The revision of the template.
    pub revision: u32,
    /// The usecase whose statistics it counts in.
    pub usecase: UsecaseId,
    /// The scores, by the criterion's number in the template.
    pub scores: BTreeMap<u32, Score>,
    /// Plans that it is linked to.
    pub plans: Vec<CoachingPlanId>,
    /// A comment on the whole, at most 64 KiB.
    pub comment: Option<String>,
    /// What a client relates it to, at most 128 bytes; the service gives it no meaning.
    pub reference_id: Option<String>,
    /// Who made it.
    pub creator: UserId,
    /// Who last changed it.
    pub updated_by: UserId,
    /// Who submitted it.
    pub submitted_by: Option<UserId>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// When it was submitted; it counts on that day, UTC.
    pub submit_time: Option<Timestamp>,
    /// How it was submitted. `None` for a draft, and for one that was submitted before this was kept.
    pub submission_source: Option<SubmissionSource>,
    /// When the agent acknowledged it in its present form.
    pub acknowledge_time: Option<Timestamp>,
    /// The agent's comment on the last acknowledgement, at most 64 KiB.
    pub acknowledge_comment: Option<String>,
    /// When it was scored automatically.
    pub ai_score_time: Option<Timestamp>,
    /// Whether a person made or changed a score.
    pub manually_scored: bool,
    /// The scorecard that it calibrates: it scores the same once more, to compare those who score, and counts nowhere.
    pub calibrated: Option<ScorecardId>,
    /// How alike its scores are to those of the scorecard that it calibrates, in hundredths of a percent: from its
    /// submission on, unless no criterion was scored in either.
    pub consistency: Option<u32>,
    /// The number of scorecards that calibrate it. The store counts them, beside the version.
    pub calibrations: u64,
    /// Scores of criteria that its revision does not have, by number. They count nowhere.
    pub set_aside: BTreeMap<u32, SetAside>,
    /// When and how it was last re-scored.
    pub rescore: Option<Rescore>,
}

/// A process that is scored, such as an order that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Its id, 1 to 256 bytes.
    pub id: String,
    /// When the interaction took place.
    pub interaction_time: Timestamp,
}

/// What a scorecard scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScorecardKind)]
pub enum ScorecardType {
    /// A conversation.
    #[serde(rename = "SCORECARD_TYPE_CONVERSATION")]
    Conversation,
    /// A process.
    #[serde(rename = "SCORECARD_TYPE_PROCESS")]
    Process,
    /// What another scorecard scores, to compare those who score.
    #[serde(rename = "SCORECARD_TYPE_CALIBRATION")]
    Calibration,
}

impl ScorecardType {
    /// As it is sent, such as `SCORECARD_TYPE_PROCESS`.
    pub fn name(self) -> &'static str {
        let of_type = <Option<Self>>::VALUES.iter().find(|(_, value)| *value == Some(self));
        of_type.map_or("", |(name, _)| name)
    }
}

/// A request may leave it open.
impl Enumeration for Option<ScorecardType> {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("SCORECARD_TYPE_UNSPECIFIED", None),
        ("SCORECARD_TYPE_CONVERSATION", Some(ScorecardType::Conversation)),
        ("SCORECARD_TYPE_PROCESS", Some(ScorecardType::Process)),
        ("SCORECARD_TYPE_CALIBRATION", Some(ScorecardType::Calibration)),
    ];
}

/// How a scorecard was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScorecardSubmissionSource)]
pub enum SubmissionSource {
    /// By a manager or an admin, with `:submit`.
    #[serde(rename = "SCORECARD_SUBMISSION_SOURCE_MANUAL")]
    Manual,
    /// By a customer's own system, or loaded with a `submitTime`; a person made or changed a score.
    #[serde(rename = "SCORECARD_SUBMISSION_SOURCE_IMPORT")]
    Import,
    /// In the same way, but no person made or changed a score.
    #[serde(rename = "SCORECARD_SUBMISSION_SOURCE_AUTOMATIC")]
    Automatic,
}

impl SubmissionSource {
    /// The sources by the texts that they are stored as.
    pub const STORED: [(&'static str, Self); 3] =
        [("manual", Self::Manual), ("import", Self::Import), ("automatic", Self::Automatic)];

    /// The source of what a system submits.
    fn of_system(manually_scored: bool) -> Self {
        if manually_scored { Self::Import } else { Self::Automatic }
    }
}

/// The score of one criterion.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// Between 0 and the criterion's maximum.
    Numeric(f64),
    /// A text, which is left out of every mean.
    Text(String),
    /// The criterion does not apply, and is left out of every mean.
    NotApplicable,
}

/// The totals of a scorecard's scores, exactly.
#[derive(Debug, Clone)]
pub struct Totals {
    /// For the whole scorecard; `None` if nothing applies.
    pub whole: Option<ExactScore>,
    /// Whether a failed auto-fail criterion made the whole zero.
    pub auto_failed: bool,
    /// For each chapter and criterion that applies, by number.
    pub parts: Vec<(u32, ExactScore)>,
}

impl Scorecard {
    /// Whether it equals `other`, apart from the version, the creation, the last change, and how it was submitted.
    pub fn same_as(&self, other: &Self) -> bool {
        let Self { version, updated_by, update_time, create_time, creator, submission_source, .. } = self.clone();
        *self == Self { version, updated_by, update_time, create_time, creator, submission_source, ..other.clone() }
    }

    /// Whether it reads the same to an agent as `other`: that is what they acknowledge.
    fn reads_as(&self, other: &Self) -> bool {
        (&self.template, self.revision, &self.scores, &self.comment)
            == (&other.template, other.revision, &other.scores, &other.comment)
    }

    /// The scorecard as it replaces `before`. A submitted one sent without an acknowledgement keeps the agent's; if it
    /// reads differently, or is submitted later than the acknowledgement, it keeps only the agent's comment.
    #[must_use]
    pub fn over(mut self, before: &Self) -> Self {
        let sent = self.acknowledge_time.is_some() || self.acknowledge_comment.is_some();
        if let Some(submitted) = self.submit_time.filter(|_| !sent) {
            let stands = before.acknowledge_time.filter(|time| self.reads_as(before) && submitted <= *time);
            self.acknowledge_time = stands;
            self.acknowledge_comment.clone_from(&before.acknowledge_comment);
        }
        self.consistency = before.consistency.filter(|_| self.submit_time.is_some());
        self.calibrations = before.calibrations;
        if self.reads_as(before) {
            self.set_aside.clone_from(&before.set_aside);
        }
        self.rescore.clone_from(&before.rescore);
        self
    }

    /// Whether it exists for `caller`: for an agent, only their own, once it is submitted, and no calibration.
    pub fn is_there_for(&self, caller: &Caller) -> bool {
        caller.role() != Role::Agent || (self.counted_at().is_some() && self.agent == *caller.user())
    }

    /// What it scores.
    pub fn scorecard_type(&self) -> ScorecardType {
        match (&self.calibrated, &self.process) {
            (Some(_), _) => ScorecardType::Calibration,
            (None, Some(_)) => ScorecardType::Process,
            (None, None) => ScorecardType::Conversation,
        }
    }

    /// Whether it is a calibration: a second scorecard of what another scores, to compare those who score.
    pub fn is_calibration(&self) -> bool {
        self.calibrated.is_some()
    }

    /// When it counts, in statistics, in quotas and as a scorecard of its plans: from its submission on. `None` for a
    /// draft, and for a calibration, which counts nowhere.
    pub fn counted_at(&self) -> Option<Timestamp> {
        self.submit_time.filter(|_| !self.is_calibration())
    }

    /// Whether `template` is the revision that it was made from.
    pub fn is_made_from(&self, template: &ScorecardTemplate) -> bool {
        self.template == template.id && self.revision == template.revision
    }

    /// The totals of its scores under `template`, the revision that it was made from.
    pub fn totals(&self, template: &ScorecardTemplate) -> Totals {
        let mut whole = ExactMean::default();
        let mut parts = Vec::new();
        let mut auto_failed = false;
        for chapter in &template.chapters {
            let mut of_chapter = ExactMean::default();
            for criterion in &chapter.criteria {
                let Some(number) = template.number_of(&criterion.id) else { continue };
                let Some(Score::Numeric(value)) = self.scores.get(&number) else { continue };
                auto_failed |= criterion.auto_fail && *value == 0.0;
                parts.extend(ExactScore::of(*value, criterion.maximum_value).map(|score| (number, score)));
                of_chapter.add(*value, criterion.maximum_value, criterion.weight_thousandths);
                whole.add(*value, criterion.maximum_value, criterion.weight_thousandths);
            }
            parts.extend(template.number_of(&chapter.id).zip(of_chapter.mean()));
        }
        let whole = whole.mean().map(|mean| if auto_failed { ExactScore::zero() } else { mean });
        Totals { whole, auto_failed, parts }
    }

    /// Its contribution to the statistics of its agent; `None` if it does not count, or if nothing applies.
    pub fn contribution(&self, template: &ScorecardTemplate) -> Option<Contribution> {
        let day = day_of(self.counted_at()?);
        let totals = self.totals(template);
        let mut scores = vec![(WHOLE_SCORECARD, units_of(&totals.whole?))];
        scores.extend(totals.parts.iter().map(|(number, score)| (*number, units_of(score))));
        Some(Contribution { template: self.template.clone(), day, scores })
    }

    /// Submits it as `caller` at `now`; a submitted one stays as it is.
    pub fn submit(&mut self, caller: &Caller, now: Timestamp) {
        if self.submit_time.is_none() {
            self.submit_time = Some(now);
            self.submission_source = Some(match caller.role() {
                Role::Service => SubmissionSource::of_system(self.manually_scored),
                Role::Agent | Role::Manager | Role::Admin => SubmissionSource::Manual,
            });
            self.submitted_by = Some(caller.user().clone());
            self.changed(caller, now);
        }
    }

    /// Makes it a draft again, without submission and acknowledgement; a draft stays as it is.
    pub fn reset(&mut self, caller: &Caller, now: Timestamp) {
        if self.submit_time.take().is_some() {
            self.submitted_by = None;
            self.submission_source = None;
            self.consistency = None;
            self.acknowledge_time = None;
            self.acknowledge_comment = None;
            self.changed(caller, now);
        }
    }

    /// Its etag (AIP-154).
    pub fn etag(&self) -> String {
        etag_of(self.version, self.update_time)
    }

    /// Links it to `plan`, or unlinks it; returns whether anything changed.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it is linked to [`MAX_PLANS`] others.
    pub fn link(
        &mut self,
        plan: &CoachingPlanId,
        linked: bool,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if self.plans.contains(plan) == linked {
            return Ok(false);
        }
        if linked && self.plans.len() >= MAX_PLANS {
            let message = format!("scorecardName: the scorecard is linked to {MAX_PLANS} plans, which is the most");
            return Err(Error::new(Reason::ScorecardPlansFull, message));
        }
        if linked {
            self.plans.push(plan.clone());
        } else {
            self.plans.retain(|one| one != plan);
        }
        self.changed(caller, now);
        Ok(true)
    }

    /// Acknowledges it as `caller` at `now`. The time of the first acknowledgement stays; a further one changes the
    /// comment.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it is a draft or a calibration.
    pub fn acknowledge(&mut self, comment: Option<String>, caller: &Caller, now: Timestamp) -> Result<(), Error> {
        if self.is_calibration() {
            return Err(Error::new(Reason::ScorecardIsCalibration, "a calibration is not acknowledged"));
        }
        if self.submit_time.is_none() {
            return Err(Error::new(
                Reason::ScorecardNotSubmitted,
                "the scorecard is a draft; it can be acknowledged once it is submitted",
            ));
        }
        if self.acknowledge_time.is_none() || self.acknowledge_comment != comment {
            self.acknowledge_time.get_or_insert(now);
            self.acknowledge_comment = comment;
            self.changed(caller, now);
        }
        Ok(())
    }

    /// Checks that `caller` may delete it: a manager only a draft, and nobody one that has calibrations.
    ///
    /// # Errors
    /// FAILED_PRECONDITION.
    pub fn check_deletion(&self, caller: &Caller) -> Result<(), Error> {
        if self.submit_time.is_some() && !caller.role().imports_history() {
            let message = "the scorecard is submitted; only a service or an admin deletes it; reset it first";
            return Err(Error::new(Reason::ScorecardSubmitted, message));
        }
        if self.calibrations > 0 {
            let message = format!(
                "the scorecard has {}; delete what calibrates it first",
                counted(self.calibrations, "calibration")
            );
            return Err(Error::new(Reason::ScorecardCalibrated, message).with("count", self.calibrations.to_string()));
        }
        Ok(())
    }

    fn changed(&mut self, caller: &Caller, now: Timestamp) {
        self.updated_by = caller.user().clone();
        self.update_time = now;
    }
}

/// Hundredths of a percentage point as percent, for the wire.
pub fn percent(hundredths: u32) -> f64 {
    f64::from(hundredths) / 100.0
}

message! {
    /// A request to create or replace a scorecard. A repeated request is recognised by its serialised form.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewScorecard, checked as SentScorecard {
        /// The id chosen by the client.
        pub id: Option<ScorecardId> = "name",
        /// The scorecard that it calibrates.
        pub calibrated: Option<ScorecardId> = "calibratedScorecardName",
        scorecard_type: Option<OneOf<Option<ScorecardType>>> = "scorecardType",
        process_id: Option<Text<MAX_PROCESS_ID_BYTES>> = "processId",
        process_interaction_time: Option<Past> = "processInteractionTime",
        conversation: Option<ConversationId> = "conversationName",
        agent: UserId = "agentUserName",
        template: TemplateRevision<One> = "templateName",
        usecase: Option<UsecaseId> = "usecaseName",
        scores: Scores = "scores",
        plans: Distinct<CoachingPlanId, MAX_PLANS> = "coachingPlanNames",
        comment: Option<Text<MAX_TEXT_BYTES>> = "comment",
        reference_id: Option<Text<MAX_REFERENCE_BYTES>> = "referenceScorecardId",
        ai_score_time: Option<Past> = "aiScoreTime",
        create_time: Imported<Option<Timestamp>> = "createTime",
        update_time: Imported<Option<Timestamp>> = "updateTime",
        submit_time: Imported<Option<Timestamp>> = "submitTime",
        acknowledge_time: Imported<Option<Timestamp>> = "acknowledgeTime",
        acknowledge_comment: Imported<Option<Text<MAX_TEXT_BYTES>>> = "acknowledgeComment",
        creator: Imported<Option<NamedUser>> = "creator",
        submitted_by: Imported<Option<NamedUser>> = "submittedBy",
        manually_scored: Imported<Option<bool>> = "manuallyScored",
    }
}

message! {
    /// A user in a scorecard that a client sends.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    struct NamedUser {
        id: UserId = "name",
    }
}

message! {
    /// One score as a client sends it: by exactly one of the fields beside the criterion.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewScore, checked as SentScore {
        criterion_id: Text<MAX_TITLE_BYTES> = "criterionId",
        numeric_value: Option<Double<0, MAX_NUMBER>> = "numericValue",
        text_value: Option<Text<MAX_TITLE_BYTES>> = "textValue",
        not_applicable: Flag = "notApplicable",
    }
}

impl SentScore {
    fn check(&mut self, place: &mut Place<'_>) {
        let scores = [self.numeric_value.is_some(), self.text_value.is_some(), self.not_applicable];
        let is_one_bad = ["numericValue", "textValue", "notApplicable"].iter().any(|field| place.is_noted(field));
        if scores.iter().filter(|is_sent| **is_sent).count() != 1 && !is_one_bad {
            let fault = "exactly one of numericValue, textValue and notApplicable must be set";
            place.refuse_field("numericValue", fault);
        }
    }
}

impl NewScore {
    /// The criterion's id and its score.
    fn into_score(self) -> (String, Score) {
        let score = match (self.numeric_value, self.text_value) {
            (Some(value), _) => Score::Numeric(value),
            (None, Some(text)) => Score::Text(text),
            (None, None) => Score::NotApplicable,
        };
        (self.criterion_id, score)
    }
}

/// The scores of a scorecard, whose texts take at most [`MAX_SCORE_TEXTS_BYTES`].
#[derive(Debug)]
pub struct Scores;

type ScoreList = List<NewScore, MAX_SCORES>;

impl Field for Scores {
    type Value = Vec<NewScore>;
    type Read = Vec<NewScore>;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Vec<NewScore> {
        let scores = ScoreList::read(json, place);
        let texts = scores.iter().filter_map(|score| score.text_value.as_deref());
        let bytes: usize = texts.map(|text| Value::from(text).to_string().len()).sum();
        if bytes > MAX_SCORE_TEXTS_BYTES {
            place.refuse::<()>(format_args!(
                "texts must take at most {MAX_SCORE_TEXTS_BYTES} bytes together, as JSON strings, and take {bytes}"
            ));
        }
        scores
    }

    fn kind() -> Kind {
        ScoreList::kind()
    }
}

impl SentScorecard {
    fn check(&mut self, place: &mut Place<'_>) {
        if !self.check_type(place) && self.conversation.is_none() {
            place.refuse_field("conversationName", "is required");
        }
        self.check_times(place);
        for (field, is_sent) in [
            ("acknowledgeTime", self.acknowledge_time.is_some()),
            ("acknowledgeComment", self.acknowledge_comment.is_some()),
        ] {
            if is_sent && self.calibrated.is_some() {
                place.refuse_field(field, "must be absent: a calibration is not acknowledged");
            }
        }
    }

    /// Checks that it has a process if its type asks for one. Returns whether it is of a process; a calibration is, if
    /// it has one.
    fn check_type(&mut self, place: &mut Place<'_>) -> bool {
        // It follows from the rest, so that a repeat is recognised without it.
        let scorecard_type = self.scorecard_type.take().flatten();
        let calibrates = self.calibrated.is_some();
        match scorecard_type {
            Some(ScorecardType::Conversation | ScorecardType::Process) if calibrates => {
                let fault = "must be SCORECARD_TYPE_CALIBRATION or absent, with calibratedScorecardName";
                place.refuse_field("scorecardType", fault);
            }
            Some(ScorecardType::Calibration) if !calibrates => {
                place.refuse_field("calibratedScorecardName", "is required for SCORECARD_TYPE_CALIBRATION");
            }
            _ => {}
        }
        let sent = [
            ("processId", self.process_id.is_some()),
            ("processInteractionTime", self.process_interaction_time.is_some()),
        ];
        let is_of_process = match scorecard_type {
            _ if calibrates => sent.iter().any(|(_, is_sent)| *is_sent),
            scorecard_type => scorecard_type == Some(ScorecardType::Process),
        };
        for (field, is_sent) in sent {
            match (is_of_process, is_sent) {
                (true, false) => place.refuse_field(field, "is required for SCORECARD_TYPE_PROCESS"),
                (false, true) => {
                    place.refuse_field(field, "is only for SCORECARD_TYPE_PROCESS, and for its calibrations");
                }
                _ => {}
            }
        }
        is_of_process
    }

    /// Checks that no time is in the future or before that of the preceding step. An imported scorecard without a
    /// `createTime` was created at the earliest of its times.
    fn check_times(&mut self, place: &mut Place<'_>) {
        let updated = ("updateTime", self.update_time);
        let submitted = ("submitTime", self.submit_time);
        let acknowledged = ("acknowledgeTime", self.acknowledge_time);
        for (field, time) in [("createTime", self.create_time), updated, submitted, acknowledged] {
            place.refuse_future(field, time);
        }
        self.create_time = creation(self.create_time, &[self.update_time, self.submit_time, self.acknowledge_time]);
        let created = ("createTime", self.create_time);
        place.refuse_before(updated, created);
        place.refuse_before(submitted, created);
        place.refuse_before(acknowledged, submitted);
        if self.acknowledge_time.is_some() && self.submit_time.is_none() {
            let fault = "must be absent without submitTime: a draft is not acknowledged";
            place.refuse_field("acknowledgeTime", fault);
        }
    }
}

impl NewScorecard {
    /// The template.
    pub fn template(&self) -> &ScorecardTemplateId {
        &self.template.0
    }

    /// The revision of the template; `None`: the current one.
    pub fn revision(&self) -> Option<u32> {
        if let Revision::Number(number) = self.template.1 { Some(number) } else { None }
    }

    /// Notes what `template` does not allow: scores of unknown criteria or above their maximum, and a missing usecase
    /// if the template is not for exactly one. `path` is the prefix of the fields' names.
    pub fn check(&self, template: &ScorecardTemplate, path: &str, violations: &mut Violations) {
        check_scores(&self.scores, template, path, violations);
        if self.usecase.is_none() && template.usecases.len() != 1 {
            violations.add(format!("{path}usecaseName"), "is required: the template is not for exactly one usecase");
        }
    }

    /// The resources that it names and that must exist, except the template. `path` is the prefix of the fields' names.
    pub fn references(&self, path: &str) -> References {
        References::default().usecases(&format!("{path}usecaseName"), &self.usecase)
    }

    /// The users whom it names, except the agent if the `replaced` scorecard has the same one, who may no longer be an
    /// agent. `path` is the prefix of the fields' names.
    pub fn people(&self, replaced: Option<&Scorecard>, path: &str, caller: &Caller) -> References {
        let imported = [("creator.name", &self.creator), ("submittedBy.name", &self.submitted_by)];
        let named = match replaced {
            Some(replaced) if replaced.agent == self.agent => References::default(),
            _ => {
                let imports = caller.role().imports_history();
                References::default().coached(format!("{path}agentUserName"), &self.agent, imports)
            }
        };
        imported.into_iter().fold(named, |named, (field, user)| {
            let user = user.iter().map(|user| &user.id);
            named.users(&format!("{path}{field}"), user.filter(|user| *user != caller.user()))
        })
    }

    /// The plans that it is linked to.
    pub fn plans(&self) -> &[CoachingPlanId] {
        &self.plans
    }

    /// Checks that the plans that it is linked to, except those of a scorecard that it replaces, are its agent's;
    /// `owners` holds what was found of [`Self::plans`]. `path` is the prefix of the fields' names.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for plans that do not exist; FAILED_PRECONDITION for another agent's.
    pub fn check_plans(
        &self,
        replaced: Option<&Scorecard>,
        path: &str,
        tenant: &Tenant,
        owners: &Owners,
    ) -> Result<(), Error> {
        let linked = replaced.filter(|replaced| replaced.agent == self.agent).map_or(&[][..], |one| &one.plans);
        let added = self.plans.iter().filter(|plan| !linked.contains(plan));
        check_plans(added, path, &self.agent, tenant, owners)
    }

    /// Notes it if it would make a scorecard of a process of `replaced`, which scores a conversation, or the other way round;
    /// what a calibration is of, the write checks. `path` is the prefix of the field's name.
    pub fn check_replaced(&self, replaced: Option<&Scorecard>, path: &str, violations: &mut Violations) {
        let replaced = replaced.filter(|replaced| self.calibrated.is_none() && !replaced.is_calibration());
        if replaced.is_some_and(|replaced| replaced.process.is_some() != self.process_id.is_some()) {
            violations.add(format!("{path}scorecardType"), "cannot change");
        }
    }

    /// The agent, usecase and time that it counts under, as far as known without its template.
    pub fn counted(&self) -> Option<(&UserId, &UsecaseId, Timestamp)> {
        let submit_time = self.submit_time.filter(|_| self.calibrated.is_none());
        Some((&self.agent, self.usecase.as_ref()?, submit_time?))
    }

    /// The scorecard that this request creates at `now` under `id`; [`NewScorecard::check`] found `template` to allow it.
    ///
    /// # Errors
    /// INTERNAL if it was not asked, and there is no usecase.
    pub fn into_scorecard(
        self,
        id: ScorecardId,
        template: &ScorecardTemplate,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Scorecard, Error> {
        let process = self.process_id.zip(self.process_interaction_time);
        let process = process.map(|(id, interaction_time)| Process { id, interaction_time });
        let usecase = self.usecase.or_else(|| template.usecases.first().cloned());
        let create_time = self.create_time.unwrap_or(now);
        let submitted_by =
            self.submitted_by.map(|user| user.id).or_else(|| self.submit_time.map(|_| caller.user().clone()));
        let latest = [Some(create_time), self.submit_time, self.acknowledge_time];
        let made_by_hand = !caller.role().imports_history() && !self.scores.is_empty();
        let manually_scored = self.manually_scored.unwrap_or(made_by_hand);
        Ok(Scorecard {
            id,
            version: Version::first(now),
            conversation: self.conversation,
            process,
            agent: self.agent,
            template: template.id.clone(),
            revision: template.revision,
            usecase: usecase.ok_or_else(|| Error::internal("a scorecard was checked and has no usecase"))?,
            manually_scored,
            scores: by_number(self.scores, template),
            plans: self.plans,
            comment: self.comment,
            reference_id: self.reference_id,
            creator: self.creator.map_or_else(|| caller.user().clone(), |user| user.id),
            updated_by: caller.user().clone(),
            submitted_by: self.submit_time.and(submitted_by),
            create_time,
            update_time: self.update_time.or_else(|| latest.into_iter().flatten().max()).unwrap_or(create_time),
            submit_time: self.submit_time,
            submission_source: self.submit_time.map(|_| SubmissionSource::of_system(manually_scored)),
            acknowledge_time: self.acknowledge_time,
            acknowledge_comment: self.acknowledge_comment,
            ai_score_time: self.ai_score_time,
            calibrated: self.calibrated,
            consistency: None,
            calibrations: 0,
            set_aside: BTreeMap::new(),
            rescore: None,
        })
    }
}

message! {
    /// An update of a scorecard: the fields that its body has.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct ScorecardUpdate {
        comment: Patch<Option<Text<MAX_TEXT_BYTES>>> = "comment",
        scores: Patch<Scores> = "scores",
        plans: Patch<Distinct<CoachingPlanId, MAX_PLANS>> = "coachingPlanNames",
        reference_id: Patch<Option<Text<MAX_REFERENCE_BYTES>>> = "referenceScorecardId",
        ai_score_time: Patch<Option<Timestamp>> = "aiScoreTime",
        scorecard_type: Fixed<OneOf<Option<ScorecardType>>> = "scorecardType",
        process_id: Fixed<Text<MAX_PROCESS_ID_BYTES>> = "processId",
        process_interaction_time: Fixed<Timestamp> = "processInteractionTime",
        calibrated: Fixed<ScorecardId> = "calibratedScorecardName",
        name: Fixed<ScorecardId> = "name",
        conversation: Fixed<ConversationId> = "conversationName",
        agent: Fixed<UserId> = "agentUserName",
        usecase: Fixed<UsecaseId> = "usecaseName",
        template: Fixed<TemplateRevision<Any>> = "templateName",
        _creator: Dropped = "creator",
        _total_score: Dropped = "totalScore",
        _consistency: Dropped = "calibrationConsistencyScore",
        _create_time: Dropped = "createTime",
        _update_time: Dropped = "updateTime",
        _submit_time: Dropped = "submitTime",
        _submission_source: Dropped = "submissionSource",
        _manually_scored: Dropped = "manuallyScored",
        _auto_failed: Dropped = "autoFailed",
        _acknowledge_time: Dropped = "acknowledgeTime",
        _acknowledge_comment: Dropped = "acknowledgeComment",
        _updated_by: Dropped = "updatedBy",
        _submitted_by: Dropped = "submittedBy",
        _rescore_time: Dropped = "rescoreTime",
    }
}

message! {
    /// A request to acknowledge a scorecard.
    #[derive(Debug)]
    pub struct ScorecardAcknowledgement {
        /// The agent's comment.
        pub comment: Option<Text<MAX_TEXT_BYTES>> = "acknowledgeComment",
    }
}

impl ScorecardUpdate {
    /// Notes the immutable fields that differ from those of `scorecard`.
    pub fn check_immutable(&self, scorecard: &Scorecard, violations: &mut Violations) {
        let of_template = |(template, revision): &(ScorecardTemplateId, Revision)| {
            *template == scorecard.template
                && match revision {
                    Revision::Number(number) => *number == scorecard.revision,
                    Revision::Current => true,
                    Revision::Every => false,
                }
        };
        let process = scorecard.process.as_ref();
        let scorecard_type = scorecard.scorecard_type();
        for (field, differs) in [
            ("name", self.name.as_ref().is_some_and(|new| new.as_ref() != Some(&scorecard.id))),
            ("scorecardType", self.scorecard_type.flatten().flatten().is_some_and(|new| new != scorecard_type)),
            ("conversationName", self.conversation.as_ref().is_some_and(|new| *new != scorecard.conversation)),
            (
                "processId",
                self.process_id.as_ref().is_some_and(|new| new.as_ref() != process.map(|process| &process.id)),
            ),
            (
                "processInteractionTime",
                self.process_interaction_time.is_some_and(|new| new != process.map(|process| process.interaction_time)),
            ),
            ("calibratedScorecardName", self.calibrated.as_ref().is_some_and(|new| *new != scorecard.calibrated)),
            ("agentUserName", self.agent.as_ref().is_some_and(|new| new.as_ref() != Some(&scorecard.agent))),
            ("usecaseName", self.usecase.as_ref().is_some_and(|new| new.as_ref() != Some(&scorecard.usecase))),
            ("templateName", self.template.as_ref().is_some_and(|new| !new.as_ref().is_some_and(of_template))),
        ] {
            if differs {
                violations.add(format!("scorecard.{field}"), "cannot change");
            }
        }
    }

    /// Notes the scores that `template` does not allow.
    pub fn check(&self, template: &ScorecardTemplate, path: &str, violations: &mut Violations) {
        check_scores(self.scores.as_deref().unwrap_or_default(), template, path, violations);
    }

    /// Applies the update to `scorecard` as `caller` at `now`; an update that changes nothing leaves no trace.
    pub fn apply(self, scorecard: &mut Scorecard, template: &ScorecardTemplate, caller: &Caller, now: Timestamp) {
        let before = scorecard.clone();
        if let Some(scores) = self.scores {
            scorecard.scores = by_number(scores, template);
            scorecard.manually_scored |= !caller.role().imports_history();
        }
        if let Some(comment) = self.comment {
            scorecard.comment = comment;
        }
        if let Some(plans) = self.plans {
            scorecard.plans = plans;
        }
        if let Some(reference_id) = self.reference_id {
            scorecard.reference_id = reference_id;
        }
        if let Some(time) = self.ai_score_time {
            scorecard.ai_score_time = time;
        }
        if !scorecard.reads_as(&before) {
            scorecard.acknowledge_time = None;
        }
        if *scorecard != before {
            scorecard.changed(caller, now);
        }
    }

    /// The plans that the update links.
    pub fn plans(&self) -> &[CoachingPlanId] {
        self.plans.as_deref().unwrap_or_default()
    }

    /// Checks that the plans that it adds to `scorecard` are its agent's; `owners` holds what was found of
    /// [`Self::plans`].
    ///
    /// # Errors
    /// As [`NewScorecard::check_plans`].
    pub fn check_plans(&self, scorecard: &Scorecard, tenant: &Tenant, owners: &Owners) -> Result<(), Error> {
        let added = self.plans().iter().filter(|plan| !scorecard.plans.contains(plan));
        check_plans(added, "scorecard.", &scorecard.agent, tenant, owners)
    }
}

/// Checks that `plans` are `agent`'s. `path` is the prefix of the field's name.
fn check_plans<'a>(
    plans: impl Iterator<Item = &'a CoachingPlanId>,
    path: &str,
    agent: &UserId,
    tenant: &Tenant,
    owners: &Owners,
) -> Result<(), Error> {
    let mut violations = Violations::default();
    let mut anothers = None;
    for plan in plans {
        let name = tenant.name_of(plan);
        match owners.of_plan(plan) {
            Some(owner) if owner == agent => {}
            Some(_) => anothers = Some(name),
            None => violations.add(format!("{path}coachingPlanNames"), format!("'{name}' does not exist")),
        }
    }
    violations.into_result()?;
    match anothers {
        None => Ok(()),
        Some(name) => Err(Error::new(
            Reason::ScorecardNotTheAgents,
            format!("{path}coachingPlanNames: '{name}' is not a plan of the scorecard's agent"),
        )),
    }
}

fn check_scores(scores: &[NewScore], template: &ScorecardTemplate, path: &str, violations: &mut Violations) {
    let mut seen = std::collections::HashSet::new();
    let criteria: BTreeMap<&str, f64> = template
        .chapters
        .iter()
        .flat_map(|chapter| &chapter.criteria)
        .map(|criterion| (criterion.id.as_str(), criterion.maximum_value))
        .collect();
    for (index, score) in scores.iter().enumerate() {
        let at = |field: &str| format!("{path}scores[{index}].{field}");
        match criteria.get(score.criterion_id.as_str()) {
            None => violations.add(at("criterionId"), "is no criterion of the template's revision"),
            Some(_) if !seen.insert(&score.criterion_id) => violations.add(at("criterionId"), "is scored twice"),
            Some(maximum) => {
                if let Some(value) = score.numeric_value
                    && !(0.0..=*maximum).contains(&value)
                {
                    violations.add(at("numericValue"), format!("must be from 0 to {maximum}"));
                }
            }
        }
    }
}

fn by_number(scores: Vec<NewScore>, template: &ScorecardTemplate) -> BTreeMap<u32, Score> {
    let scores = scores.into_iter().map(NewScore::into_score);
    scores.filter_map(|(criterion_id, score)| Some((template.number_of(&criterion_id)?, score))).collect()
}

/// A scorecard: one conversation of an agent, scored against a revision of a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Scorecard)]
pub struct ScorecardMessage<'a> {
    /// Its resource name: `customers/{customer}/profiles/{profile}/scorecards/{scorecard}`.
    name: String,
    /// What it scores. Left open: `SCORECARD_TYPE_CALIBRATION` with a `calibratedScorecardName`, else `SCORECARD_TYPE_CONVERSATION`. It never changes.
    scorecard_type: ScorecardType,
    /// The conversation that was scored: `customers/{customer}/profiles/{profile}/conversations/{conversation}`. Only a scorecard of a process may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_name: Option<String>,
    /// The process that was scored, 1 to 256 bytes; a scorecard of `SCORECARD_TYPE_PROCESS` has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    process_id: Option<&'a str>,
    /// When the interaction of the process took place; it is sent with `processId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    process_interaction_time: Option<Timestamp>,
    /// The agent who is scored: `customers/{customer}/users/{user}`.
    agent_user_name: String,
    /// Who made it.
    creator: UserMessage,
    /// The template revision that it was made from: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@{revision}`.
    template_name: String,
    /// A comment on the whole, at most 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    /// The weighted mean of the scores that apply, in percent, rounded once to two decimals; -1 if nothing applies.
    total_score: f64,
    /// The scores, in the order of the template.
    scores: Vec<ScoreMessage<'a>>,
    /// The scorecard that it calibrates, submitted, of the same agent, conversation, process and template revision: `customers/{customer}/profiles/{profile}/scorecards/{scorecard}`. It never changes. A calibration scores the same once more, to compare those who score. It counts nowhere, and agents do not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibrated_scorecard_name: Option<String>,
    /// How alike the scores of a submitted calibration are to those of the scorecard that it calibrates: the weighted mean over the criteria of 100 less the difference of the two scores in percent, rounded once to two decimals. A criterion that only one of the two scores by a number counts as 0; one that neither does is left out, and if all are, so is the field. It is made when the calibration is submitted and when its scores change after that, from the calibrated scorecard as it is at that moment. A later change, reset or new submission of the calibrated scorecard leaves it as it is: `:reset` and `:submit` of the calibration make it anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration_consistency_score: Option<f64>,
    /// What a client relates it to, at most 128 bytes; the service gives it no meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_scorecard_id: Option<&'a str>,
    /// Plans that it is linked to, at most 20.
    coaching_plan_names: Vec<String>,
    /// When it was made.
    create_time: Timestamp,
    /// When it was last changed.
    update_time: Timestamp,
    /// When it was submitted; it counts on that day, UTC. Absent: it is a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    submit_time: Option<Timestamp>,
    /// How it was submitted. Absent: it is a draft, or was submitted before the service kept this.
    #[serde(skip_serializing_if = "Option::is_none")]
    submission_source: Option<SubmissionSource>,
    /// When it was scored automatically.
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_score_time: Option<Timestamp>,
    /// Whether a person made or changed a score; absent: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    manually_scored: bool,
    /// Whether a failed auto-fail criterion made the total zero; absent: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    auto_failed: bool,
    /// When it was last re-scored: moved to another revision of its template by a backfill, with new totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    rescore_time: Option<Timestamp>,
    /// When the agent acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_time: Option<Timestamp>,
    /// The agent's comment on the acknowledgement, at most 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_comment: Option<&'a str>,
    /// The usecase whose statistics it counts in: `customers/{customer}/profiles/{profile}/usecases/{usecase}`.
    usecase_name: String,
    /// Who last changed it.
    updated_by: UserMessage,
    /// Who submitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_by: Option<UserMessage>,
    /// Opaque version, to send in `If-Match`.
    etag: String,
}

/// A user, by name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScorecardUser)]
pub(crate) struct UserMessage {
    /// `customers/{customer}/users/{user}`.
    pub(crate) name: String,
}

/// The score of one criterion: a number, a text, or not applicable.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Score)]
struct ScoreMessage<'a> {
    /// The criterion's id in the template.
    criterion_id: &'a str,
    /// The criterion's label.
    criterion_display_name: &'a str,
    /// The id of the criterion's chapter.
    chapter_id: &'a str,
    /// Between 0 and the criterion's maximum; absent: it was not scored by a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    numeric_value: Option<f64>,
    /// A text of at most 1 KiB, which is left out of every mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    text_value: Option<&'a str>,
    /// Whether the criterion does not apply, and is left out of every mean; absent: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    not_applicable: bool,
}

impl Scorecard {
    /// The scorecard as `tenant`'s clients read it; `template` is the revision that it was made from.
    ///
    /// `totalScore` is −1 if nothing applies (the reference).
    pub fn message<'a>(&'a self, tenant: &Tenant, template: &'a ScorecardTemplate) -> ScorecardMessage<'a> {
        let totals = self.totals(template);
        let user = |id: &UserId| UserMessage { name: tenant.name_of(id) };
        let criteria = template
            .chapters
            .iter()
            .flat_map(|chapter| chapter.criteria.iter().map(move |criterion| (chapter, criterion)));
        let scores = criteria.filter_map(|(chapter, criterion)| {
            let score = self.scores.get(&template.number_of(&criterion.id)?)?;
            Some(ScoreMessage {
                criterion_id: &criterion.id,
                criterion_display_name: &criterion.display_name,
                chapter_id: &chapter.id,
                numeric_value: if let Score::Numeric(value) = score { Some(*value) } else { None },
                text_value: if let Score::Text(text) = score { Some(text) } else { None },
                not_applicable: *score == Score::NotApplicable,
            })
        });
        ScorecardMessage {
            name: tenant.name_of(&self.id),
            scorecard_type: self.scorecard_type(),
            conversation_name: self.conversation.as_ref().map(|conversation| tenant.name_of(conversation)),
            process_id: self.process.as_ref().map(|process| process.id.as_str()),
            process_interaction_time: self.process.as_ref().map(|process| process.interaction_time),
            agent_user_name: tenant.name_of(&self.agent),
            creator: user(&self.creator),
            template_name: tenant.name_of_revision(&self.template, self.revision),
            comment: self.comment.as_deref(),
            total_score: totals.whole.map_or(-1.0, |whole| percent(whole.hundredths())),
            scores: scores.collect(),
            calibrated_scorecard_name: self.calibrated.as_ref().map(|scorecard| tenant.name_of(scorecard)),
            calibration_consistency_score: self.consistency.map(percent),
            reference_scorecard_id: self.reference_id.as_deref(),
            coaching_plan_names: self.plans.iter().map(|plan: &Id<_>| tenant.name_of(plan)).collect(),
            create_time: self.create_time,
            update_time: self.update_time,
            submit_time: self.submit_time,
            submission_source: self.submission_source,
            ai_score_time: self.ai_score_time,
            manually_scored: self.manually_scored,
            auto_failed: totals.auto_failed,
            rescore_time: self.rescore.as_ref().map(|rescore| rescore.time),
            acknowledge_time: self.acknowledge_time,
            acknowledge_comment: self.acknowledge_comment.as_deref(),
            usecase_name: tenant.name_of(&self.usecase),
            updated_by: user(&self.updated_by),
            submitted_by: self.submitted_by.as_ref().map(user),
            etag: self.etag(),
        }
    }
}

/// Fields of a scorecard that its history leaves out: they follow from the rest, or never change.
const BESIDE_HISTORY: [&str; 2] = ["name", "etag"];
/// Fields of a score that it leaves out: the template has them.
const BESIDE_SCORES: [&str; 2] = ["criterionDisplayName", "chapterId"];

impl Scorecard {
    /// The change from this scorecard to `after`, which comes with its template revision; `None` if both are drafts,
    /// whose changes are not recorded. It has only the scores that change, so that it is mostly small.
    pub fn change_to(
        &self,
        template: &ScorecardTemplate,
        after: (&Self, &ScorecardTemplate),
        tenant: &Tenant,
        author: Author<'_>,
    ) -> Option<Change> {
        let (after, of_after) = after;
        if self.submit_time.is_none() && after.submit_time.is_none() {
            return None;
        }
        let (mut before, mut after_it) = (self.document(tenant, template)?, after.document(tenant, of_after)?);
        if let (Some(Value::Array(old)), Some(Value::Array(new))) =
            (before.fields.get_mut("scores"), after_it.fields.get_mut("scores"))
        {
            let same: Vec<Value> = old.iter().filter(|score| new.contains(score)).cloned().collect();
            old.retain(|score| !same.contains(score));
            new.retain(|score| !same.contains(score));
        }
        Some(author.change(after.version, Some(before), Some(after_it)))
    }

    /// Its deletion, with what it was; `template` is the revision that it was made from. Its agent does not see that of
    /// a draft or a calibration, which does not exist for them.
    pub fn deletion(&self, template: &ScorecardTemplate, tenant: &Tenant, author: Author<'_>) -> Change {
        let change = author.change(self.version.next(), self.document(tenant, template), None);
        Change { agent: self.counted_at().map(|_| self.agent.clone()), ..change }
    }

    /// As [`Self::change_to`], if only the linked plans change.
    pub fn link_to(&self, after: &Self, tenant: &Tenant, author: Author<'_>) -> Option<Change> {
        self.submit_time?;
        let links = |scorecard: &Self| {
            let links = LinksMessage {
                coaching_plan_names: scorecard.plans.iter().map(|plan| tenant.name_of(plan)).collect(),
                update_time: scorecard.update_time,
                updated_by: UserMessage { name: tenant.name_of(&scorecard.updated_by) },
            };
            Document::of(&links, &scorecard.agent, scorecard.hidden_from_agent())
        };
        Some(author.change(after.version, links(self), links(after)))
    }

    /// What is hidden from its agent: everything while it is a draft, and of a calibration.
    fn hidden_from_agent(&self) -> Hidden {
        if self.counted_at().is_some() { Hidden::Fields(&[]) } else { Hidden::All }
    }

    fn document(&self, tenant: &Tenant, template: &ScorecardTemplate) -> Option<Document> {
        let message = self.message(tenant, template);
        let mut document = Document::of(&message, &self.agent, self.hidden_from_agent())?;
        document.fields.retain(|field, _| !BESIDE_HISTORY.contains(&field.as_str()));
        if let Some(Value::Array(scores)) = document.fields.get_mut("scores") {
            for score in scores.iter_mut().filter_map(Value::as_object_mut) {
                score.retain(|field, _| !BESIDE_SCORES.contains(&field.as_str()));
            }
        }
        Some(document)
    }
}

/// The fields that change with the linked plans.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinksMessage {
    coaching_plan_names: Vec<String>,
    update_time: Timestamp,
    updated_by: UserMessage,
}
