//! Reads the fields of a JSON object by the proto3 JSON mapping, one after the other, noting every bad one.
//!
//! The bodies of templates are read so. All others are declared as types ([`crate::message`]).
//!
//! A field may have its lowerCamelCase or its original snake_case name. `null` and the empty string mean absence. Keys
//! that are never read are ignored.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::ops::{Bound, RangeBounds, RangeInclusive};

use crate::json::Json;
use crate::names::{Collection, Id, Revision, Revisions, ScorecardTemplateId};
use crate::outline::Kind;
use crate::{Error, ExpectedEtag, Tenant, Timestamp, Violations};

/// The longest free text, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The longest title or label, in bytes of UTF-8.
pub const MAX_TITLE_BYTES: usize = 1024;

/// An entry of a batch.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// The value to store.
    pub value: T,
    /// The version that it is to replace; without an etag, any version or none.
    pub expected: ExpectedEtag,
}

/// Characters that a display name may not contain, as pairs of first and last: control characters, line breaks, those
/// that change the direction of text, and invisible ones. U+200C and U+200D are invisible too but allowed: Persian and
/// emoji are written with them.
const HIDDEN: [(char, char); 8] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{200b}', '\u{200b}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
];
/// Characters that join letters or keep them apart; by themselves they are blank.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

fn is_hidden(letter: char) -> bool {
    HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&letter))
}

/// Checks a text of at most `max_bytes` bytes.
///
/// # Errors
/// A text, if it is longer.
pub(crate) fn check_text(text: &str, max_bytes: usize) -> Result<(), String> {
    match text.len() {
        bytes if bytes > max_bytes => Err(format!("must hold at most {max_bytes} bytes, holds {bytes}")),
        _ => Ok(()),
    }
}

/// Checks a display name of at most `max_bytes` bytes: see [`Fields::title`].
///
/// # Errors
/// A text that says what is wrong with it.
pub(crate) fn check_title(text: &str, max_bytes: usize) -> Result<(), String> {
    check_text(text, max_bytes)?;
    if text.chars().all(|letter| letter.is_whitespace() || JOINERS.contains(&letter)) {
        return Err("must not be blank".to_owned());
    }
    if text.chars().any(is_hidden) {
        let fault = "must have no control characters, and none that hide or turn around what is read, such as U+202E";
        return Err(fault.to_owned());
    }
    Ok(())
}

/// The finite number in `json`, also as a string.
pub(crate) fn finite(json: &Json) -> Result<f64, &'static str> {
    let value = match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.parse().ok().filter(|_| text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte))),
        _ => None,
    };
    value.filter(|value: &f64| value.is_finite()).ok_or("must be a finite number")
}

/// The whole number of 32 bits that equals `value`.
pub(crate) fn whole(value: f64) -> Result<i32, &'static str> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it was")]
    let whole = value as i32;
    if (f64::from(whole) - value).abs() > 0.0 { Err("must be a whole number of 32 bits") } else { Ok(whole) }
}

/// Checks that `value` is in `range`.
///
/// # Errors
/// A text with the bounds.
pub(crate) fn check_range(value: f64, range: &impl RangeBounds<f64>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let least = match range.start_bound() {
        Bound::Included(least) => format!("at least {least}"),
        Bound::Excluded(below) => format!("more than {below}"),
        Bound::Unbounded => "any".to_owned(),
    };
    let most =
        if let Bound::Included(most) = range.end_bound() { format!(" and at most {most}") } else { String::new() };
    Err(format!("must be {least}{most}"))
}

/// The value of an enum in `json`, by name or number; `values` are in the order of their numbers, from 0 up.
pub(crate) fn one_of<T: Copy>(json: &Json, values: &[(&str, T)]) -> Result<T, String> {
    let found = match json {
        Json::String(name) => values.iter().find(|(known, _)| known == name),
        Json::Number(number) => number.as_u64().and_then(|number| values.get(usize::try_from(number).ok()?)),
        _ => None,
    };
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// Refuses all those of `entries` of the batch `field` that have the same `id`: which of them stays would be chance.
pub(crate) fn refuse_repeated<T, C: Collection>(
    entries: &mut [Result<T, Error>],
    field: &str,
    id: impl Fn(&T) -> Option<&Id<C>>,
) {
    let mut places: HashMap<Id<C>, Vec<usize>> = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some(id) = entry.as_ref().ok().and_then(&id) {
            places.entry(id.clone()).or_default().push(place);
        }
    }
    for places in places.into_values().filter(|places| places.len() > 1) {
        for place in &places {
            let Some(other) = places.iter().find(|other| *other != place) else { continue };
            let at = |place: usize| format!("{field}[{place}].name");
            let refused = Error::invalid_field(&at(*place), format!("is also {}", at(*other)));
            if let Some(entry) = entries.get_mut(*place) {
                *entry = Err(refused);
            }
        }
    }
}

/// The regular expression (ECMA 262) that a display name matches.
pub fn title_pattern() -> String {
    let escaped = |letter: char| format!("\\u{:04x}", u32::from(letter));
    let hidden: String = HIDDEN.iter().map(|(first, last)| format!("{}-{}", escaped(*first), escaped(*last))).collect();
    let joiners = JOINERS.map(escaped).concat();
    format!("^[^{hidden}]*[^\\s{joiners}{hidden}][^{hidden}]*$")
}

/// The fields of one object of a request.
#[derive(Debug)]
pub struct Fields<'a> {
    object: BTreeMap<String, Json>,
    /// The prefix of a field's name in a violation, such as `scores[2].`.
    path: String,
    violations: &'a mut Violations,
}

impl<'a> Fields<'a> {
    /// The fields of a whole body.
    pub fn new(object: BTreeMap<String, Json>, violations: &'a mut Violations) -> Self {
        Self { object, path: String::new(), violations }
    }

    /// Notes that `field` is bad, and why.
    pub fn refuse(&mut self, field: &str, description: impl Into<String>) {
        self.violations.add(format!("{}{field}", self.path), description);
    }

    /// Takes the value of `field`, which is of this `kind`. `null` and `""` are absent, whatever the kind.
    fn take(&mut self, field: &str, kind: impl FnOnce() -> Kind) -> Option<Json> {
        if self.violations.outlines(field, kind) {
            return None;
        }
        let value = self.object.remove(field);
        let original = snake_case(field);
        let other = if original == field { None } else { self.object.remove(&original) };
        if value.is_some() && other.is_some() {
            self.refuse(field, format!("stands twice, also as {original}"));
        }
        let value = value.or(other).filter(|value| *value != Json::Null && *value != Json::String(String::new()))?;
        Some(value)
    }

    /// A string of at most `max_bytes` bytes.
    pub fn string(&mut self, field: &str, max_bytes: usize) -> Option<String> {
        match self.take(field, || Kind::Text { max_bytes: Some(max_bytes) })? {
            Json::String(text) => {
                check_text(&text, max_bytes).map_err(|fault| self.refuse(field, fault)).ok().map(|()| text)
            }
            _ => {
                self.refuse(field, "must be a string");
                None
            }
        }
    }

    /// A display name of at most `max_bytes` bytes: not blank, and without control or invisible characters and those
    /// that change how the text after them reads.
    pub fn title(&mut self, field: &str, max_bytes: usize) -> Option<String> {
        self.text(field, || Kind::Title { max_bytes }, |text| check_title(text, max_bytes).map(|()| text.to_owned()))
    }

    /// A boolean: `true` or `false`.
    pub fn boolean(&mut self, field: &str) -> Option<bool> {
        match self.take(field, || Kind::Boolean)? {
            Json::Bool(value) => Some(value),
            _ => {
                self.refuse(field, "must be true or false");
                None
            }
        }
    }

    /// A point in time.
    pub fn timestamp(&mut self, field: &str) -> Option<Timestamp> {
        let time = match self.take(field, || Kind::Timestamp)? {
            Json::String(text) => Timestamp::parse(&text),
            _ => None,
        };
        if time.is_none() {
            self.refuse(field, "must be an RFC 3339 time such as 2019-08-24T14:15:22Z");
        }
        time
    }

    /// A text, parsed by `read`.
    pub fn text<T, E: Display>(
        &mut self,
        field: &str,
        kind: impl FnOnce() -> Kind,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.take(field, kind)? {
            Json::String(text) => read(&text).map_err(|error| self.refuse(field, error.to_string())).ok(),
            _ => {
                self.refuse(field, "must be a string");
                None
            }
        }
    }

    /// The id in a resource name under `tenant`.
    pub fn id<C: Collection>(&mut self, field: &str, tenant: &Tenant) -> Option<Id<C>> {
        self.text(field, Kind::name::<C>, |name| tenant.id_in(name))
    }

    /// A list of at most `max_entries` texts of this `kind`, each parsed by `read`, without repeats.
    pub fn each<T: PartialEq>(
        &mut self,
        field: &str,
        max_entries: usize,
        kind: impl FnOnce() -> Kind,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let values = self.list(field, max_entries, kind, |entry| match entry {
            Json::String(text) => read(&text),
            _ => Err("must be a string".to_owned()),
        });
        let mut once = Vec::with_capacity(values.len());
        for value in values {
            if !once.contains(&value) {
                once.push(value);
            }
        }
        once
    }

    /// A whole number of 32 bits in `range`, as a number without a fraction or as a string.
    pub fn int32(&mut self, field: &str, range: RangeInclusive<i32>) -> Option<i32> {
        let (minimum, maximum) = (*range.start(), *range.end());
        let json = self.take(field, || Kind::Int32 { minimum, maximum })?;
        let value = match finite(&json).and_then(whole) {
            Ok(value) => value,
            Err(fault) => {
                self.refuse(field, fault);
                return None;
            }
        };
        if !range.contains(&value) {
            self.refuse(field, format!("must be at least {minimum} and at most {maximum}"));
            return None;
        }
        Some(value)
    }

    /// An enum's value, by name or number; `values` are in the order of their numbers, from 0 up.
    pub fn enumeration<T: Copy>(&mut self, field: &str, values: &[(&str, T)]) -> Option<T> {
        let json = self.take(field, || Kind::one_of(values))?;
        one_of(&json, values).map_err(|fault| self.refuse(field, fault)).ok()
    }

    /// The entries of a batch: a list of 1 to `max_entries` objects, each with the version that it is to replace, and
    /// otherwise read by `read`. Each is refused by itself, with its index in the names of its fields. Entries with the
    /// same `id` are all refused: which of them stays would be chance.
    pub fn entries<T, C: Collection>(
        &mut self,
        field: &str,
        max_entries: usize,
        mut read: impl FnMut(&mut Fields<'_>) -> Option<T>,
        id: impl Fn(&T) -> Option<&Id<C>>,
    ) -> Option<Vec<Result<Entry<T>, Error>>> {
        let mut read = |fields: &mut Fields<'_>| {
            let etag = fields.string("etag", MAX_TITLE_BYTES);
            Some(Entry { value: read(fields)?, expected: ExpectedEtag::default().and(etag) })
        };
        let entries = self.required(field, |fields, field| {
            let entry = fields.outline_of(&mut read);
            Some(fields.list(field, max_entries, || entry, Ok)).filter(|entries| !entries.is_empty())
        })?;
        let entries = entries.into_iter().enumerate().map(|(index, entry)| {
            let mut violations = Violations::default();
            let path = format!("{}{field}[{index}].", self.path);
            let value = match entry {
                Json::Object(object) => read(&mut Fields { object, path, violations: &mut violations }),
                _ => {
                    violations.add(path.trim_end_matches('.'), "must be an object");
                    None
                }
            };
            violations.finish(value)
        });
        let mut entries: Vec<Result<Entry<T>, Error>> = entries.collect();
        refuse_repeated(&mut entries, &format!("{}{field}", self.path), |entry| id(&entry.value));
        Some(entries)
    }

    /// Whether the object has `field`, even as `null` or `""`. In documentation mode it has every field.
    pub fn has(&mut self, field: &str) -> bool {
        self.violations.outline().is_some()
            || self.object.contains_key(field)
            || self.object.contains_key(&snake_case(field))
    }

    /// Removes `fields`, whatever they hold.
    pub fn drop_known(&mut self, fields: &[&str]) {
        for field in fields {
            self.take(field, || Kind::Dropped);
        }
    }

    /// Refuses every key that was not read.
    pub fn refuse_unknown(&mut self) {
        if let Some(outline) = self.violations.outline() {
            outline.message().closed = true;
        }
        for field in std::mem::take(&mut self.object).into_keys() {
            self.refuse(&field, "is not a field of this message");
        }
    }

    /// A number in `range`, also as a string.
    pub fn double(&mut self, field: &str, range: impl RangeBounds<f64>) -> Option<f64> {
        let kind = || Kind::Double(range.start_bound().cloned(), range.end_bound().cloned());
        let json = self.take(field, kind)?;
        let value = finite(&json).map_err(str::to_owned).and_then(|value| check_range(value, &range).map(|()| value));
        value.map_err(|fault| self.refuse(field, fault)).ok()
    }

    /// An object, read by `read`.
    pub fn object<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        if self.violations.outline().is_some() {
            let mut read = Some(read);
            let kind = self.outline_of(&mut |fields| read.take()?(fields));
            self.take(field, || kind);
            return None;
        }
        match self.take(field, || Kind::Dropped)? {
            Json::Object(object) => {
                let path = format!("{}{field}.", self.path);
                read(&mut Fields { object, path, violations: self.violations })
            }
            _ => {
                self.refuse(field, "must be an object");
                None
            }
        }
    }

    /// An object with any keys, of at most `max_bytes` bytes of JSON.
    pub fn any_object(&mut self, field: &str, max_bytes: usize) -> Option<serde_json::Map<String, serde_json::Value>> {
        match serde_json::Value::from(self.take(field, || Kind::AnyObject { max_bytes })?) {
            serde_json::Value::Object(object) => {
                let bytes = serde_json::Value::Object(object.clone()).to_string().len();
                if bytes > max_bytes {
                    self.refuse(field, format!("must take at most {max_bytes} bytes of JSON, takes {bytes}"));
                    return None;
                }
                Some(object)
            }
            _ => {
                self.refuse(field, "must be an object");
                None
            }
        }
    }

    /// The template and revision in a template's name under `tenant`; `revisions` says which revisions it may name.
    pub fn template(
        &mut self,
        field: &str,
        tenant: &Tenant,
        revisions: Revisions,
    ) -> Option<(ScorecardTemplateId, Revision)> {
        self.text(field, || Kind::template_name(revisions), |name| tenant.template_among(name, revisions))
    }

    /// The ids in a list of at most `max_entries` resource names under `tenant`, without repeats.
    pub fn ids<C: Collection>(&mut self, field: &str, max_entries: usize, tenant: &Tenant) -> Vec<Id<C>> {
        let ids = self.list(field, max_entries, Kind::name::<C>, |entry| match entry {
            Json::String(name) => tenant.id_in(&name).map_err(|error| error.to_string()),
            _ => Err("must be a string".to_owned()),
        });
        let mut once = Vec::with_capacity(ids.len());
        for id in ids {
            if !once.contains(&id) {
                once.push(id);
            }
        }
        once
    }

    /// A list of at most `max_entries` objects, each read by `read`.
    pub fn objects<T>(
        &mut self,
        field: &str,
        max_entries: usize,
        mut read: impl FnMut(&mut Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let entry = self.outline_of(&mut read);
        let objects = self.list(
            field,
            max_entries,
            || entry,
            |entry| match entry {
                Json::Object(object) => Ok(object),
                _ => Err("must be an object".to_owned()),
            },
        );
        let mut values = Vec::with_capacity(objects.len());
        for (index, object) in objects.into_iter().enumerate() {
            let path = format!("{}{field}[{index}].", self.path);
            values.extend(read(&mut Fields { object, path, violations: self.violations }));
        }
        values
    }

    /// As [`Fields::objects`], with at least one.
    pub fn some_objects<T>(
        &mut self,
        field: &str,
        max_entries: usize,
        read: impl FnMut(&mut Fields<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.required(field, |fields, field| {
            Some(fields.objects(field, max_entries, read)).filter(|objects| !objects.is_empty())
        })
    }

    /// In documentation mode, the fields that `read` reads of an object; otherwise a kind that nobody looks at.
    fn outline_of<T>(&mut self, read: &mut impl FnMut(&mut Fields<'_>) -> Option<T>) -> Kind {
        let Some(outline) = self.violations.outline() else { return Kind::Dropped };
        let around = std::mem::take(outline.message());
        read(&mut Fields { object: BTreeMap::new(), path: String::new(), violations: self.violations });
        let within = self.violations.outline().map(|outline| std::mem::replace(outline.message(), around));
        Kind::Object(within.unwrap_or_default())
    }

    fn list<T>(
        &mut self,
        field: &str,
        max_entries: usize,
        kind: impl FnOnce() -> Kind,
        read: impl Fn(Json) -> Result<T, String>,
    ) -> Vec<T> {
        let entries = match self.take(field, || kind().listed(Some(max_entries))) {
            None => return Vec::new(),
            Some(Json::Array(entries)) if entries.len() > max_entries => {
                self.refuse(field, format!("must have at most {max_entries} entries, has {}", entries.len()));
                return Vec::new();
            }
            Some(Json::Array(entries)) => entries,
            Some(_) => {
                self.refuse(field, "must be a list");
                return Vec::new();
            }
        };
        let mut values = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            match read(entry) {
                Ok(value) => values.push(value),
                Err(description) => self.refuse(&format!("{field}[{index}]"), description),
            }
        }
        values
    }

    /// Notes in the outline that the field read last may be absent.
    pub(crate) fn may_be_absent(&mut self) {
        if let Some(last) = self.violations.last_outlined() {
            last.required = false;
        }
    }

    /// Reads a required field; notes that it is required unless `read` already noted a problem.
    pub fn required<T>(&mut self, field: &str, read: impl FnOnce(&mut Self, &str) -> Option<T>) -> Option<T> {
        let noted = self.violations.len();
        let value = read(self, field);
        self.violations.note_as_required();
        if value.is_none() && self.violations.len() == noted {
            self.refuse(field, "is required");
        }
        value
    }
}

/// The page size for the size `asked` for (AIP-158): 50 for 0, at most 1000.
///
/// # Errors
/// A text, if the size is negative.
pub fn page_size(asked: i32) -> Result<usize, &'static str> {
    match usize::try_from(asked) {
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(1000)),
        Err(_) => Err("must not be negative"),
    }
}

/// The proto name of a field from its JSON name: `agentUserName` is `agent_user_name`.
pub fn snake_case(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + 4);
    name.extend(in_snake_case(field));
    name
}

/// Whether `key` is the proto name of `field`.
pub(crate) fn is_snake_case(key: &str, field: &str) -> bool {
    key.chars().eq(in_snake_case(field))
}

fn in_snake_case(field: &str) -> impl Iterator<Item = char> {
    field.chars().flat_map(|letter| {
        let before = letter.is_ascii_uppercase().then_some('_');
        before.into_iter().chain([letter.to_ascii_lowercase()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::tenant;
    use crate::names::User;

    fn read<T>(body: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> (T, Vec<String>) {
        let Json::Object(object) = Json::parse(body.as_bytes()).unwrap() else { panic!("{body} is no object") };
        let mut violations = Violations::default();
        let value = read(&mut Fields::new(object, &mut violations));
        let error = violations.into_result().err();
        let named = error.iter().flat_map(|error| error.violations()).map(|one| one.field.clone()).collect();
        (value, named)
    }

    #[test]
    fn both_names_of_a_field_are_known() {
        for body in [
            r#"{"meetingNotes": "x"}"#,
            r#"{"meeting_notes": "x"}"#,
            r#"{"meetingNotes": "x", "meeting_notes": null, "other": 1}"#,
        ] {
            let (value, named) = read(body, |fields| fields.string("meetingNotes", 10));
            if body.contains("null") {
                assert_eq!(named, ["meetingNotes"]);
            } else {
                assert_eq!((value.as_deref(), named.len()), (Some("x"), 0), "{body}");
            }
        }
    }

    /// Reads one field and returns whether it found a value.
    type Reader = fn(&mut Fields<'_>) -> bool;

    /// Every reader of a field, with its name.
    const READERS: [(&str, Reader); 14] = [
        ("string", |fields| fields.string("a", 10).is_some()),
        ("title", |fields| fields.title("a", 10).is_some()),
        ("boolean", |fields| fields.boolean("a").is_some()),
        ("timestamp", |fields| fields.timestamp("a").is_some()),
        ("text", |fields| fields.text("a", Kind::id, |text| Ok::<_, String>(text.to_owned())).is_some()),
        ("id", |fields| fields.id::<User>("a", &tenant("acme", "support")).is_some()),
        ("each", |fields| !fields.each("a", 10, Kind::id, |text| Ok(text.to_owned())).is_empty()),
        ("int32", |fields| fields.int32("a", 0..=9).is_some()),
        ("enumeration", |fields| fields.enumeration("a", &[("ONE", ()), ("TWO", ())]).is_some()),
        ("double", |fields| fields.double("a", ..).is_some()),
        ("object", |fields| fields.object("a", |_| Some(())).is_some()),
        ("objects", |fields| !fields.objects("a", 10, |_| Some(())).is_empty()),
        ("template", |fields| fields.template("a", &tenant("acme", "support"), Revisions::Any).is_some()),
        ("ids", |fields| !fields.ids::<User>("a", 10, &tenant("acme", "support")).is_empty()),
    ];

    #[test]
    fn null_and_empty_are_absent_whatever_is_read() {
        for (name, reader) in READERS {
            for body in ["{}", r#"{"a": null}"#, r#"{"a": ""}"#] {
                assert_eq!(read(body, reader), (false, vec![]), "{name}: {body}");
            }
        }
        let none = read(r#"{"a": []}"#, |fields| fields.ids::<User>("a", 10, &tenant("acme", "support")));
        assert_eq!(none, (vec![], vec![]));
    }

    #[test]
    fn what_is_required_is_named_if_it_is_empty() {
        for body in ["{}", r#"{"a": null}"#, r#"{"a": ""}"#] {
            assert_eq!(
                read(body, |fields| fields
                    .entries("a", 10, |_| Some(()), |()| None::<&crate::names::UsecaseId>)
                    .is_none())
                .1,
                ["a"],
                "{body}"
            );
            assert_eq!(read(body, |fields| fields.some_objects("a", 10, |_| Some(())).is_none()).1, ["a"], "{body}");
            let boolean = |fields: &mut Fields<'_>| fields.required("a", |fields, field| fields.boolean(field));
            assert_eq!(read(body, boolean), (None, vec!["a".to_owned()]), "{body}");
        }
    }

    #[test]
    fn wrong_types_are_named_all_at_once() {
        let (_, named) = read(
            r#"{"a": 1, "b": "true", "c": 7, "d": ["customers/acme/users/x", null, 3], "e": {}, "f": [{}, 1]}"#,
            |fields| {
                fields.string("a", 10);
                fields.boolean("b");
                fields.timestamp("c");
                fields.ids::<User>("d", 10, &tenant("acme", "support"));
                fields.id::<User>("e", &tenant("acme", "support"));
                fields.objects("f", 10, |_| Some(()));
            },
        );
        assert_eq!(named, ["a", "b", "c", "d[1]", "d[2]", "e", "f[1]"]);
    }

    #[test]
    fn limits_are_exact() {
        for (text, refused) in
            [("x".repeat(10), false), ("x".repeat(11), true), ("ä".repeat(5), false), ("ä".repeat(6), true)]
        {
            let (_, named) = read(&format!(r#"{{"a": "{text}"}}"#), |fields| fields.string("a", 10));
            assert_eq!(!named.is_empty(), refused, "{text}");
        }
        let (_, named) = read(r#"{"a": [{}, {}, {}]}"#, |fields| fields.objects("a", 2, |_| Some(())));
        assert_eq!(named, ["a"]);
    }

    #[test]
    fn a_name_for_people_is_not_blank() {
        for (text, refused) in [
            (" ", true),
            ("\t \u{a0}\u{2003}", true),
            ("\u{200d}", true),
            (" Ana ", false),
            ("Ana Abe", false),
            ("Ana Abe etc.", true),
        ] {
            let Ok(quoted) = serde_json::to_string(text) else { panic!("{text} is no JSON") };
            let (value, named) = read(&format!(r#"{{"a": {quoted}}}"#), |fields| fields.title("a", 10));
            assert_eq!(!named.is_empty(), refused, "{text:?}");
            assert!(refused || value.as_deref() == Some(text), "{text:?} is kept as it is");
        }
    }

    #[test]
    fn a_name_for_people_hides_nothing() {
        let title = |text: &str| {
            let quoted = serde_json::Value::from(text).to_string();
            read(&format!(r#"{{"a": {quoted}}}"#), |fields| fields.title("a", 100))
        };
        for letter in [
            '\u{0}', '\t', '\n', '\r', '\u{7f}', '\u{85}', '\u{9f}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{2029}',
            '\u{202a}', '\u{202e}', '\u{2060}', '\u{2066}', '\u{2069}', '\u{feff}',
        ] {
            for text in [format!("Ana{letter}Abe"), format!("{letter}Ana"), format!("Ana{letter}")] {
                assert_eq!(title(&text), (None, vec!["a".to_owned()]), "{text:?}");
            }
        }
        assert!(('\u{0}'..='\u{10ffff}').filter(|letter| letter.is_control()).all(is_hidden));
        for text in ["می\u{200c}خواهم", "👩\u{200d}💻 Ana", "אנה", "Ana‐Abe", "安娜", "A\u{301}na", "=1+1", "<b>"]
        {
            assert_eq!(title(text), (Some(text.to_owned()), vec![]), "{text:?}");
        }
    }

    #[test]
    fn a_field_is_bad_once() {
        let (_, named) = read(r#"{"a": -1, "b": 1}"#, |fields| {
            fields.required("a", |fields, field| fields.double(field, 0.0..));
            fields.refuse("a", "must not stand beside b");
            fields.refuse("b", "must not stand beside a");
            fields.refuse("b", "is no text");
        });
        assert_eq!(named, ["a", "b"]);
    }

    #[test]
    fn a_nested_field_is_named_by_its_path() {
        let (_, named) = read(r#"{"scores": [{"id": "a"}, {}, {"id": 7}]}"#, |fields| {
            fields.objects("scores", 10, |score| score.required("id", |score, field| score.string(field, 10)))
        });
        assert_eq!(named, ["scores[1].id", "scores[2].id"]);
    }

    #[test]
    fn a_key_twice_is_refused() {
        assert!(Json::parse(br#"{"a": 1, "a": 1}"#).is_err());
        assert!(Json::parse(br#"{"b": [{"a": 1, "a": 2}]}"#).is_err());
    }

    #[test]
    fn the_number_of_values_is_limited() {
        let array = |entries: usize| format!("[{}0]", "0,".repeat(entries - 1));
        assert!(Json::parse(array(crate::json::MAX_VALUES - 1).as_bytes()).is_ok());
        assert!(Json::parse(array(crate::json::MAX_VALUES).as_bytes()).is_err());
    }

    #[test]
    fn an_answer_names_so_many_fields_and_so_much_of_each() {
        let fields: Vec<String> = (0..40).map(|index| format!("\"{index}{}\": 1", "ä".repeat(200))).collect();
        let (_, named) = read(&format!("{{{}}}", fields.join(",")), |fields| fields.refuse_unknown());
        assert_eq!(named.len(), crate::error::MAX_VIOLATIONS);
        assert!(named.iter().all(|field| field.len() <= 260 && field.ends_with('…')), "{named:?}");
    }
}
