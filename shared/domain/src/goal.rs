//! Goals: the targets that an agent is measured by, each with the place of its scores in statistics.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Timestamp;
use crate::names::ScorecardTemplateId;
use crate::statistics::WHOLE_SCORECARD;
use crate::target::Target;
use crate::template::ScorecardTemplate;

/// Current templates by their ids; `None` for one that cannot be read.
pub type Templates = HashMap<ScorecardTemplateId, Option<ScorecardTemplate>>;

/// A target in scope, and the place of its scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// The target.
    pub target: Target,
    /// The value in force at the window's end, in hundredths of a percentage point.
    pub(crate) hundredths: u32,
    /// The number of the criterion or chapter in statistics; `None` if its template does not have it.
    pub(crate) number: Option<u32>,
    pub(crate) label: Label,
}

/// What a criterion, a chapter or a whole scorecard is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    display_name: String,
    /// The last revision that has the criterion or chapter and its label, if the current one does not.
    last_revision: Option<u32>,
}

impl Label {
    /// The label of `part`, a criterion or chapter or, if it is empty, the whole scorecard; by what the current `template`,
    /// if there is one, says of it.
    pub(crate) fn of(part: &str, template: Option<&ScorecardTemplate>) -> Self {
        let display_name = match template {
            Some(template) if part.is_empty() => &template.title,
            Some(template) => template.display_name_of(part).unwrap_or(part),
            None => part,
        };
        let last_revision = template.and_then(|template| template.last_revision_with(part));
        Self { display_name: display_name.to_owned(), last_revision }
    }

    /// The last revision that has the criterion or chapter, and so its label, if the current one does not.
    pub fn last_revision(&self) -> Option<u32> {
        self.last_revision
    }

    /// The label of `part` of the template `id`. If the current revision does not have the criterion or chapter, it is
    /// that of the last one that does, if that is in `last_revisions`. Without a label, its id.
    pub fn text<'a>(
        &'a self,
        id: &ScorecardTemplateId,
        part: &str,
        last_revisions: &'a [ScorecardTemplate],
    ) -> &'a str {
        let is_last = |one: &&ScorecardTemplate| one.id == *id && Some(one.revision) == self.last_revision;
        let last = last_revisions.iter().find(is_last);
        last.and_then(|one| one.display_name_of(part)).unwrap_or(&self.display_name)
    }
}

impl Goal {
    /// The goal that `target` was at the time `at`, with what its current `template`, if there is one, says of it;
    /// `None` if the target was created later.
    pub fn new(target: &Target, at: Timestamp, template: Option<&ScorecardTemplate>) -> Option<Self> {
        let part = target.criterion_or_chapter_id.as_str();
        Some(Self {
            hundredths: target.hundredths_at(at)?,
            number: if part.is_empty() {
                Some(WHOLE_SCORECARD)
            } else {
                template.and_then(|template| template.number_of(part))
            },
            label: Label::of(part, template),
            target: target.clone(),
        })
    }

    /// The goals that `targets` were at the time `at`, in their order, without those whose template is in `templates`
    /// and cannot be read.
    pub fn all(targets: Vec<&Target>, at: Timestamp, templates: [&Templates; 2]) -> Arc<[Self]> {
        let goals = targets.into_iter().filter_map(|target| {
            match templates.into_iter().find_map(|some| some.get(&target.template)) {
                Some(None) => None,
                Some(Some(template)) => Self::new(target, at, Some(template)),
                None => Self::new(target, at, None),
            }
        });
        goals.collect()
    }

    /// The last revision that has the criterion or chapter, and so its label, if the current one does not.
    pub fn last_revision(&self) -> Option<u32> {
        self.label.last_revision()
    }

    /// Its label, as [`Label::text`] tells it.
    pub fn label<'a>(&'a self, last_revisions: &'a [ScorecardTemplate]) -> &'a str {
        self.label.text(&self.target.template, &self.target.criterion_or_chapter_id, last_revisions)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Id;
    use crate::Version;
    use crate::template::{Chapter, Dropped, Part};

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// A target of the organisation for the usecase `care` and a part of the template `quality`: 80 %, from June 90 %.
    pub(crate) fn target(part: &str) -> Target {
        let (created, changed) = (time("2026-05-01T00:00:00Z"), time("2026-06-01T00:00:00Z"));
        Target {
            id: Id::parse("target").unwrap(),
            version: Version::first(created).next(),
            template: Id::parse("quality").unwrap(),
            criterion_or_chapter_id: part.to_owned(),
            usecase: Id::parse("care").unwrap(),
            plan: None,
            agent: None,
            history: vec![(created, 8_000), (changed, 9_000)],
            create_time: created,
            update_time: changed,
        }
    }

    /// A revision of the template `quality`, of those chapters, where `greeting` and `closing` are known.
    pub(crate) fn template(revision: u32, chapters: &[(&str, &str)], dropped: &[(u32, u32)]) -> ScorecardTemplate {
        let chapters = chapters.iter().map(|(id, display_name)| Chapter {
            id: (*id).to_owned(),
            display_name: (*display_name).to_owned(),
            criteria: Vec::new(),
        });
        let dropped = dropped
            .iter()
            .map(|(number, last_revision)| (*number, Dropped { part: Part::Chapter, last_revision: *last_revision }));
        ScorecardTemplate {
            id: Id::parse("quality").unwrap(),
            revision,
            title: "Quality".to_owned(),
            chapters: chapters.collect(),
            usecases: Vec::new(),
            create_time: time("2026-04-01T00:00:00Z"),
            update_time: time("2026-04-01T00:00:00Z"),
            deactivate_time: None,
            settings: None,
            known_ids: vec!["greeting".to_owned(), "closing".to_owned()],
            dropped: dropped.collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn a_goal_is_what_was_in_force_then() {
        let hundredths = |at: &str| Goal::new(&target(""), time(at), None).map(|goal| goal.hundredths);
        assert_eq!(hundredths("2026-04-30T23:59:59Z"), None);
        assert_eq!(hundredths("2026-05-31T23:59:59Z"), Some(8_000));
        assert_eq!(hundredths("2026-06-01T00:00:00Z"), Some(9_000));
    }

    #[test]
    fn a_goal_has_the_number_and_the_label_of_its_part() {
        let current = template(2, &[("greeting", "Greeting")], &[(2, 1)]);
        let of = |part: &str, template| Goal::new(&target(part), time("2026-06-01T00:00:00Z"), template).unwrap();
        let facts = |goal: &Goal| (goal.number, goal.label(&[]).to_owned(), goal.last_revision());
        let expected = |number, label: &str, last_revision| (number, label.to_owned(), last_revision);
        assert_eq!(facts(&of("", Some(&current))), expected(Some(WHOLE_SCORECARD), "Quality", None));
        assert_eq!(facts(&of("greeting", Some(&current))), expected(Some(1), "Greeting", None));
        assert_eq!(facts(&of("closing", Some(&current))), expected(Some(2), "closing", Some(1)));
        assert_eq!(facts(&of("unheard-of", Some(&current))), expected(None, "unheard-of", None));
        assert_eq!(facts(&of("", None)), expected(Some(WHOLE_SCORECARD), "", None));
        assert_eq!(facts(&of("greeting", None)), expected(None, "greeting", None));
    }

    #[test]
    fn what_was_dropped_keeps_its_last_label() {
        let revisions = [
            template(1, &[("closing", "Closing")], &[]),
            template(2, &[("closing", "Farewell")], &[]),
            template(3, &[("greeting", "Greeting")], &[(2, 2)]),
        ];
        let at = time("2026-06-01T00:00:00Z");
        let [first, _, current] = &revisions;
        let closing = Goal::new(&target("closing"), at, Some(current)).unwrap();
        assert_eq!(closing.label(&revisions), "Farewell");
        assert_eq!(closing.label(std::slice::from_ref(first)), "closing");
        let greeting = Goal::new(&target("greeting"), at, Some(current)).unwrap();
        assert_eq!(greeting.label(&revisions), "Greeting");
    }

    #[test]
    fn what_is_for_a_template_that_cannot_be_read_is_left_out() {
        let of_other = |id: &str| Target { template: Id::parse(id).unwrap(), ..target("") };
        let (read, unreadable, unknown) = (target("greeting"), of_other("damaged"), of_other("gone"));
        let current = template(1, &[("greeting", "Greeting")], &[]);
        let first = Templates::from([(unreadable.template.clone(), None)]);
        let second = Templates::from([(current.id.clone(), Some(current))]);
        let at = time("2026-06-01T00:00:00Z");
        let goals = Goal::all(vec![&read, &unreadable, &unknown], at, [&first, &second]);
        let templates: Vec<&str> = goals.iter().map(|goal| goal.target.template.as_str()).collect();
        assert_eq!(templates, ["quality", "gone"]);
        let labels: Vec<&str> = goals.iter().map(|goal| goal.label(&[])).collect();
        assert_eq!(labels, ["Greeting", ""]);
    }
}
