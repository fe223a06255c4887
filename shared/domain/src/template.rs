//! Scorecard templates: chapters of criteria that conversations are scored against.

use std::collections::HashSet;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::etag_of;
use crate::fields::{Fields, MAX_TITLE_BYTES};
use crate::names::{ScorecardTemplate as Collection, ScorecardTemplateId, UsecaseId};
use crate::outline::Kind;
use crate::{Code, Error, Id, Tenant, Timestamp, UpdateMask, names};

/// The most chapters of a template.
pub const MAX_CHAPTERS: usize = 50;
/// The most criteria of a template, in all its chapters together.
pub const MAX_CRITERIA: usize = 200;
/// The most chapters and criteria that a template has had in all its revisions together.
pub const MAX_KNOWN_IDS: usize = 1000;
/// The most usecases that a template is for.
pub const MAX_USECASES: usize = 50;
/// The largest weight and the largest maximum value.
pub const MAX_NUMBER: f64 = 1_000_000.0;

/// One revision of a scorecard template. Revisions never change: scorecards keep the one that they
/// were made from.
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
    /// Ids of every chapter and criterion that this or an earlier revision has or had, in the order
    /// of their first appearance. Statistics know them by their place in this list.
    pub known_ids: Vec<String>,
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
    /// How much it counts in the means above it, in thousandths; more than zero.
    pub weight_thousandths: u32,
    /// The value that scores 100 %; more than zero.
    pub maximum_value: f64,
    /// Whether scoring zero on it makes the whole scorecard zero.
    pub auto_fail: bool,
}

impl ScorecardTemplate {
    /// The number by which statistics know a chapter or criterion, from 1 up; 0 is the whole scorecard.
    pub fn number_of(&self, criterion_or_chapter_id: &str) -> Option<u32> {
        let place = self.known_ids.iter().position(|id| id == criterion_or_chapter_id)?;
        u32::try_from(place + 1).ok()
    }

    /// Looks whether the template, whose current revision this is, takes a new scorecard that was made at `made`.
    /// `path` stands before the names of fields.
    ///
    /// # Errors
    /// FAILED_PRECONDITION if it was out of use by then.
    pub fn check_in_use(&self, made: Timestamp, path: &str) -> Result<(), Error> {
        match self.deactivate_time {
            Some(time) if made >= time => Err(Error::new(
                Code::FailedPrecondition,
                "SCORECARD_TEMPLATE_DEACTIVATED",
                format!("{path}templateName: the template takes no scorecards that are made after its deactivateTime, {time}"),
            )
            .with("deactivateTime", time.to_string())),
            _ => Ok(()),
        }
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

/// Which revision of a template a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// The name has no revision: the current one.
    Current,
    /// `@*`: every one.
    Every,
    /// `@{number}`
    Number(u32),
}

/// What revisions a field may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revisions {
    /// None: the name has no revision.
    Unnamed,
    /// One by its number, or none for the current one.
    One,
    /// Every one: `@*`.
    Every,
    /// Any of those.
    Any,
}

impl Revisions {
    /// How they are written behind a template's id, in the form that is shown of a name.
    fn form(self) -> &'static str {
        match self {
            Self::Unnamed => "",
            Self::One => "[@{revision}]",
            Self::Every => "@*",
            Self::Any => "[@{revision}|@*]",
        }
    }

    /// Looks whether they hold `revision`.
    ///
    /// # Errors
    /// A text that says what may stand instead.
    pub fn check(self, revision: Revision) -> Result<(), &'static str> {
        match (self, revision) {
            (Self::Unnamed, Revision::Number(_) | Revision::Every) => Err("must not name a revision"),
            (Self::One, Revision::Every) => Err("must name one revision, or none for the current one"),
            (Self::Every, Revision::Current | Revision::Number(_)) => Err("must name every revision: end in @*"),
            _ => Ok(()),
        }
    }
}

/// What a client sends of a template: what can be told from the keys of its body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TemplateUpdate {
    title: Option<Option<String>>,
    chapters: Option<Option<Vec<Chapter>>>,
    usecases: Option<Vec<UsecaseId>>,
    deactivate_time: Option<Option<Timestamp>>,
}

/// What a client sends to create a template. Its serialised form is what a repeated request is
/// compared by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewTemplate {
    /// The id chosen by the client.
    pub id: Option<ScorecardTemplateId>,
    title: String,
    chapters: Vec<Chapter>,
    usecases: Vec<UsecaseId>,
    deactivate_time: Option<Timestamp>,
}

impl NewTemplate {
    /// Reads the body of a create request, noting every bad field.
    pub fn read(fields: &mut Fields<'_>, tenant: &Tenant) -> Option<Self> {
        // The first revision is made.
        let name = fields.template("name", tenant, Revisions::Unnamed);
        let title = fields.required("title", |fields, field| fields.title(field, MAX_TITLE_BYTES));
        let chapters = fields.required("template", read_chapters);
        let usecases = fields.ids("usecaseNames", MAX_USECASES, tenant);
        let deactivate_time = fields.timestamp("deactivateTime");
        Some(Self { id: name.map(|(id, _)| id), title: title?, chapters: chapters?, usecases, deactivate_time })
    }

    /// The first revision, made at `now` under `id`.
    pub fn into_template(self, id: ScorecardTemplateId, now: Timestamp) -> ScorecardTemplate {
        ScorecardTemplate {
            id,
            revision: 1,
            title: self.title,
            known_ids: with_ids_of(Vec::new(), &self.chapters),
            chapters: self.chapters,
            usecases: self.usecases,
            create_time: now,
            update_time: now,
            deactivate_time: self.deactivate_time,
        }
    }
}

impl TemplateUpdate {
    /// The fields that an update mask may name.
    pub const FIELDS: [&'static str; 8] =
        ["name", "title", "template", "usecaseNames", "createTime", "updateTime", "deactivateTime", "etag"];

    /// Reads the template in the body of an update, noting every bad field. What the service owns is
    /// dropped (AIP-203).
    pub fn read(fields: &mut Fields<'_>, mask: &UpdateMask, tenant: &Tenant) -> Self {
        let update = Self {
            title: mask.value(fields, "title", |fields, field| {
                fields.required(field, |fields, field| fields.title(field, MAX_TITLE_BYTES))
            }),
            chapters: mask.value(fields, "template", |fields, field| fields.required(field, read_chapters)),
            usecases: mask
                .value(fields, "usecaseNames", |fields, field| Some(fields.ids(field, MAX_USECASES, tenant)))
                .flatten(),
            deactivate_time: mask.value(fields, "deactivateTime", |fields, field| fields.timestamp(field)),
        };
        fields.drop_known(&["name", "createTime", "updateTime"]);
        update
    }

    /// The next revision of `current`, made at `now`, or nothing if it would be the same.
    pub fn next_revision(self, current: &ScorecardTemplate, now: Timestamp) -> Option<ScorecardTemplate> {
        let mut next = current.clone();
        if let Some(Some(title)) = self.title {
            next.title = title;
        }
        if let Some(Some(chapters)) = self.chapters {
            next.known_ids = with_ids_of(next.known_ids, &chapters);
            next.chapters = chapters;
        }
        if let Some(usecases) = self.usecases {
            next.usecases = usecases;
        }
        if let Some(time) = self.deactivate_time {
            next.deactivate_time = time;
        }
        if next == *current {
            return None;
        }
        next.revision += 1;
        next.update_time = now;
        Some(next)
    }
}

/// `known`, and behind them the ids that only `chapters` have.
fn with_ids_of(mut known: Vec<String>, chapters: &[Chapter]) -> Vec<String> {
    let mut seen: HashSet<String> = known.iter().cloned().collect();
    for chapter in chapters {
        let criteria = chapter.criteria.iter().map(|criterion| &criterion.id);
        for id in std::iter::once(&chapter.id).chain(criteria) {
            if seen.insert(id.clone()) {
                known.push(id.clone());
            }
        }
    }
    known
}

fn read_chapters(fields: &mut Fields<'_>, field: &str) -> Option<Vec<Chapter>> {
    fields.object(field, |template| {
        let mut seen = HashSet::new();
        let chapters = template.some_objects("chapters", MAX_CHAPTERS, |chapter| {
            let id = read_new_id(chapter, "chapterId", &mut seen);
            let display_name = chapter.title("displayName", MAX_TITLE_BYTES);
            let criteria =
                chapter.some_objects("criteria", MAX_CRITERIA, |criterion| read_criterion(criterion, &mut seen));
            let id = id?;
            Some(Chapter { display_name: display_name.unwrap_or_else(|| id.clone()), id, criteria: criteria? })
        })?;
        if chapters.iter().map(|chapter| chapter.criteria.len()).sum::<usize>() > MAX_CRITERIA {
            template.refuse("chapters", format!("must have at most {MAX_CRITERIA} criteria in all"));
        }
        Some(chapters)
    })
}

fn read_criterion(criterion: &mut Fields<'_>, seen: &mut HashSet<String>) -> Option<Criterion> {
    let id = read_new_id(criterion, "criterionId", seen);
    let display_name = criterion.title("displayName", MAX_TITLE_BYTES);
    let positive = (Bound::Excluded(0.0), Bound::Included(MAX_NUMBER));
    let weight = criterion.double("weight", positive).unwrap_or(1.0);
    let maximum_value = criterion.double("maximumValue", positive).unwrap_or(1.0);
    let auto_fail = criterion.boolean("autoFail").unwrap_or(false);
    let thousandths = (weight * 1000.0).round();
    if (thousandths / 1000.0 - weight).abs() > f64::EPSILON * weight {
        criterion.refuse("weight", "must have at most 3 decimals");
    }
    let id = id?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "refused above unless up to 10^9")]
    let weight_thousandths = thousandths as u32;
    Some(Criterion {
        display_name: display_name.unwrap_or_else(|| id.clone()),
        id,
        weight_thousandths,
        maximum_value,
        auto_fail,
    })
}

fn read_new_id(fields: &mut Fields<'_>, field: &str, seen: &mut HashSet<String>) -> Option<String> {
    let id = fields.required(field, |fields, field| {
        let id = fields.text(field, Kind::id, |text| {
            Id::<names::Usecase>::parse(text).ok_or("must be 1 to 128 of A-Z a-z 0-9 . _ ~ @ -")
        })?;
        Some(id.to_string())
    })?;
    if !seen.insert(id.clone()) {
        fields.refuse(field, "stands twice among the template's chapters and criteria");
    }
    Some(id)
}

/// One revision of a scorecard template: what conversations are scored against.
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
    /// When it goes, or went, out of use: it takes no scorecards that are made after that. Lists leave out a template that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivate_time: Option<Timestamp>,
    /// Its version, opaque: for `If-Match`.
    etag: String,
}

/// What a template is made of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TemplateStructure)]
struct StructureMessage<'a> {
    /// Its chapters, in order: 1 to 50, with at most 200 criteria in all.
    chapters: Vec<ChapterMessage<'a>>,
}

/// A chapter of a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Chapter)]
struct ChapterMessage<'a> {
    /// Its id, unique among the template's chapters and criteria.
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
    /// Its id, unique among the template's chapters and criteria.
    criterion_id: &'a str,
    /// Its label, at most 1 KiB and not blank; by default its id.
    display_name: &'a str,
    /// How much it counts in the means above it: more than 0, at most three decimals; by default 1.
    weight: f64,
    /// The value that scores 100 %: more than 0; by default 1.
    maximum_value: f64,
    /// Whether scoring zero on it makes the whole scorecard zero; by default not.
    auto_fail: bool,
}

impl ScorecardTemplate {
    /// The revision as `tenant`'s clients read it.
    pub fn message(&self, tenant: &Tenant) -> ScorecardTemplateMessage<'_> {
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
            etag: self.etag(),
        }
    }

    /// Its etag (AIP-154): that of its revision.
    pub fn etag(&self) -> String {
        etag_of(u64::from(self.revision), self.update_time)
    }
}

impl Tenant {
    /// The name of a revision: `{template}@{revision}`.
    pub fn name_of_revision(&self, template: &ScorecardTemplateId, revision: u32) -> String {
        format!("{}@{revision}", self.name_of(template))
    }

    /// The template and revision in a resource name, which must lie under this tenant.
    ///
    /// # Errors
    /// [`names::NameError`] if it is no name of a template, or one of another tenant.
    fn template_in(&self, name: &str) -> Result<(ScorecardTemplateId, Revision), names::NameError> {
        let (name, revision) = match name.rsplit_once('@') {
            Some((template, revision)) if !revision.contains('/') => (template, parse_revision(revision)),
            _ => (name, Some(Revision::Current)),
        };
        let id = self.id_in::<Collection>(name)?;
        revision.map(|revision| (id, revision)).ok_or_else(names::NameError::malformed::<Collection>)
    }

    /// The same, with a revision out of `revisions`.
    ///
    /// # Errors
    /// A text that says what is wrong with the name.
    pub fn template_among(&self, name: &str, revisions: Revisions) -> Result<(ScorecardTemplateId, Revision), String> {
        let (id, revision) = self.template_in(name).map_err(|error| match error {
            names::NameError::Malformed { level, segment, placeholder, .. } => {
                let revision = revisions.form();
                names::NameError::Malformed { level, segment, placeholder, revision }.to_string()
            }
            names::NameError::Foreign => error.to_string(),
        })?;
        revisions.check(revision)?;
        Ok((id, revision))
    }
}

/// The template and revision in the last segment of a template's name.
pub fn parse_template_segment(segment: &str) -> Option<(ScorecardTemplateId, Revision)> {
    let (id, revision) = match segment.rsplit_once('@') {
        Some((id, revision)) => (id, parse_revision(revision)?),
        None => (segment, Revision::Current),
    };
    Some((Id::parse(id)?, revision))
}

fn parse_revision(text: &str) -> Option<Revision> {
    if text == "*" {
        return Some(Revision::Every);
    }
    let number = text.parse().ok().filter(|number| *number > 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(Revision::Number)
}
