//! Scorecard templates: chapters of criteria that conversations are scored against.

use crate::Timestamp;
use crate::names::{ScorecardTemplate as Collection, ScorecardTemplateId, UsecaseId};
use crate::{Id, Tenant, names};

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
    /// When it was taken out of use.
    pub deactivate_time: Option<Timestamp>,
    /// Ids of every chapter and criterion that this or an earlier revision has or had, in the order
    /// of their first appearance. Statistics know them by their place in this list.
    pub known_ids: Vec<String>,
}

/// A chapter of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Its id, unique among the template's chapters and criteria.
    pub id: String,
    /// Its label.
    pub display_name: String,
    /// Its criteria, in order.
    pub criteria: Vec<Criterion>,
}

/// A criterion of a chapter.
#[derive(Debug, Clone, PartialEq)]
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

impl Tenant {
    /// The name of a revision: `{template}@{revision}`.
    pub fn name_of_revision(&self, template: &ScorecardTemplateId, revision: u32) -> String {
        format!("{}@{revision}", self.name_of(template))
    }

    /// The template and revision in a resource name, which must lie under this tenant.
    ///
    /// # Errors
    /// [`names::NameError`] if it is no name of a template, or one of another tenant.
    pub fn template_in(&self, name: &str) -> Result<(ScorecardTemplateId, Revision), names::NameError> {
        let (name, revision) = match name.rsplit_once('@') {
            Some((template, revision)) if !revision.contains('/') => (template, parse_revision(revision)),
            _ => (name, Some(Revision::Current)),
        };
        let id = self.id_in::<Collection>(name)?;
        revision.map(|revision| (id, revision)).ok_or_else(names::NameError::malformed::<Collection>)
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
