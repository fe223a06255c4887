//! The erasure of a person: what becomes of the records that name them, or hold texts by or about them.
//!
//! A pseudonym takes their place wherever a record names somebody, so that every score, date and state stays, and with
//! them the statistics of all others. Texts become [`ERASED_TEXT`], not nothing: whether a session has notes decides its
//! state.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::comment::CoachingComment;
use crate::names::UserId;
use crate::plan::CoachingPlan;
use crate::scorecard::{Score, Scorecard};
use crate::session::CoachingSession;
use crate::{CustomerTenant, Id, Role, Timestamp};

/// What stands in the place of a text that was erased.
pub const ERASED_TEXT: &str = "[erased]";
/// The display name of a pseudonym in the directory.
pub const ERASED_NAME: &str = "Erased person";
/// What every pseudonym begins with.
pub const PSEUDONYM: &str = "erased-";

/// A person who is erased, and the pseudonym that takes their place.
#[derive(Debug, Clone)]
pub struct Erased {
    /// Their id.
    pub id: UserId,
    /// The id that takes its place.
    pub pseudonym: UserId,
    name: String,
    name_of_pseudonym: String,
}

/// Which texts of a record are by or about a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Texts {
    /// What those who coach and score wrote.
    pub of_coach: bool,
    /// What the agent wrote.
    pub of_agent: bool,
}

impl Texts {
    /// All of them.
    pub const ALL: Self = Self { of_coach: true, of_agent: true };

    /// These and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { of_coach: self.of_coach || other.of_coach, of_agent: self.of_agent || other.of_agent }
    }

    /// Those of a record whose agent is the person, or that otherwise names them.
    fn of(is_agent: bool, is_coach: bool) -> Self {
        Self { of_coach: is_agent || is_coach, of_agent: is_agent }
    }
}

/// The fields of histories that hold texts of those who coach and score.
const COACH_FIELDS: [&str; 7] =
    ["meetingNotes", "privateNotes", "comment", "displayName", "focusBehaviors", "message", "scores"];
/// Those that hold texts of the agent.
const AGENT_FIELDS: [&str; 2] = ["agentComment", "acknowledgeComment"];
/// The fields of histories that name those who coach and score, and whom a comment mentions.
const COACHES: [&str; 6] =
    ["creatorUserName", "managerSubmitterUserName", "creator", "submittedBy", "updatedBy", "taggedUsers"];
/// The field of a score that holds a text.
const TEXT_OF_SCORE: &str = "textValue";

impl Erased {
    /// The person `id` of `customer`, under `pseudonym`.
    pub fn new(customer: &CustomerTenant, id: UserId, pseudonym: UserId) -> Self {
        let (name, name_of_pseudonym) = (customer.name_of(&id), customer.name_of(&pseudonym));
        Self { id, pseudonym, name, name_of_pseudonym }
    }

    /// Whether `id` is theirs, or the pseudonym: what was half done before is done again.
    pub fn is(&self, id: &UserId) -> bool {
        *id == self.id || *id == self.pseudonym
    }

    fn replace(&self, id: &mut UserId) {
        if *id == self.id {
            id.clone_from(&self.pseudonym);
        }
    }

    /// Whether `text` is their resource name, or that of the pseudonym.
    fn is_name(&self, text: &str) -> bool {
        text == self.name || text == self.name_of_pseudonym
    }

    /// `text` with the pseudonym in each place of their resource name; `None` if it does not have that.
    pub fn renamed(&self, text: &str) -> Option<String> {
        let mut rest = text;
        let mut renamed = String::new();
        while let Some((before, after)) = rest.split_once(&self.name) {
            // `customers/acme/users/ana` is not named in `customers/acme/users/anastasia`.
            let is_whole = !after.starts_with(is_of_id);
            renamed.push_str(before);
            renamed.push_str(if is_whole { &self.name_of_pseudonym } else { &self.name });
            rest = after;
        }
        renamed.push_str(rest);
        (renamed != text).then_some(renamed)
    }

    /// Whether `text` has their id, or the pseudonym, between characters that no id has.
    pub fn is_in(&self, text: &str) -> bool {
        [self.id.as_str(), self.pseudonym.as_str()].into_iter().any(|id| {
            text.match_indices(id).any(|(place, _)| {
                let (before, after) = (text.get(..place), text.get(place + id.len()..));
                !before.is_some_and(|before| before.ends_with(is_of_id))
                    && !after.is_some_and(|after| after.starts_with(is_of_id))
            })
        })
    }

    /// Puts the pseudonym in the place of their resource name, in every text of `value`, and in the place of their id in
    /// those texts whose field is among `of_ids`. Returns whether anything changed.
    pub fn rename(&self, value: &mut Value, of_ids: &[&str]) -> bool {
        self.rename_in(value, of_ids, false)
    }

    fn rename_in(&self, value: &mut Value, of_ids: &[&str], is_id: bool) -> bool {
        match value {
            Value::String(text) if is_id && text == self.id.as_str() => {
                self.pseudonym.as_str().clone_into(text);
                true
            }
            Value::String(text) => match self.renamed(text) {
                Some(renamed) => {
                    *text = renamed;
                    true
                }
                None => false,
            },
            Value::Array(values) => {
                // Each is renamed, also after one that was.
                let renamed = values.iter_mut().map(|value| self.rename_in(value, of_ids, is_id));
                renamed.fold(false, std::ops::BitOr::bitor)
            }
            Value::Object(fields) => fields.iter_mut().fold(false, |changed, (field, value)| {
                self.rename_in(value, of_ids, of_ids.contains(&field.as_str())) || changed
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Which texts of a record are by or about them, by a change in its history: of the record of `agent`, made by
    /// `author` in `role`, with these fields before or after it.
    pub fn texts_of_change<'v>(
        &self,
        agent: Option<&UserId>,
        (author, role): (&UserId, Role),
        before: impl Iterator<Item = (&'v str, &'v Value)>,
        after: impl Iterator<Item = (&'v str, &'v Value)>,
    ) -> Texts {
        let mut texts = Texts::of(agent.is_some_and(|agent| self.is(agent)), false);
        for (is_after, (field, value)) in before.map(|one| (false, one)).chain(after.map(|one| (true, one))) {
            if field == "agentUserName" && self.names(value) {
                texts = Texts::ALL;
            }
            if COACHES.contains(&field) && self.names(value) {
                texts.of_coach = true;
            }
            // Who changes a text writes it; an agent writes comments too.
            if is_after && self.is(author) {
                texts.of_coach |= COACH_FIELDS.contains(&field) && (role != Role::Agent || field == "message");
                texts.of_agent |= AGENT_FIELDS.contains(&field);
            }
        }
        texts
    }

    /// Whether `value` is their name, or has it in a list or as the name of an object.
    fn names(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_name(text),
            Value::Array(values) => values.iter().any(|value| self.names(value)),
            Value::Object(fields) => fields.get("name").is_some_and(|name| self.names(name)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Makes the `field` of a history what it is without `texts`, and puts the pseudonym in the place of their name.
    /// Returns whether anything changed.
    pub fn erase_field(&self, field: &str, value: &mut Value, texts: Texts) -> bool {
        let is_erased =
            (texts.of_coach && COACH_FIELDS.contains(&field)) || (texts.of_agent && AGENT_FIELDS.contains(&field));
        let erased = is_erased && erase_texts(value, field != "scores");
        self.rename(value, &[]) || erased
    }
}

/// Erases the texts of a field; of scores, only those that are texts themselves.
fn erase_texts(value: &mut Value, is_text: bool) -> bool {
    match value {
        Value::String(text) if is_text && text != ERASED_TEXT => {
            ERASED_TEXT.clone_into(text);
            true
        }
        Value::Array(values) => {
            // Each is erased, also after one that was.
            let erased = values.iter_mut().map(|value| erase_texts(value, is_text));
            erased.fold(false, std::ops::BitOr::bitor)
        }
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(field, _)| *field == TEXT_OF_SCORE)
            .fold(false, |changed, (_, value)| erase_texts(value, true) || changed),
        _ => false,
    }
}

/// Whether a user's id may have `letter`.
fn is_of_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._~@|+=-".contains(letter)
}

fn erase(text: &mut Option<String>) {
    if text.is_some() {
        *text = Some(ERASED_TEXT.to_owned());
    }
}

/// A record that names people and holds texts by and about them.
pub trait OfPeople {
    /// Which of its texts are by or about the person, by those whom it names.
    fn texts_of(&self, erased: &Erased) -> Texts;

    /// Erases `texts`, and puts the pseudonym in the place of the person.
    fn erase(&mut self, erased: &Erased, texts: Texts);
}

// Each of these lists every field, so that a new one is thought of.

impl OfPeople for CoachingSession {
    fn texts_of(&self, erased: &Erased) -> Texts {
        let coaches = [Some(&self.creator), self.manager_submitter.as_ref()];
        Texts::of(erased.is(&self.agent), coaches.into_iter().flatten().any(|coach| erased.is(coach)))
    }

    fn erase(&mut self, erased: &Erased, texts: Texts) {
        let Self {
            id: _,
            version: _,
            create_time: _,
            update_time: _,
            recorded_at: _,
            manager_update_time: _,
            agent_update_time: _,
            acknowledge_time: _,
            agent_comment,
            agent,
            creator,
            plan: _,
            session_time: _,
            meeting_notes,
            private_notes,
            manager_submit_time: _,
            agent_submit_time: _,
            usecase: _,
            manager_submitter,
            shown: _,
            shown_manager_update_time: _,
        } = self;
        [agent, creator].into_iter().chain(manager_submitter).for_each(|user| erased.replace(user));
        if texts.of_coach {
            erase(meeting_notes);
            erase(private_notes);
        }
        if texts.of_agent {
            erase(agent_comment);
        }
    }
}

impl OfPeople for CoachingPlan {
    fn texts_of(&self, erased: &Erased) -> Texts {
        Texts::of(erased.is(&self.agent), erased.is(&self.creator))
    }

    fn erase(&mut self, erased: &Erased, texts: Texts) {
        let Self {
            id: _,
            version: _,
            start_time: _,
            end_time: _,
            focus_behaviors,
            focus_criteria: _,
            comment,
            manager_comment_submit_time: _,
            agent,
            creator,
            is_active: _,
            active_since: _,
            create_time: _,
            update_time: _,
            recorded_at: _,
            display_name,
            usecase: _,
            shown: _,
        } = self;
        [agent, creator].into_iter().for_each(|user| erased.replace(user));
        if texts.of_coach {
            erase(comment);
            erase(display_name);
            focus_behaviors.iter_mut().for_each(|text| ERASED_TEXT.clone_into(text));
        }
    }
}

impl OfPeople for CoachingComment {
    fn texts_of(&self, erased: &Erased) -> Texts {
        let is_coach = erased.is(&self.creator) || self.tagged_users.iter().any(|user| erased.is(user));
        Texts::of(self.agent.as_ref().is_some_and(|agent| erased.is(agent)), is_coach)
    }

    fn erase(&mut self, erased: &Erased, texts: Texts) {
        let Self {
            id: _,
            version: _,
            thread: _,
            creator,
            plan: _,
            agent,
            usecase: _,
            create_time: _,
            update_time: _,
            recorded_at: _,
            message,
            tagged_users,
            linked_sessions: _,
        } = self;
        [creator].into_iter().chain(agent).chain(tagged_users).for_each(|user| erased.replace(user));
        if texts.of_coach {
            ERASED_TEXT.clone_into(message);
        }
    }
}

impl OfPeople for Scorecard {
    fn texts_of(&self, erased: &Erased) -> Texts {
        let coaches = [Some(&self.creator), Some(&self.updated_by), self.submitted_by.as_ref()];
        Texts::of(erased.is(&self.agent), coaches.into_iter().flatten().any(|coach| erased.is(coach)))
    }

    fn erase(&mut self, erased: &Erased, texts: Texts) {
        let Self {
            id: _,
            version: _,
            conversation: _,
            process: _,
            agent,
            template: _,
            revision: _,
            usecase: _,
            scores,
            plans: _,
            comment,
            reference_id: _,
            creator,
            updated_by,
            submitted_by,
            create_time: _,
            update_time: _,
            submit_time: _,
            submission_source: _,
            acknowledge_time: _,
            acknowledge_comment,
            ai_score_time: _,
            manually_scored: _,
            calibrated: _,
            consistency: _,
            calibrations: _,
            set_aside,
            rescore: _,
        } = self;
        [agent, creator, updated_by].into_iter().chain(submitted_by).for_each(|user| erased.replace(user));
        if texts.of_coach {
            erase(comment);
            let scores = scores.values_mut().chain(set_aside.values_mut().map(|aside| &mut aside.score));
            for score in scores {
                if let Score::Text(text) = score {
                    ERASED_TEXT.clone_into(text);
                }
            }
        }
        if texts.of_agent {
            erase(acknowledge_comment);
        }
    }
}

/// How many records of each kind name the pseudonym, and how many things are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sessions.
    pub sessions: u64,
    /// Plans.
    pub plans: u64,
    /// Comments.
    pub comments: u64,
    /// Scorecards.
    pub scorecards: u64,
    /// Targets of plans.
    pub targets: u64,
    /// Changes in histories.
    pub changes: u64,
    /// Templates, each revision by itself.
    pub templates: u64,
    /// Groups.
    pub groups: u64,
    /// Records of jobs.
    pub jobs: u64,
}

/// What an erasure has done up to now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ErasureReport)]
pub struct ErasureReport {
    /// The user who takes the person's place: `customers/{customer}/users/{user}`.
    pseudonym_user_name: String,
    /// The number of sessions that name the pseudonym now.
    session_count: u64,
    /// The number of plans that do.
    coaching_plan_count: u64,
    /// The number of comments.
    comment_count: u64,
    /// The number of scorecards.
    scorecard_count: u64,
    /// The number of targets of plans.
    target_count: u64,
    /// The number of changes in histories, also of records that are deleted.
    change_count: u64,
    /// The number of templates, each revision by itself.
    template_count: u64,
    /// The number of groups.
    group_count: u64,
    /// The number of jobs.
    job_count: u64,
    /// The number of files of jobs that were removed.
    removed_file_count: u64,
    /// The number of answers that were kept for repeats of the person's requests, and were removed.
    removed_request_count: u64,
}

impl ErasureReport {
    /// The report of `counts`, under the pseudonym of this resource name.
    pub fn new(pseudonym_user_name: String, counts: &Counts, removed_files: u64, removed_requests: u64) -> Self {
        let Counts { sessions, plans, comments, scorecards, targets, changes, templates, groups, jobs } = *counts;
        Self {
            pseudonym_user_name,
            session_count: sessions,
            coaching_plan_count: plans,
            comment_count: comments,
            scorecard_count: scorecards,
            target_count: targets,
            change_count: changes,
            template_count: templates,
            group_count: groups,
            job_count: jobs,
            removed_file_count: removed_files,
            removed_request_count: removed_requests,
        }
    }
}

/// An entry of the list of erasures, which outlives a restore of the table. It is kept under a hash of the person's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The pseudonym.
    pub pseudonym: UserId,
    /// When the erasure was last begun.
    pub start_time: String,
    /// When it was done; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_time: Option<String>,
}

impl Listed {
    /// Whether the person was erased at `time` or later, so that a table as it was then holds them.
    pub fn is_since(&self, time: Timestamp) -> bool {
        self.erase_time.as_deref().and_then(Timestamp::parse).is_some_and(|erased| erased >= time)
    }
}

/// The pseudonym that has `random` in it.
pub fn pseudonym_of(random: &str) -> Option<UserId> {
    Id::parse(&format!("{PSEUDONYM}{random}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::identity::tests::tenant;

    fn erased() -> Erased {
        let id = |text: &str| UserId::parse(text).unwrap();
        Erased::new(&tenant("acme", "support").of_customer(), id("ana"), id("erased-1"))
    }

    #[test]
    fn a_name_is_replaced_only_as_a_whole() {
        let renamed = |text: &str| erased().renamed(text);
        for (text, right) in [
            ("customers/acme/users/ana", Some("customers/acme/users/erased-1")),
            ("as (customers/acme/users/ana) said", Some("as (customers/acme/users/erased-1) said")),
            ("customers/acme/users/anastasia", None),
            ("customers/acme/users/ana.b", None),
            ("customers/globex/users/ana", None),
            ("ana", None),
        ] {
            assert_eq!(renamed(text).as_deref(), right, "{text}");
        }
        let text = "customers/acme/users/anab, customers/acme/users/ana";
        assert_eq!(renamed(text).unwrap(), "customers/acme/users/anab, customers/acme/users/erased-1");
    }

    #[test]
    fn an_id_is_found_between_what_no_id_has() {
        for (text, is_in) in [
            ("acme#support#agent#ana", true),
            ("2026-05#ana#s", true),
            ("2026-05#erased-1", true),
            ("{\"users\":[\"ana\"]}", true),
            ("ana-plan", false),
            ("banana", false),
            ("é ana", true),
        ] {
            assert_eq!(erased().is_in(text), is_in, "{text}");
        }
    }

    #[test]
    fn ids_are_replaced_only_where_people_are_named() {
        let mut audience = json!({"users": ["ana", "ben"], "groups": ["ana"], "name": "customers/acme/users/ana"});
        assert!(erased().rename(&mut audience, &["users"]));
        let right = json!({"users": ["erased-1", "ben"], "groups": ["ana"], "name": "customers/acme/users/erased-1"});
        assert_eq!(audience, right);
        assert!(!erased().rename(&mut audience, &["users"]));
    }

    #[test]
    fn of_scores_only_texts_are_erased() {
        let mut scores = json!([{"criterionId": "a", "textValue": "rude"}, {"criterionId": "b", "numericValue": 3}]);
        assert!(erased().erase_field("scores", &mut scores, Texts::ALL));
        assert_eq!(
            scores,
            json!([{"criterionId": "a", "textValue": ERASED_TEXT}, {"criterionId": "b", "numericValue": 3}])
        );
        assert!(!erased().erase_field("scores", &mut scores, Texts::ALL), "a repeat changes nothing");
    }

    #[test]
    fn who_wrote_a_text_is_told_by_the_change() {
        let person = erased();
        let (ana, ben) = (person.id.clone(), UserId::parse("ben").unwrap());
        let texts = |agent: &UserId, author: (&UserId, Role), after: &Value| {
            let after = after.as_object().unwrap().iter().map(|(field, value)| (field.as_str(), value));
            person.texts_of_change(Some(agent), author, std::iter::empty(), after)
        };
        let notes = json!({"meetingNotes": "x"});
        let of_coach = Texts { of_coach: true, of_agent: false };
        assert_eq!(texts(&ana, (&ben, Role::Manager), &notes), Texts::ALL);
        assert_eq!(texts(&ben, (&ana, Role::Manager), &notes), of_coach);
        assert_eq!(texts(&ben, (&ana, Role::Manager), &json!({"sessionTime": "x"})), Texts::default());
        assert_eq!(texts(&ben, (&ben, Role::Manager), &notes), Texts::default());
        let tagged = json!({"message": "x", "taggedUsers": ["customers/acme/users/ana"]});
        assert_eq!(texts(&ben, (&ben, Role::Manager), &tagged), of_coach);
        let comment = json!({"agentComment": "x"});
        let of_agent = Texts { of_coach: false, of_agent: true };
        assert_eq!(texts(&ben, (&ana, Role::Agent), &comment), of_agent);
    }
}
