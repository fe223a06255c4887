//! The rules for fields of messages: each is the type of a field in a [`message!`](crate::message!), and says what the
//! field may hold, what its absence means, and what is read of it.

use std::marker::PhantomData;
use std::ops::Bound;

use serde_json::{Map, Value};

use crate::json::Json;
use crate::message::{Field, Known, Place, Rule, Scope, filled};
use crate::names::{Collection, Id, NameError, Revision, Revisions, ScorecardTemplateId, UserId};
use crate::outline::Kind;
use crate::timestamp::is_future;
use crate::values::{
    WHOLE, boolean, check_range, check_text, check_title, finite, named, one_of, one_of_texts, page_size, whole,
};
use crate::{Role, Tenant, Timestamp};

/// A text of at most `N` bytes of UTF-8.
#[derive(Debug)]
pub struct Text<const N: usize>;

impl<const N: usize> Rule for Text<N> {
    type Value = String;

    fn read(json: Json, place: &mut Place<'_>) -> Option<String> {
        place.string(json, |text| check_text(&text, N).map(|()| text))
    }

    fn kind() -> Kind {
        Kind::Text { max_bytes: Some(N) }
    }
}

/// A display name of at most `N` bytes of UTF-8: not blank, and without control or invisible characters and those that
/// change how the text after them reads.
#[derive(Debug)]
pub struct Title<const N: usize>;

impl<const N: usize> Rule for Title<N> {
    type Value = String;

    fn read(json: Json, place: &mut Place<'_>) -> Option<String> {
        place.string(json, |text| check_title(&text, N).map(|()| text))
    }

    fn kind() -> Kind {
        Kind::Title { max_bytes: N }
    }
}

/// The id in a resource name that lies under the request's path.
impl<C: Collection> Rule for Id<C> {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let scope = place.scope();
        place.string(json, |name| scope.id_in(&name))
    }

    fn kind() -> Kind {
        Kind::name::<C>()
    }
}

/// An agent whose records are asked for, by name: an agent may ask only for their own.
#[derive(Debug)]
pub struct AskedAgent;

impl Rule for AskedAgent {
    type Value = UserId;

    fn read(json: Json, place: &mut Place<'_>) -> Option<UserId> {
        let agent = <UserId as Rule>::read(json, place)?;
        match place.caller() {
            caller if caller.role() == Role::Agent && agent != *caller.user() => {
                place.deny(place.scope().name_of(&agent))
            }
            _ => Some(agent),
        }
    }

    fn kind() -> Kind {
        <UserId as Rule>::kind()
    }
}

/// The template and revision in the name of a template with a revision that `R` allows.
#[derive(Debug)]
pub struct TemplateRevision<R>(PhantomData<R>);

impl<R: AllowedRevisions> Rule for TemplateRevision<R> {
    type Value = (ScorecardTemplateId, Revision);

    fn read(json: Json, place: &mut Place<'_>) -> Option<(ScorecardTemplateId, Revision)> {
        let scope = place.scope();
        place.string(json, |name| match scope {
            Scope::Profile(tenant) => tenant.template_among(&name, R::REVISIONS),
            Scope::Customer(_) => Err(NameError::Foreign.to_string()),
        })
    }

    fn kind() -> Kind {
        Kind::template_name(R::REVISIONS)
    }
}

/// The name of a template with a revision that `R` allows; only the template's id is read.
#[derive(Debug)]
pub struct TemplateName<R>(PhantomData<R>);

impl<R: AllowedRevisions> Rule for TemplateName<R> {
    type Value = ScorecardTemplateId;

    fn read(json: Json, place: &mut Place<'_>) -> Option<ScorecardTemplateId> {
        <TemplateRevision<R> as Rule>::read(json, place).map(|(template, _)| template)
    }

    fn kind() -> Kind {
        <TemplateRevision<R> as Rule>::kind()
    }
}

/// What revisions a template's name may have.
pub trait AllowedRevisions {
    /// The revisions.
    const REVISIONS: Revisions;
}

/// None.
#[derive(Debug)]
pub enum Unnamed {}

impl AllowedRevisions for Unnamed {
    const REVISIONS: Revisions = Revisions::Unnamed;
}

/// One, or none for the current one.
#[derive(Debug)]
pub enum One {}

impl AllowedRevisions for One {
    const REVISIONS: Revisions = Revisions::One;
}

/// One, every one, or none.
#[derive(Debug)]
pub enum Any {}

impl AllowedRevisions for Any {
    const REVISIONS: Revisions = Revisions::Any;
}

/// Every one: `@*`.
#[derive(Debug)]
pub enum Every {}

impl AllowedRevisions for Every {
    const REVISIONS: Revisions = Revisions::Every;
}

/// Every one: `@*`, or none.
#[derive(Debug)]
pub enum EveryOrUnnamed {}

impl AllowedRevisions for EveryOrUnnamed {
    const REVISIONS: Revisions = Revisions::EveryOrUnnamed;
}

/// A profile of the request's customer, by its name.
impl Rule for Tenant {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let scope = place.scope();
        place.string(json, |name| match scope {
            Scope::Profile(tenant) => tenant.of_customer().profile_in(&name),
            Scope::Customer(tenant) => tenant.profile_in(&name),
        })
    }

    fn kind() -> Kind {
        Kind::profile_name()
    }
}

impl Rule for bool {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let value = match json {
            Json::Bool(value) => Some(value),
            Json::String(text) if place.is_in_query() => boolean(&text),
            _ => None,
        };
        value.or_else(|| place.refuse("must be true or false"))
    }

    fn kind() -> Kind {
        Kind::Boolean
    }
}

impl Rule for Timestamp {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        let time = match json {
            Json::String(text) => Self::parse(&text),
            _ => None,
        };
        time.or_else(|| place.refuse("must be an RFC 3339 time such as 2019-08-24T14:15:22Z"))
    }

    fn kind() -> Kind {
        Kind::Timestamp
    }
}

/// The time of something done: not in the future.
#[derive(Debug)]
pub struct Past;

impl Rule for Past {
    type Value = Timestamp;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Timestamp> {
        match <Timestamp as Rule>::read(json, place) {
            time if is_future(time, place.now()) => place.refuse("must not be in the future"),
            time => time,
        }
    }

    fn kind() -> Kind {
        Kind::Timestamp
    }
}

/// An enum whose values are sent by name or number.
pub trait Enumeration: Copy + 'static {
    /// The values by name, in the order of their numbers, from 0 up.
    const VALUES: &'static [(&'static str, Self)];
}

/// A number from `MIN` to `MAX`, also as a string.
#[derive(Debug)]
pub struct Double<const MIN: u32, const MAX: u32>;

impl<const MIN: u32, const MAX: u32> Rule for Double<MIN, MAX> {
    type Value = f64;

    fn read(json: Json, place: &mut Place<'_>) -> Option<f64> {
        let range = f64::from(MIN)..=f64::from(MAX);
        let value = finite(&json).map_err(str::to_owned).and_then(|value| check_range(value, &range).map(|()| value));
        value.map_or_else(|fault| place.refuse(fault), Some)
    }

    fn kind() -> Kind {
        Kind::Double(Bound::Included(MIN.into()), Bound::Included(MAX.into()))
    }
}

/// A number above 0 and up to `MAX`, also as a string.
#[derive(Debug)]
pub struct Positive<const MAX: u32>;

impl<const MAX: u32> Rule for Positive<MAX> {
    type Value = f64;

    fn read(json: Json, place: &mut Place<'_>) -> Option<f64> {
        let range = (Bound::Excluded(0.0), Bound::Included(f64::from(MAX)));
        let value = finite(&json).map_err(str::to_owned).and_then(|value| check_range(value, &range).map(|()| value));
        value.map_or_else(|fault| place.refuse(fault), Some)
    }

    fn kind() -> Kind {
        Kind::Double(Bound::Excluded(0.0), Bound::Included(MAX.into()))
    }
}

/// A whole number from `MIN` to `MAX`, also as a string.
#[derive(Debug)]
pub struct Whole<const MIN: i32, const MAX: i32>;

impl<const MIN: i32, const MAX: i32> Rule for Whole<MIN, MAX> {
    type Value = i32;

    fn read(json: Json, place: &mut Place<'_>) -> Option<i32> {
        match finite(&json).and_then(whole) {
            Ok(value) if (MIN..=MAX).contains(&value) => Some(value),
            Ok(_) => place.refuse(format_args!("must be at least {MIN} and at most {MAX}")),
            Err(fault) => place.refuse(fault),
        }
    }

    fn kind() -> Kind {
        Kind::Int32 { minimum: MIN, maximum: MAX }
    }
}

/// An object with any keys, of at most `N` bytes of JSON.
#[derive(Debug)]
pub struct AnyObject<const N: usize>;

impl<const N: usize> Rule for AnyObject<N> {
    type Value = Map<String, Value>;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Map<String, Value>> {
        let object = Value::from(json);
        let bytes = object.to_string().len();
        match object {
            Value::Object(_) if bytes > N => {
                place.refuse(format_args!("must take at most {N} bytes of JSON, takes {bytes}"))
            }
            Value::Object(object) => Some(object),
            _ => place.refuse("must be an object"),
        }
    }

    fn kind() -> Kind {
        Kind::AnyObject { max_bytes: N }
    }
}

/// A value of the enum `E`, by name or number.
#[derive(Debug)]
pub struct OneOf<E>(PhantomData<E>);

impl<E: Enumeration> Rule for OneOf<E> {
    type Value = E;

    fn read(json: Json, place: &mut Place<'_>) -> Option<E> {
        let value = match &json {
            Json::String(text) if place.is_in_query() => one_of_texts(text, E::VALUES),
            json => one_of(json, E::VALUES),
        };
        value.map_or_else(|fault| place.refuse(fault), Some)
    }

    fn kind() -> Kind {
        Kind::one_of(E::VALUES)
    }
}

/// Any number of values of the enum `E`, each by name; without a list, none.
#[derive(Debug)]
pub struct AnyOf<E>(PhantomData<E>);

impl<E: Enumeration> Field for AnyOf<E> {
    type Value = Vec<E>;
    type Read = Vec<E>;
    const IS_LIST: bool = true;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Vec<E> {
        let entries = entries(json, usize::MAX, place);
        let mut values = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            let mut place = place.entry(index);
            values.extend(place.string(entry, |name| named(&name, E::VALUES)));
        }
        values
    }

    fn kind() -> Kind {
        Kind::one_of(E::VALUES).listed(None)
    }
}

/// The entries of the list in `json`, of which there may be `most`; none if it is bad.
fn entries(json: Option<Json>, most: usize, place: &mut Place<'_>) -> Vec<Json> {
    let entries = match filled(json) {
        None => Some(Vec::new()),
        Some(Json::Array(entries)) if entries.len() <= most => Some(entries),
        Some(Json::Array(_)) if place.is_in_query() => place.refuse(format_args!("must stand at most {most} times")),
        Some(Json::Array(entries)) => {
            place.refuse(format_args!("must have at most {most} entries, has {}", entries.len()))
        }
        Some(_) => place.refuse("must be a list"),
    };
    entries.unwrap_or_default()
}

/// At most `N` values; without a list, none.
#[derive(Debug)]
pub struct List<R, const N: usize>(PhantomData<R>);

impl<R: Rule, const N: usize> Field for List<R, N> {
    type Value = Vec<R::Value>;
    type Read = Vec<R::Value>;
    const IS_LIST: bool = true;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Vec<R::Value> {
        let entries = entries(json, N, place);
        let mut values = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            values.extend(R::read(entry, &mut place.entry(index)));
        }
        values
    }

    fn kind() -> Kind {
        R::kind().listed(Some(N))
    }
}

/// At most `N` values, of which repeats are dropped; without a list, none.
#[derive(Debug)]
pub struct Distinct<R, const N: usize>(PhantomData<R>);

impl<R: Rule<Value: PartialEq>, const N: usize> Field for Distinct<R, N> {
    type Value = Vec<R::Value>;
    type Read = Vec<R::Value>;
    const IS_LIST: bool = true;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Vec<R::Value> {
        let values = List::<R, N>::read(json, place);
        let mut once = Vec::with_capacity(values.len());
        for value in values {
            if !once.contains(&value) {
                once.push(value);
            }
        }
        once
    }

    fn kind() -> Kind {
        List::<R, N>::kind()
    }
}

/// The list `L`, with at least one value.
#[derive(Debug)]
pub struct AtLeastOne<L>(PhantomData<L>);

impl<T, L: Field<Read = Vec<T>>> Field for AtLeastOne<L> {
    type Value = Vec<T>;
    type Read = Option<Vec<T>>;
    const IS_REQUIRED: bool = true;
    const MAY_BE_EMPTY: bool = false;
    const IS_LIST: bool = true;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Option<Vec<T>> {
        let noted = place.noted();
        let values = L::read(json, place);
        if values.is_empty() && place.noted() == noted {
            return place.refuse("is required");
        }
        Some(values).filter(|values| !values.is_empty())
    }

    fn kind() -> Kind {
        L::kind()
    }
}

/// `true` or `false`, which its absence means.
#[derive(Debug)]
pub struct Flag;

impl Field for Flag {
    type Value = bool;
    type Read = bool;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> bool {
        Option::<bool>::read(json, place).unwrap_or(false)
    }

    fn kind() -> Kind {
        <bool as Rule>::kind()
    }
}

/// `pageSize` (AIP-158): 50 if absent or 0, at most 1000.
#[derive(Debug)]
pub struct PageSize;

impl Field for PageSize {
    type Value = usize;
    type Read = usize;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> usize {
        let asked = match filled(json) {
            Some(Json::String(text)) if place.is_in_query() => text.parse().map_err(|_| WHOLE),
            Some(json) => finite(&json).and_then(whole),
            None => Ok(0),
        };
        asked.and_then(page_size).unwrap_or_else(|fault| place.refuse(fault).unwrap_or_default())
    }

    fn kind() -> Kind {
        Kind::Int32 { minimum: 0, maximum: i32::MAX }
    }
}

/// A field that an update may change: `None` if it does not, else the new value.
#[derive(Debug)]
pub struct Patch<F>(PhantomData<F>);

impl<F: Field> Field for Patch<F> {
    type Value = Option<F::Value>;
    type Read = Option<F::Value>;
    const MAY_BE_EMPTY: bool = F::MAY_BE_EMPTY;
    const IS_LIST: bool = F::IS_LIST;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Option<F::Value> {
        if !place.is_covered(json.as_ref()) {
            return None;
        }
        F::read(json, place).known()
    }

    fn kind() -> Kind {
        F::kind()
    }
}

/// A field that never changes: what an update sends of it, `Some(None)` if that is empty. With the mask `*` it may be
/// absent.
#[derive(Debug)]
pub struct Fixed<R>(PhantomData<R>);

impl<R: Rule> Field for Fixed<R> {
    type Value = Option<Option<R::Value>>;
    type Read = Option<Option<R::Value>>;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> Option<Option<R::Value>> {
        match json {
            None if place.changes_everything() => None,
            json => Patch::<Option<R>>::read(json, place),
        }
    }

    fn kind() -> Kind {
        R::kind()
    }
}

/// A field that is kept only from a caller who imports history, and as if absent from everyone else.
#[derive(Debug)]
pub struct Imported<F>(PhantomData<F>);

impl<F: Field<Read: Default>> Field for Imported<F> {
    type Value = F::Value;
    type Read = F::Read;
    const MAY_BE_EMPTY: bool = F::MAY_BE_EMPTY;
    const IS_LIST: bool = F::IS_LIST;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> F::Read {
        let read = F::read(json, place);
        if place.caller().role().imports_history() { read } else { F::Read::default() }
    }

    fn kind() -> Kind {
        F::kind()
    }
}

/// A field that the service sets: what is sent is dropped.
#[derive(Debug)]
pub struct Dropped;

impl Field for Dropped {
    type Value = ();
    type Read = ();

    fn read(_: Option<Json>, _: &mut Place<'_>) {}

    fn kind() -> Kind {
        Kind::Dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UpdateMask;
    use crate::message::tests::read_by;
    use crate::names::User;

    /// What the field `a` of `body` is by the rule `F`, sent by a caller with this role, and whether it is bad.
    fn by<F: Field>(role: &'static str, body: &str, mask: &UpdateMask) -> (F::Read, bool) {
        let (read, named) = read_by(role, body, mask, |mut object, place| place.read_field::<F>(&mut object, "aB"));
        (read, !named.is_empty())
    }

    fn read<F: Field>(json: &str) -> (F::Read, bool) {
        by::<F>("manager", &format!(r#"{{"aB": {json}}}"#), &UpdateMask::Present)
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Colour {
        Red,
        Green,
    }

    impl Enumeration for Colour {
        const VALUES: &'static [(&'static str, Self)] = &[("RED", Self::Red), ("GREEN", Self::Green)];
    }

    /// Asserts which values, as JSON, the rule `R` takes.
    #[track_caller]
    fn takes<R: Rule<Value: std::fmt::Debug + PartialEq>>(good: &[(&str, R::Value)], bad: &[&str]) {
        for (json, value) in good {
            let (read, is_bad) = read::<R>(json);
            assert_eq!((read.as_ref(), is_bad), (Some(value), false), "{json}");
            assert_eq!(self::read::<Option<R>>(json), (read, false), "{json}");
        }
        for json in bad {
            assert_eq!(read::<R>(json), (None, true), "{json}");
            assert_eq!(read::<Option<R>>(json), (None, true), "{json}");
        }
        for absent in ["null", "\"\""] {
            assert_eq!(read::<R>(absent), (None, true), "{absent}");
            assert_eq!(read::<Option<R>>(absent), (None, false), "{absent}");
        }
    }

    #[test]
    fn limits_of_texts_are_exact() {
        let good = [("\"abcd\"", "abcd".to_owned()), ("\"ää\"", "ää".to_owned()), ("\" \"", " ".to_owned())];
        takes::<Text<4>>(&good, &["\"abcde\"", "\"ääa\"", "7", "[]", "{}", "false"]);
        takes::<Title<4>>(&good[..2], &["\"abcde\"", "\" \"", "\"a\\u202e\"", "7"]);
    }

    #[test]
    fn values_have_their_types() {
        takes::<bool>(&[("true", true), ("false", false)], &["1", "\"true\"", "[]"]);
        takes::<Double<1, 3>>(
            &[("1", 1.0), ("2.5", 2.5), ("\"3\"", 3.0)],
            &["0.9", "3.1", "\"NaN\"", "\"0x1\"", "true"],
        );
        takes::<Positive<3>>(&[("0.001", 0.001), ("\"3\"", 3.0)], &["0", "-1", "3.1", "\"NaN\"", "true"]);
        takes::<Whole<-1, 3>>(&[("-1", -1), ("3.0", 3), ("\"2\"", 2)], &["-2", "4", "0.5", "true", "[]"]);
        let object = Map::from_iter([("a".to_owned(), Value::from(1))]);
        takes::<AnyObject<7>>(&[("{\"a\": 1}", object), ("{}", Map::new())], &["{\"a\": 12}", "[]", "7", "\"a\""]);
        takes::<OneOf<Colour>>(
            &[("\"RED\"", Colour::Red), ("1", Colour::Green)],
            &["\"red\"", "2", "-1", "0.5", "\"1\"", "[]"],
        );
        let time = |text| Timestamp::parse(text).unwrap();
        let past = ("\"2026-06-01T12:01:00Z\"", time("2026-06-01T12:01:00Z"));
        let future = ("\"2026-06-01T12:01:01Z\"", time("2026-06-01T12:01:01Z"));
        takes::<Timestamp>(&[past, future], &["\"today\"", "1780315200"]);
        takes::<Past>(&[past], &[future.0, "\"today\""]);
    }

    #[test]
    fn names_lie_under_the_path() {
        let others = ["\"customers/globex/users/ana\"", "\"users/ana\"", "\"ana\"", "7"];
        takes::<UserId>(&[("\"customers/acme/users/ana\"", UserId::parse("ana").unwrap())], &others);
        let template = |revision: &str| format!("\"customers/acme/profiles/support/scorecardTemplates/t{revision}\"");
        let id = || ScorecardTemplateId::parse("t").unwrap();
        let [plain, first, every] = ["", "@1", "@*"].map(template);
        takes::<TemplateName<Unnamed>>(&[(&plain, id())], &[&first, &every, "\"t\""]);
        takes::<TemplateName<Any>>(&[(&plain, id()), (&first, id()), (&every, id())], &["\"t\""]);
        takes::<TemplateName<Every>>(&[(&every, id())], &[&plain, &first]);
        let one = [(&*plain, (id(), Revision::Current)), (&*first, (id(), Revision::Number(1)))];
        takes::<TemplateRevision<One>>(&one, &[&every, "\"t\"", "7"]);
        let care = crate::identity::tests::tenant("acme", "care");
        takes::<Tenant>(&[("\"customers/acme/profiles/care\"", care)], &["\"customers/globex/profiles/care\"", "7"]);
    }

    #[test]
    fn limits_of_lists_are_exact() {
        let list = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<String>>();
        type Texts = List<Text<1>, 3>;
        type Once = Distinct<Text<1>, 3>;
        for (json, all, once) in [
            (r#"["b", "a", "b"]"#, list(&["b", "a", "b"]), list(&["b", "a"])),
            ("[]", list(&[]), list(&[])),
            ("null", list(&[]), list(&[])),
        ] {
            assert_eq!(read::<Texts>(json), (all, false), "{json}");
            assert_eq!(read::<Once>(json), (once.clone(), false), "{json}");
            assert_eq!(
                read::<AtLeastOne<Once>>(json),
                (Some(once.clone()).filter(|_| json.len() > 4), once.is_empty())
            );
        }
        for bad in [r#"["a", "a", "a", "a"]"#, r#""a""#, "{}", "7"] {
            assert_eq!(read::<Texts>(bad), (vec![], true), "{bad}");
            assert_eq!(read::<AtLeastOne<Texts>>(bad), (None, true), "{bad}");
        }
        assert_eq!(read::<Texts>(r#"["a", "bb"]"#), (list(&["a"]), true));
    }

    #[test]
    fn page_sizes_follow_aip_158() {
        for (json, size) in
            [("null", 50), ("0", 50), ("7", 7), ("\"7\"", 7), ("7.0", 7), ("1000", 1000), ("2147483647", 1000)]
        {
            assert_eq!(read::<PageSize>(json), (size, false), "{json}");
        }
        for bad in ["-1", "2147483648", "1.5", "\"x\"", "true", "[]"] {
            assert!(read::<PageSize>(bad).1, "{bad}");
        }
    }

    #[test]
    fn a_flag_is_false_unless_it_is_true() {
        for (json, read_as) in [("null", false), ("false", false), ("true", true)] {
            assert_eq!(read::<Flag>(json), (read_as, false), "{json}");
        }
        assert!(read::<Flag>("\"true\"").1);
    }

    #[test]
    fn only_who_imports_history_sets_what_is_imported() {
        for (role, kept) in [("agent", false), ("manager", false), ("service", true), ("admin", true)] {
            let by = |body| by::<Imported<Option<Text<3>>>>(role, body, &UpdateMask::Present);
            assert_eq!(by(r#"{"aB": "abc"}"#), (kept.then(|| "abc".to_owned()), false), "{role}");
            assert_eq!(by(r#"{"aB": "abcd"}"#), (None, true), "{role}: it is bad whoever sends it");
        }
        type Cleared = Imported<Patch<Option<Past>>>;
        assert_eq!(by::<Cleared>("service", r#"{"aB": null}"#, &UpdateMask::Present), (Some(None), false));
        assert_eq!(by::<Cleared>("manager", r#"{"aB": null}"#, &UpdateMask::Present), (None, false));
    }

    #[test]
    fn a_mask_says_what_is_changed() {
        let named = || UpdateMask::Paths(["aB"].into());
        let other = || UpdateMask::Paths(["b"].into());
        let (is, is_not) = (|text: &str| Some(Some(text.to_owned())), None);
        let absent = || Some(None);
        // The value of an optional field, and of one that never changes; whether a field that cannot be cleared is bad.
        for (body, mask, changed, fixed, is_bad) in [
            ("{}", UpdateMask::Present, is_not.clone(), is_not.clone(), false),
            ("{}", UpdateMask::Every, absent(), is_not.clone(), true),
            ("{}", named(), absent(), absent(), true),
            ("{}", other(), is_not.clone(), is_not.clone(), false),
            (r#"{"aB": null}"#, UpdateMask::Present, absent(), absent(), true),
            (r#"{"aB": null}"#, UpdateMask::Every, absent(), absent(), true),
            (r#"{"aB": "x"}"#, UpdateMask::Present, is("x"), is("x"), false),
            (r#"{"a_b": "x"}"#, UpdateMask::Present, is("x"), is("x"), false),
            (r#"{"a_b": "x"}"#, UpdateMask::Every, is("x"), is("x"), false),
            (r#"{"aB": "x"}"#, named(), is("x"), is("x"), false),
            (r#"{"aB": "x"}"#, other(), is_not.clone(), is_not.clone(), false),
            (r#"{"aB": 7}"#, other(), is_not.clone(), is_not.clone(), false),
        ] {
            assert_eq!(
                by::<Patch<Option<Text<9>>>>("manager", body, &mask),
                (changed.clone(), false),
                "{body} {mask:?}"
            );
            assert_eq!(by::<Fixed<Text<9>>>("manager", body, &mask), (fixed, false), "{body} {mask:?}");
            let text = changed.flatten();
            assert_eq!(by::<Patch<Text<9>>>("manager", body, &mask), (text.clone(), is_bad), "{body} {mask:?}");
            assert_eq!(by::<Dropped>("manager", body, &mask), ((), false), "{body} {mask:?}");
        }
    }

    #[test]
    fn values_of_an_enum_are_listed_by_name() {
        use Colour::{Green, Red};
        assert_eq!(read::<AnyOf<Colour>>(r#"["RED", "GREEN", "RED"]"#), (vec![Red, Green, Red], false));
        assert_eq!(read::<AnyOf<Colour>>("null"), (vec![], false));
        for bad in [r#"["BLUE"]"#, "[1]", "[null]", r#""RED""#, "{}"] {
            assert!(read::<AnyOf<Colour>>(bad).1, "{bad}");
        }
    }

    #[test]
    fn a_body_has_values_as_json() {
        assert!(read::<Flag>(r#""true""#).1);
        assert!(read::<Option<OneOf<Colour>>>(r#""1""#).1);
        assert_eq!(read::<PageSize>("7.0"), (7, false));
    }

    #[test]
    fn what_may_be_absent_is_documented_so() {
        fn told<F: Field>() -> (bool, bool) {
            let field = F::outline("a");
            (field.required, field.may_be_empty)
        }
        for (required, told) in [
            ((true, false), told::<UserId>()),
            ((true, false), told::<AtLeastOne<List<UserId, 3>>>()),
            ((false, false), told::<Patch<UserId>>()),
            ((false, true), told::<Option<UserId>>()),
            ((false, true), told::<Patch<Option<UserId>>>()),
            ((false, true), told::<Fixed<UserId>>()),
            ((false, true), told::<Imported<Option<UserId>>>()),
            ((false, true), told::<List<UserId, 3>>()),
            ((false, true), told::<Distinct<UserId, 3>>()),
            ((false, true), told::<Flag>()),
            ((false, true), told::<PageSize>()),
            ((false, true), told::<Dropped>()),
        ] {
            assert_eq!(told, required);
        }
        let users = Kind::name::<User>().listed(Some(3));
        assert_eq!(<AtLeastOne<Distinct<UserId, 3>>>::outline("a").kind, users);
        assert_eq!(<Patch<List<UserId, 3>>>::outline("a").kind, users);
    }
}
