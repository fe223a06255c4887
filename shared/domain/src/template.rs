//! Scorecard templates: chapters of criteria that conversations are scored against.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::change::Author;
use crate::etag::etag_of;
use crate::json::Json;
use crate::message;
use crate::message::{Place, Rule, kind_of_object};
use crate::names::{MomentId, ScorecardTemplateId, UsecaseId};
use crate::outline::Kind;
use crate::progress::MAX_DAYS;
use crate::qa_task::{EvaluationPeriod, PeriodConfig, QaTaskConfig, QaTaskConfigMessage, TaskCompleteConfig};
use crate::references::References;
use crate::rules::{
    AtLeastOne, Distinct, Dropped as NotRead, Fixed, Flag, List, Patch, Positive, TemplateName, Title, Unnamed,
};
use crate::scorecard::UserMessage;
use crate::template_settings::{Audience, AudienceMessage, TYPES, TemplateSettings, WithSettings};
use crate::values::MAX_TITLE_BYTES;
use crate::{Caller, Error, Id, Reason, Role, Tenant, Timestamp, Violations, names};

/// The most chapters of a template.
pub const MAX_CHAPTERS: usize = 50;
/// The most criteria of a template, in all its chapters together.
pub const MAX_CRITERIA: usize = 200;
/// The most chapters and criteria of a template in all its revisions together.
pub const MAX_KNOWN_IDS: usize = 750;
/// The most evaluation periods of one answer.
pub const MAX_PERIODS: usize = 1000;
/// The most triggers of a criterion.
const MAX_TRIGGERS: usize = 10;
/// The most bytes that the ids, labels and triggers of a template's chapters and criteria take together, as JSON strings.
/// With this limit, and with [`MAX_KNOWN_IDS`] of the longest ids, an item of the table stays below 366 KiB without the
/// template's settings.
pub const MAX_LABELS_BYTES: usize = 216 * 1024;
/// The most usecases that a template is for.
pub const MAX_USECASES: usize = 50;
/// The largest weight and the largest maximum value.
pub const MAX_NUMBER: u32 = 1_000_000;
/// The roles that may take back the deletion of a template.
const UNDELETE: &[Role] = &[Role::Manager, Role::Admin];

/// One revision of a scorecard template. Revisions never change: scorecards keep the one that they
/// were made from. Beside them a template has settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorecardTemplate {
    /// The template's id.
    pub id: ScorecardTemplateId,
    /// The revision, from 1 up.
    pub revision: u32,
    /// Its title, at most 1 KiB.
    pub title: String,
    /// Its chapters, in order.
    pub chapters: Vec<Chapter>,
    /// The usecases that it is for; empty: all.
    pub usecases: Vec<UsecaseId>,
    /// When the template was created.
    pub create_time: Timestamp,
    /// When this revision was made.
    pub update_time: Timestamp,
    /// When it goes, or went, out of use.
    pub deactivate_time: Option<Timestamp>,
    /// Ids of every chapter and criterion that this or an earlier revision has or had, in the order of their first
    /// appearance. Statistics identify them by their place in this list.
    pub known_ids: Vec<String>,
    /// By number, the chapters and criteria that earlier revisions had and this one does not. Those dropped before the
    /// service recorded it are missing.
    pub dropped: BTreeMap<u32, Dropped>,
    /// The template's settings. An earlier revision that was read alone has none.
    pub settings: Option<TemplateSettings>,
}

/// A chapter or criterion that a revision no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its kind.
    pub part: Part,
    /// The last revision that has it.
    pub last_revision: u32,
}

/// The parts of a template that have scores of their own, beside the whole scorecard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// A chapter.
    Chapter,
    /// A criterion.
    Criterion,
}

/// A chapter of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Its id, unique among the template's chapters and criteria.
    pub id: String,
    /// Its label.
    pub display_name: String,
    /// Its criteria, in order.
    pub criteria: Vec<Criterion>,
}

/// A criterion of a chapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// Its id, unique among the template's chapters and criteria.
    pub id: String,
    /// Its label.
    pub display_name: String,
    /// Its weight in the means above it, in thousandths; more than zero.
    pub weight_thousandths: u32,
    /// The value that scores 100 %; more than zero.
    pub maximum_value: f64,
    /// Whether scoring zero on it makes the whole scorecard zero.
    pub auto_fail: bool,
    /// The moments of a conversation that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<MomentId>,
}

impl ScorecardTemplate {
    /// The number that identifies a chapter or criterion in statistics, from 1 up; 0 is the whole scorecard.
    pub fn number_of(&self, criterion_or_chapter_id: &str) -> Option<u32> {
        let place = self.known_ids.iter().position(|id| id == criterion_or_chapter_id)?;
        u32::try_from(place + 1).ok()
    }

    /// The last revision with a chapter or criterion that this one no longer has.
    pub fn last_revision_with(&self, criterion_or_chapter_id: &str) -> Option<u32> {
        self.dropped.get(&self.number_of(criterion_or_chapter_id)?).map(|dropped| dropped.last_revision)
    }

    /// The number and the id of every criterion that this or an earlier revision has or had. One that was dropped before
    /// the service recorded it counts as a criterion.
    pub fn known_criteria(&self) -> impl Iterator<Item = (u32, &str)> {
        let is_chapter = |number: u32, id: &str| match self.dropped.get(&number) {
            Some(dropped) => dropped.part == Part::Chapter,
            None => self.chapters.iter().any(|chapter| chapter.id == id),
        };
        let known = (1..).zip(&self.known_ids).map(|(number, id)| (number, id.as_str()));
        known.filter(move |(number, id)| !is_chapter(*number, id))
    }

    /// This revision, with the settings that its template has now and with its present time of deactivation, which are
    /// those of `current`.
    #[must_use]
    pub fn as_set_now(self, current: Self) -> Self {
        Self { settings: current.settings, deactivate_time: current.deactivate_time, ..self }
    }

    /// Whether the template, whose current revision this is, is in use at `now`: neither deleted nor deactivated.
    pub fn is_in_use(&self, now: Timestamp) -> bool {
        self.delete_time().is_none() && self.deactivate_time.is_none_or(|time| time > now)
    }

    /// When the template was deleted, if this is its current revision.
    fn delete_time(&self) -> Option<Timestamp> {
        self.settings.as_ref()?.delete_time
    }

    /// Deletes the template, whose current revision this is; one that is deleted stays as it is.
    pub fn delete(&mut self, author: Author<'_>) {
        let current = self.settings.clone().unwrap_or_default();
        if current.delete_time.is_none() {
            let delete_time = Some(author.now.max(self.update_time));
            let last_updated_by = Some(author.caller.user().clone());
            let deleted = TemplateSettings { delete_time, last_updated_by, ..current.clone() };
            self.settings = Some(deleted.after(&current));
        }
    }

    /// Whether a criterion has any of these triggers.
    pub fn has_any_trigger(&self, triggers: &[MomentId]) -> bool {
        let mut criteria = self.chapters.iter().flat_map(|chapter| &chapter.criteria);
        criteria.any(|criterion| criterion.triggers.iter().any(|trigger| triggers.contains(trigger)))
    }

    /// The same as `caller` sees it.
    #[must_use]
    pub fn seen_by(self, caller: &Caller) -> Self {
        Self { settings: self.settings.map(|settings| settings.seen_by(caller)), ..self }
    }

    /// Checks that the template, whose current revision this is, takes new scorecards and targets. They name it by
    /// `field`.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it is deleted.
    pub fn check_not_deleted(&self, field: &str) -> Result<(), Error> {
        match self.delete_time() {
            Some(time) => Err(Error::new(
                Reason::TemplateDeleted,
                format!("{field}: the template was deleted and takes no new scorecards and targets"),
            )
            .with("deleteTime", time.to_string())),
            None => Ok(()),
        }
    }

    /// Checks that the template, whose current revision this is, takes a new scorecard that was made at `made`. `path`
    /// is the prefix of the fields' names.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it is deleted, or was out of use by then.
    pub fn check_in_use(&self, made: Timestamp, path: &str) -> Result<(), Error> {
        self.check_not_deleted(&format!("{path}templateName"))?;
        match self.deactivate_time {
            Some(time) if made >= time => Err(Error::new(
                Reason::ScorecardTemplateDeactivated,
                format!("{path}templateName: the template takes no scorecards that are made after its deactivateTime, {time}"),
            )
            .with("deactivateTime", time.to_string())),
            _ => Ok(()),
        }
    }

    /// The evaluation periods of the template, whose current revision this is, for `usecase` if it names one: those that
    /// touch the range; without an end, up to the one after that of `now`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the template is not for the usecase, or has too many periods in the range;
    /// FAILED_PRECONDITION if it sets none.
    pub fn evaluation_periods(
        &self,
        usecase: Option<&UsecaseId>,
        (start, end): (Option<Timestamp>, Option<Timestamp>),
        now: Timestamp,
    ) -> Result<Vec<(EvaluationPeriod, Option<EvaluationPeriod>)>, Error> {
        self.check_usecase(usecase)?;
        let config = self.period_config().ok_or_else(no_periods)?;
        let periods = config.periods(self.create_time, start);
        let periods = periods.filter(|(period, _)| start.is_none_or(|start| period.end_time > start));
        let mut starts = config.periods(self.create_time, Some(now)).map(|(period, _)| period.start_time);
        let next = starts.find(|start| *start > now);
        let wanted = periods.take_while(|(period, _)| match end {
            Some(end) => period.start_time < end,
            None => next.is_none_or(|next| period.start_time <= next),
        });
        let periods: Vec<_> = wanted.take(MAX_PERIODS + 1).collect();
        if periods.len() > MAX_PERIODS {
            let refused = format!("must leave at most {MAX_PERIODS} periods between it and endTime");
            return Err(Error::invalid_field("startTime", refused));
        }
        Ok(periods)
    }

    /// The evaluation period that is `asked` for, or the one that holds `now`, of the template, whose current revision
    /// this is; `None` if none is asked for and none holds `now`. `usecase` must be one that it is for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the template is not for the usecase, or has no such period; FAILED_PRECONDITION if one is
    /// asked for and it sets none.
    pub fn evaluation_period(
        &self,
        usecase: Option<&UsecaseId>,
        asked: Option<EvaluationPeriod>,
        now: Timestamp,
    ) -> Result<Option<EvaluationPeriod>, Error> {
        let found = match (self.period_config(), asked) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(no_periods()),
            (Some(config), Some(asked)) => {
                let found = config.period_at(self.create_time, asked.start_time).filter(|found| *found == asked);
                let none = || Error::invalid_field("evaluationPeriod", "is none of the template's evaluation periods");
                found.ok_or_else(none).map(Some)
            }
            (Some(config), None) => Ok(config.period_at(self.create_time, now)),
        };
        match (self.check_usecase(usecase), found) {
            (Err(error), Err(other)) => Err(error.and(other)),
            (checked, found) => checked.and(found),
        }
    }

    /// As [`ScorecardTemplate::evaluation_period`], of a period whose evaluations are counted.
    ///
    /// # Errors
    /// As there; FAILED_PRECONDITION if it sets no periods; INVALID_ARGUMENT if none is asked for and none holds `now`,
    /// or if the period is longer than a year and a month.
    pub fn counted_period(
        &self,
        usecase: Option<&UsecaseId>,
        asked: Option<EvaluationPeriod>,
        now: Timestamp,
    ) -> Result<EvaluationPeriod, Error> {
        let found = self.evaluation_period(usecase, asked, now)?;
        if self.period_config().is_none() {
            return Err(no_periods());
        }
        let refused = |fault: String| Error::invalid_field("evaluationPeriod", fault);
        match found {
            None => Err(refused("is required: none of the template's evaluation periods holds now".to_owned())),
            Some(found) if found.days() > MAX_DAYS => Err(refused(format!("must be of at most {MAX_DAYS} days"))),
            Some(found) => Ok(found),
        }
    }

    /// The usecases whose evaluations by the template, whose current revision this is, are counted: the one that is
    /// `asked` for, or all that it is for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if none is asked for and it is for all, or for more than `most`.
    pub fn counted_usecases(&self, asked: Option<UsecaseId>, most: usize) -> Result<Vec<UsecaseId>, Error> {
        match asked {
            Some(asked) => Ok(vec![asked]),
            None if (1..=most).contains(&self.usecases.len()) => Ok(self.usecases.clone()),
            None => {
                let fault = format!("is required: the template is for more than {most} usecases, or for all");
                Err(Error::invalid_field("usecaseName", fault))
            }
        }
    }

    /// How many conversations of each agent are evaluated, by the template, whose current revision this is.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it does not set that.
    pub fn task_complete_config(&self) -> Result<&TaskCompleteConfig, Error> {
        let config = self.qa_task().and_then(|config| config.completion.as_ref());
        config.ok_or_else(|| {
            let message = "the template has no qaTaskConfig.taskCompleteConfig, so agents have no quota";
            Error::new(Reason::NoQaTaskConfig, message)
        })
    }

    /// The agents whom the template, whose current revision this is, is for.
    pub fn audience(&self) -> Audience {
        self.settings.as_ref().map(|settings| settings.audience.clone()).unwrap_or_default()
    }

    fn qa_task(&self) -> Option<&QaTaskConfig> {
        self.settings.as_ref()?.qa_task.as_ref()
    }

    fn period_config(&self) -> Option<&PeriodConfig> {
        self.qa_task()?.periods.as_ref()
    }

    /// Refuses a `usecase` that it is not for.
    fn check_usecase(&self, usecase: Option<&UsecaseId>) -> Result<(), Error> {
        if usecase.is_some_and(|usecase| !self.usecases.is_empty() && !self.usecases.contains(usecase)) {
            return Err(Error::invalid_field("usecaseName", "is none that the template is for"));
        }
        Ok(())
    }

    /// The label of a chapter or criterion of this revision.
    pub fn display_name_of(&self, criterion_or_chapter_id: &str) -> Option<&str> {
        self.chapters.iter().find_map(|chapter| {
            if chapter.id == criterion_or_chapter_id {
                return Some(chapter.display_name.as_str());
            }
            let criterion = chapter.criteria.iter().find(|criterion| criterion.id == criterion_or_chapter_id)?;
            Some(criterion.display_name.as_str())
        })
    }
}

message! {
    /// What an update changes of a template beside its settings.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct RevisionUpdate {
        title: Patch<Title<MAX_TITLE_BYTES>> = "title",
        chapters: Patch<Structure> = "template",
        usecases: Patch<Distinct<UsecaseId, MAX_USECASES>> = "usecaseNames",
        deactivate_time: Patch<Option<Timestamp>> = "deactivateTime",
        // The service sets it, so only its absence has a meaning: it takes a deletion back.
        delete_time: Fixed<Timestamp> = "deleteTime",
        _name: NotRead = "name",
        _create_time: NotRead = "createTime",
        _update_time: NotRead = "updateTime",
        _status: NotRead = "status",
        _last_updated_by: NotRead = "lastUpdatedBy",
    }
}

message! {
    /// The first revision of a template.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    pub struct NewRevision {
        /// The id chosen by the client.
        pub id: Option<TemplateName<Unnamed>> = "name",
        title: Title<MAX_TITLE_BYTES> = "title",
        chapters: Structure = "template",
        usecases: Distinct<UsecaseId, MAX_USECASES> = "usecaseNames",
        deactivate_time: Option<Timestamp> = "deactivateTime",
    }
}

/// An update of a template: the fields that its body has.
pub type TemplateUpdate = WithSettings<RevisionUpdate>;

/// A request to create a template. A repeated request is recognised by its serialised form.
pub type NewTemplate = WithSettings<NewRevision>;

impl NewTemplate {
    /// The resources that it names and that must exist, for `caller`.
    pub fn references(&self, caller: &Caller) -> References {
        References::default()
            .usecases("usecaseNames", &self.revision.usecases)
            .and(self.settings.references("", caller))
    }

    /// The first revision, made by `caller` at `now` under `id`.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if its settings are too large.
    pub fn into_template(
        self,
        id: ScorecardTemplateId,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<ScorecardTemplate, Error> {
        let mut settings =
            TemplateSettings { last_updated_by: Some(caller.user().clone()), ..TemplateSettings::default() };
        let Self { revision, settings: set } = self;
        set.apply(&mut settings)?;
        Ok(ScorecardTemplate {
            id,
            revision: 1,
            title: revision.title,
            known_ids: with_ids_of(Vec::new(), &revision.chapters),
            dropped: BTreeMap::new(),
            chapters: revision.chapters,
            usecases: revision.usecases,
            create_time: now,
            update_time: now,
            deactivate_time: revision.deactivate_time,
            settings: Some(settings),
        })
    }
}

impl TemplateUpdate {
    /// The resources that it names and that must exist, for `caller`.
    pub fn references(&self, caller: &Caller) -> References {
        let usecases = self.revision.usecases.iter().flatten();
        let usecases = References::default().usecases("scorecardTemplate.usecaseNames", usecases);
        usecases.and(self.settings.references("scorecardTemplate.", caller))
    }

    /// `current`, the current revision, after the update by `author`: a further revision, made not before `current`, or
    /// the same with other settings. `None` if it would be the same.
    ///
    /// # Errors
    /// PERMISSION_DENIED if the caller may not take a deletion back; INVALID_ARGUMENT if a chapter has the id that a criterion has or had, or a criterion that of a chapter: their
    /// scores would be counted together. FAILED_PRECONDITION if all revisions together would have more than
    /// [`MAX_KNOWN_IDS`] chapters and criteria, or the settings would be too large.
    pub fn apply(self, current: &ScorecardTemplate, author: Author<'_>) -> Result<Option<ScorecardTemplate>, Error> {
        let Self { revision, settings: set } = self;
        let mut next = current.clone();
        if let Some(title) = revision.title {
            next.title = title;
        }
        if let Some(chapters) = revision.chapters {
            check_parts(current, &chapters)?;
            next.known_ids = with_ids_of(next.known_ids, &chapters);
            if next.known_ids.len() > MAX_KNOWN_IDS {
                return Err(full(next.known_ids.len()));
            }
            let kept: HashSet<&str> = parts_of(&chapters).map(|(id, _)| id).collect();
            let numbers = (1..).zip(&next.known_ids);
            let parts: HashMap<&str, Part> = parts_of(&current.chapters).collect();
            for (number, id) in numbers {
                if kept.contains(id.as_str()) {
                    next.dropped.remove(&number);
                } else if let Some(part) = parts.get(id.as_str()) {
                    next.dropped.insert(number, Dropped { part: *part, last_revision: current.revision });
                }
            }
            next.chapters = chapters;
        }
        if let Some(usecases) = revision.usecases {
            next.usecases = usecases;
        }
        if let Some(time) = revision.deactivate_time {
            next.deactivate_time = time;
        }
        if next != *current {
            next.revision += 1;
            next.update_time = author.now.max(current.update_time);
        }
        let before = current.settings.clone().unwrap_or_default();
        let mut settings = before.clone();
        if revision.delete_time == Some(None) && settings.delete_time.is_some() {
            author.caller.require_role(UNDELETE)?;
            settings.delete_time = None;
        }
        set.apply(&mut settings)?;
        let mut settings = settings.after(&before);
        if settings == before && next.revision == current.revision {
            return Ok(None);
        }
        settings.last_updated_by = Some(author.caller.user().clone());
        next.settings = Some(settings);
        Ok(Some(next))
    }
}

fn no_periods() -> Error {
    let message = "the template has no qaTaskConfig.evaluationPeriodConfig, so it has no evaluation periods";
    Error::new(Reason::NoQaTaskConfig, message)
}

fn full(known: usize) -> Error {
    let message = format!(
        "a template has at most {MAX_KNOWN_IDS} chapters and criteria in all its revisions, and this would make \
         {known}; use ids that it has or had, or create another template"
    );
    Error::new(Reason::TemplateFull, message).with("limit", MAX_KNOWN_IDS.to_string()).with("size", known.to_string())
}

/// The ids of `chapters` and their criteria, in order, each with its kind.
fn parts_of(chapters: &[Chapter]) -> impl Iterator<Item = (&str, Part)> {
    chapters.iter().flat_map(|chapter| {
        let criteria = chapter.criteria.iter().map(|criterion| (criterion.id.as_str(), Part::Criterion));
        std::iter::once((chapter.id.as_str(), Part::Chapter)).chain(criteria)
    })
}

/// Checks that each id in `chapters` has the same kind as in the revisions up to `current`.
fn check_parts(current: &ScorecardTemplate, chapters: &[Chapter]) -> Result<(), Error> {
    let mut were: HashMap<&str, Part> = parts_of(&current.chapters).collect();
    for (number, id) in (1..).zip(&current.known_ids) {
        were.extend(current.dropped.get(&number).map(|dropped| (id.as_str(), dropped.part)));
    }
    let mut violations = Violations::default();
    for (place, chapter) in chapters.iter().enumerate() {
        let field = format!("scorecardTemplate.template.chapters[{place}]");
        if were.get(chapter.id.as_str()) == Some(&Part::Criterion) {
            violations.add(format!("{field}.chapterId"), "was a criterion in an earlier revision; use another id");
        }
        for (place, criterion) in chapter.criteria.iter().enumerate() {
            if were.get(criterion.id.as_str()) == Some(&Part::Chapter) {
                let field = format!("{field}.criteria[{place}].criterionId");
                violations.add(field, "was a chapter in an earlier revision; use another id");
            }
        }
    }
    violations.into_result()
}

/// `known`, followed by the ids that only `chapters` have.
fn with_ids_of(mut known: Vec<String>, chapters: &[Chapter]) -> Vec<String> {
    let mut seen: HashSet<String> = known.iter().cloned().collect();
    known.extend(parts_of(chapters).map(|(id, _)| id.to_owned()).filter(|id| seen.insert(id.clone())));
    known
}

/// The chapters of a template, whose ids differ.
#[derive(Debug)]
pub struct Structure;

impl Rule for Structure {
    type Value = Vec<Chapter>;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Vec<Chapter>> {
        let NewStructure { chapters } = <NewStructure as Rule>::read(json, place)?;
        let mut seen = HashSet::new();
        for id in chapters.iter().flat_map(NewChapter::ids) {
            if !seen.insert(&id.text) {
                place.refuse_at(&id.path, "stands twice among the template's chapters and criteria");
            }
        }
        let chapters: Vec<Chapter> = chapters.into_iter().map(NewChapter::into_chapter).collect();
        if chapters.iter().map(|chapter| chapter.criteria.len()).sum::<usize>() > MAX_CRITERIA {
            place.refuse_field("chapters", format_args!("must have at most {MAX_CRITERIA} criteria in all"));
        }
        let labels = chapters.iter().flat_map(|chapter| {
            let criteria = chapter.criteria.iter().flat_map(|criterion| {
                let triggers = criterion.triggers.iter().map(Id::as_str);
                [criterion.id.as_str(), criterion.display_name.as_str()].into_iter().chain(triggers)
            });
            [chapter.id.as_str(), chapter.display_name.as_str()].into_iter().chain(criteria)
        });
        let bytes: usize = labels.map(|text| Value::from(text).to_string().len()).sum();
        if bytes > MAX_LABELS_BYTES {
            let refused = format!(
                "must have ids, labels and triggers of at most {MAX_LABELS_BYTES} bytes together as JSON strings, and has \
                 {bytes}"
            );
            place.refuse_field("chapters", refused);
        }
        Some(chapters)
    }

    fn kind() -> Kind {
        kind_of_object::<NewStructure>(false)
    }
}

message! {
    /// The structure of a template as a client sends it.
    struct NewStructure {
        chapters: AtLeastOne<List<NewChapter, MAX_CHAPTERS>> = "chapters",
    }
}

message! {
    /// A chapter as a client sends it.
    struct NewChapter {
        id: PartId = "chapterId",
        display_name: Option<Title<MAX_TITLE_BYTES>> = "displayName",
        criteria: AtLeastOne<List<NewCriterion, MAX_CRITERIA>> = "criteria",
    }
}

impl NewChapter {
    /// Its id and those of its criteria.
    fn ids(&self) -> impl Iterator<Item = &PartId> {
        std::iter::once(&self.id).chain(self.criteria.iter().map(|criterion| &criterion.id))
    }

    fn into_chapter(self) -> Chapter {
        let id = self.id.text;
        let display_name = self.display_name.unwrap_or_else(|| id.clone());
        Chapter { id, display_name, criteria: self.criteria.into_iter().map(NewCriterion::into_criterion).collect() }
    }
}

message! {
    /// A criterion as a client sends it.
    struct NewCriterion {
        id: PartId = "criterionId",
        display_name: Option<Title<MAX_TITLE_BYTES>> = "displayName",
        weight_thousandths: Option<Weight> = "weight",
        maximum_value: Option<Positive<MAX_NUMBER>> = "maximumValue",
        auto_fail: Flag = "autoFail",
        triggers: Distinct<MomentId, MAX_TRIGGERS> = "triggerNames",
    }
}

impl NewCriterion {
    fn into_criterion(self) -> Criterion {
        let id = self.id.text;
        Criterion {
            display_name: self.display_name.unwrap_or_else(|| id.clone()),
            id,
            weight_thousandths: self.weight_thousandths.unwrap_or(1000),
            maximum_value: self.maximum_value.unwrap_or(1.0),
            auto_fail: self.auto_fail,
            triggers: self.triggers,
        }
    }
}

/// The weight of a criterion: more than 0, with at most three decimals; in thousandths.
struct Weight;

impl Rule for Weight {
    type Value = u32;

    fn read(json: Json, place: &mut Place<'_>) -> Option<u32> {
        let weight = <Positive<MAX_NUMBER> as Rule>::read(json, place)?;
        let thousandths = (weight * 1000.0).round();
        if (thousandths / 1000.0 - weight).abs() > f64::EPSILON * weight {
            return place.refuse("must have at most 3 decimals");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "up to 10^9")]
        let thousandths = thousandths as u32;
        Some(thousandths)
    }

    fn kind() -> Kind {
        <Positive<MAX_NUMBER> as Rule>::kind()
    }
}

/// The id of a chapter or criterion, and where in the body it stands.
struct PartId {
    text: String,
    path: String,
}

impl Rule for PartId {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let text = place.string(json, |text| match Id::<names::Usecase>::parse(&text) {
            Some(_) => Ok(text),
            None => Err(format!("must be {}", Id::<names::Usecase>::rule())),
        });
        Some(Self { text: text?, path: place.path() })
    }

    fn kind() -> Kind {
        Kind::id()
    }
}

/// One revision of a scorecard template, against which conversations are scored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScorecardTemplate)]
pub struct ScorecardTemplateMessage<'a> {
    /// Its resource name with the revision: `customers/{customer}/profiles/{profile}/scorecardTemplates/{scorecardTemplate}@{revision}`.
    name: String,
    /// Its title, at most 1 KiB and not blank.
    title: &'a str,
    /// Its chapters and criteria.
    template: StructureMessage<'a>,
    /// The usecases that it is for, at most 50; empty: all.
    usecase_names: Vec<String>,
    /// When the template was created.
    create_time: Timestamp,
    /// When this revision was made.
    update_time: Timestamp,
    /// When it goes, or went, out of use: it takes no scorecards that are made after that. Lists leave out a template that has this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivate_time: Option<Timestamp>,
    /// When it was deleted: it takes no new scorecards and targets, and lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_time: Option<Timestamp>,
    /// The agents whom it is for; absent: everyone. Not shown to agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<AudienceMessage>,
    /// The evaluations that it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    qa_task_config: Option<QaTaskConfigMessage>,
    /// What it scores; absent if nobody has said.
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    #[schema(value_type = Option<String>)]
    kind: Option<&'static str>,
    /// `SCORECARD_TEMPLATE_STATUS_ACTIVE`, `…_DEACTIVATED` from its `deactivateTime` on, or `…_DELETED`; absent in a list of scorecards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    status: Option<&'static str>,
    /// An object of the client's own, kept as it is and given no meaning: at most 8 KiB of JSON. Not shown to agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    permissions: Option<&'a serde_json::Map<String, Value>>,
    /// Another such object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    qa_score_config: Option<&'a serde_json::Map<String, Value>>,
    /// Who last changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_by: Option<UserMessage>,
    /// How it was used; only in a list with `VIEW_FULL_WITH_STATS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<TemplateStats>,
    /// Whether its `stats` are still being made, so that they are absent; absent: not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub benchmark_pending: bool,
    /// The agents whom it is for now; only in a list with `VIEW_FULL_WITH_STATS`. Not shown to agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_audience: Option<ResolvedAudience>,
    /// Opaque version, to send in `If-Match`.
    etag: String,
}

/// How a template was used over 30 days.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateStats {
    /// How many scorecards with a total score were submitted.
    pub scorecard_count: u64,
    /// The mean of their total scores, in percent; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_score: Option<f64>,
    /// How many agents they are of: of several usecases the sum, in which an agent may be counted once in each.
    pub scored_agent_count: u64,
    /// When the 30 days start.
    pub start_time: Option<Timestamp>,
    /// When they end: the first moment that is not in them, at the end of today, UTC.
    pub end_time: Option<Timestamp>,
    /// When everyone's scores were last added up.
    pub stats_time: Option<Timestamp>,
}

/// The agents whom a template is for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedAudience {
    /// How many active agents they are; of an audience of more than 2,000 people, how many of the first 2,000.
    pub agent_count: u64,
    /// The first 1,000 of them, by their names as people read them: `customers/{customer}/users/{user}`.
    pub agent_user_names: Vec<String>,
    /// Whether there are, or may be, more than these.
    pub is_truncated: bool,
}

/// The structure of a template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateStructure)]
struct StructureMessage<'a> {
    /// Its chapters, in order: 1 to 50, with at most 200 criteria in all, and ids, labels and triggers of at most 216 KiB together as JSON strings.
    chapters: Vec<ChapterMessage<'a>>,
}

/// A chapter of a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Chapter)]
struct ChapterMessage<'a> {
    /// Its id, unique among the template's chapters and criteria, and no criterion's in an earlier revision.
    chapter_id: &'a str,
    /// Its label, at most 1 KiB and not blank; by default its id.
    display_name: &'a str,
    /// Its criteria, in order: at least one.
    criteria: Vec<CriterionMessage<'a>>,
}

/// A criterion of a chapter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Criterion)]
struct CriterionMessage<'a> {
    /// Its id, unique among the template's chapters and criteria, and no chapter's in an earlier revision.
    criterion_id: &'a str,
    /// Its label, at most 1 KiB and not blank; by default its id.
    display_name: &'a str,
    /// Its weight in the means above it: more than 0, at most three decimals; by default 1.
    weight: f64,
    /// The value that scores 100 %: more than 0; by default 1.
    maximum_value: f64,
    /// Whether scoring zero on it makes the whole scorecard zero; by default not.
    auto_fail: bool,
    /// The moments of a conversation that it is about, `customers/{customer}/profiles/{profile}/moments/{moment}`: at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trigger_names: Vec<String>,
}

impl ScorecardTemplate {
    /// What has become of the template by `now`.
    fn status(&self, now: Timestamp) -> &'static str {
        match (self.delete_time(), self.deactivate_time) {
            (Some(_), _) => "SCORECARD_TEMPLATE_STATUS_DELETED",
            (None, Some(time)) if time <= now => "SCORECARD_TEMPLATE_STATUS_DEACTIVATED",
            (None, _) => "SCORECARD_TEMPLATE_STATUS_ACTIVE",
        }
    }

    /// The revision as `tenant`'s clients read it at `now`.
    pub fn message(&self, tenant: &Tenant, now: Timestamp) -> ScorecardTemplateMessage<'_> {
        let settings = self.settings.as_ref();
        let kind = settings.and_then(|settings| settings.kind);
        let mut types = TYPES.iter();
        let chapters = self.chapters.iter().map(|chapter| ChapterMessage {
            chapter_id: &chapter.id,
            display_name: &chapter.display_name,
            criteria: chapter
                .criteria
                .iter()
                .map(|criterion| CriterionMessage {
                    criterion_id: &criterion.id,
                    display_name: &criterion.display_name,
                    weight: f64::from(criterion.weight_thousandths) / 1000.0,
                    maximum_value: criterion.maximum_value,
                    auto_fail: criterion.auto_fail,
                    trigger_names: criterion.triggers.iter().map(|trigger| tenant.name_of(trigger)).collect(),
                })
                .collect(),
        });
        ScorecardTemplateMessage {
            name: tenant.name_of_revision(&self.id, self.revision),
            title: &self.title,
            template: StructureMessage { chapters: chapters.collect() },
            usecase_names: self.usecases.iter().map(|usecase| tenant.name_of(usecase)).collect(),
            create_time: self.create_time,
            update_time: self.update_time,
            deactivate_time: self.deactivate_time,
            delete_time: self.delete_time(),
            audience: settings.and_then(|settings| settings.audience.message(tenant)),
            qa_task_config: settings
                .and_then(|settings| settings.qa_task.as_ref())
                .map(|config| config.message(tenant)),
            kind: kind.and_then(|kind| types.find(|(_, known)| *known == Some(kind))).map(|(name, _)| *name),
            status: settings.map(|_| self.status(now)),
            permissions: settings.and_then(|settings| settings.permissions.as_ref()),
            qa_score_config: settings.and_then(|settings| settings.qa_score.as_ref()),
            last_updated_by: settings
                .and_then(|settings| settings.last_updated_by.as_ref())
                .map(|user| UserMessage { name: tenant.name_of(user) }),
            stats: None,
            benchmark_pending: false,
            resolved_audience: None,
            etag: self.etag(),
        }
    }

    /// Its etag (AIP-154): that of its revision, and of the template's settings once they were changed.
    pub fn etag(&self) -> String {
        let of_revision = etag_of(u64::from(self.revision), self.update_time);
        match self.settings.as_ref().map_or(0, |settings| settings.version) {
            0 => of_revision,
            version => format!("{of_revision}-{version:x}"),
        }
    }
}
