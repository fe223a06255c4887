//! Bodies with messages in them: those of updates and of batches; and requests for a page, by body or query.

use std::collections::HashMap;
use std::marker::PhantomData;

use crate::json::Json;
use crate::message::{Field, Message, Object, Place, Rule, kind_of_object, read_object};
use crate::names::{Collection, Id};
use crate::outline::{self, Kind};
use crate::rules::{AtLeastOne, List, PageSize, Text};
use crate::values::MAX_TITLE_BYTES;
use crate::{Error, ExpectedEtag, Violations};

/// The longest page token that is read, in bytes.
const MAX_PAGE_TOKEN_BYTES: usize = 1024;

/// The body of an update in `object`, whose only field is the `entity`.
pub fn read_update<M: Message>(mut object: Object, entity: &str, place: &mut Place<'_>) -> Option<Entry<M>> {
    let update = place.read_field::<Closed<Entry<M>>>(&mut object, entity);
    place.refuse_unknown(object);
    update
}

/// The body of an update in the API's document.
pub fn outline_of_update<M: Message>(entity: &str) -> outline::Message {
    outline::Message { fields: vec![Closed::<Entry<M>>::outline(entity)], closed: true }
}

/// An object without other fields than those of `M`, unless an update has a mask.
struct Closed<M>(PhantomData<M>);

impl<M: Message> Rule for Closed<M> {
    type Value = M;

    fn read(json: Json, place: &mut Place<'_>) -> Option<M> {
        match json {
            Json::Object(mut object) => {
                let value = M::read(&mut object, place);
                place.refuse_unknown(object);
                value
            }
            _ => place.refuse("must be an object"),
        }
    }

    fn kind() -> Kind {
        kind_of_object::<M>(true)
    }
}

/// The version that is meant, in a body or a query.
pub(crate) type Etag = Option<Text<MAX_TITLE_BYTES>>;

/// An entry of a batch, or what an update changes.
#[derive(Debug, Clone)]
pub struct Entry<M> {
    /// The value, or its change.
    pub value: M,
    /// The version that it is to replace; without an etag, any version or none.
    pub expected: ExpectedEtag,
}

impl<M: Message> Message for Entry<M> {
    fn names() -> Vec<&'static str> {
        [M::names(), vec!["etag"]].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let etag = place.read_field::<Etag>(object, "etag");
        Some(Self { value: M::read(object, place)?, expected: ExpectedEtag::default().and(etag) })
    }

    fn fields() -> Vec<outline::Field> {
        std::iter::once(Etag::outline("etag")).chain(M::fields()).collect()
    }
}

/// A request for a page.
#[derive(Debug)]
pub struct Paged<M> {
    /// What of.
    pub value: M,
    /// The most entries of the page.
    pub page_size: usize,
    /// Which page; absent: the first.
    pub page_token: Option<String>,
}

type PageToken = Option<Text<MAX_PAGE_TOKEN_BYTES>>;

impl<M: Message> Message for Paged<M> {
    fn names() -> Vec<&'static str> {
        [M::names(), vec!["pageSize", "pageToken"]].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let value = M::read(object, place);
        let page_size = place.read_field::<PageSize>(object, "pageSize");
        let page_token = place.read_field::<PageToken>(object, "pageToken");
        Some(Self { value: value?, page_size, page_token })
    }

    fn fields() -> Vec<outline::Field> {
        M::fields().into_iter().chain([PageSize::outline("pageSize"), PageToken::outline("pageToken")]).collect()
    }
}

/// The entries of a batch in `object`: its `field`, a list of 1 to `N` objects. Each is refused by itself, with its index
/// in the names of its fields. Entries with the same `id` are all refused: which of them stays would be chance.
pub fn read_entries<M: Message, C: Collection, const N: usize>(
    mut object: Object,
    field: &str,
    place: &mut Place<'_>,
    id: impl Fn(&M) -> Option<&Id<C>>,
) -> Option<Vec<Result<M, Error>>> {
    let entries = place.read_field::<AtLeastOne<List<Anything, N>>>(&mut object, field)?;
    let mut list = place.field(field);
    let entries = entries.into_iter().enumerate().map(|(index, entry)| {
        let mut violations = Violations::default();
        let value = read_object(entry, &mut list.entry(index).noting(&mut violations));
        violations.finish(value)
    });
    let mut entries: Vec<Result<M, Error>> = entries.collect();
    refuse_repeated(&mut entries, field, id);
    Some(entries)
}

/// Refuses all those of `entries` of the batch `field` that have the same `id`: which of them stays would be chance.
fn refuse_repeated<T, C: Collection>(entries: &mut [Result<T, Error>], field: &str, id: impl Fn(&T) -> Option<&Id<C>>) {
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

/// The `field` with the entries of a batch in the API's document.
pub fn outline_of_entries<M: Message, const N: usize>(field: &str) -> outline::Field {
    let kind = kind_of_object::<M>(false).listed(Some(N));
    outline::Field { kind, ..AtLeastOne::<List<Anything, N>>::outline(field) }
}

/// An entry of a batch of what has no versions: an `etag` is refused.
#[derive(Debug, Clone)]
pub struct Unversioned<M>(pub M);

impl<M: Message> Message for Unversioned<M> {
    fn names() -> Vec<&'static str> {
        M::names()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        if place.read_field::<Option<Anything>>(object, "etag").is_some() {
            place.refuse_field("etag", "must be absent: it has no versions");
        }
        M::read(object, place).map(Self)
    }

    fn fields() -> Vec<outline::Field> {
        M::fields()
    }
}

/// Whatever is sent.
struct Anything;

impl Rule for Anything {
    type Value = Json;

    fn read(json: Json, _: &mut Place<'_>) -> Option<Json> {
        Some(json)
    }

    fn kind() -> Kind {
        Kind::Dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UpdateMask;
    use crate::message::tests::{read_by, sent};
    use crate::names::UserId;
    use crate::rules::{Dropped, Fixed, Patch};

    crate::message! {
        /// A change of a field that may change, and of one that never does.
        #[derive(Debug, Clone, PartialEq)]
        struct Change {
            text: Patch<Text<5>> = "text",
            user: Fixed<UserId> = "userName",
            _create_time: Dropped = "createTime",
        }
    }

    crate::message! {
        /// An entry of a batch.
        #[derive(Debug, PartialEq)]
        struct One {
            id: UserId = "name",
            text: Option<Text<5>> = "text",
        }
    }

    fn update(body: &str, mask: &UpdateMask) -> (Option<Change>, Vec<String>) {
        let (read, named) = read_by("manager", body, mask, |object, place| read_update(object, "theThing", place));
        (read.map(|entry: Entry<Change>| entry.value), named)
    }

    #[test]
    fn an_update_has_its_entity_under_its_name() {
        let change = Change { text: Some("new".to_owned()), user: None, _create_time: () };
        for body in
            [r#"{"theThing": {"text": "new", "createTime": 7}}"#, r#"{"the_thing": {"text": "new", "etag": "e"}}"#]
        {
            assert_eq!(update(body, &UpdateMask::Present), (Some(change.clone()), vec![]), "{body}");
        }
        for body in ["{}", r#"{"theThing": ""}"#, r#"{"theThing": null}"#, r#"{"theThing": []}"#, r#"{"theThing": 7}"#]
        {
            assert_eq!(update(body, &UpdateMask::Every), (None, vec!["theThing".to_owned()]), "{body}");
        }
    }

    #[test]
    fn unknown_fields_are_refused_without_a_mask() {
        let body = r#"{"other": 1, "theThing": {"text": 7, "some_thing": 1, "etag": []}}"#;
        let named = ["theThing.etag", "theThing.text", "theThing.some_thing", "other"];
        assert_eq!(update(body, &UpdateMask::Present).1, named);
        assert_eq!(update(body, &UpdateMask::Every).1, named[..2]);
        assert_eq!(update(body, &UpdateMask::Paths(["userName"].into())).1, named[..1]);
    }

    #[test]
    fn a_mask_may_name_every_field_and_the_etag() {
        assert_eq!(Entry::<Change>::names(), ["text", "userName", "createTime", "etag"]);
        let told = outline_of_update::<Change>("theThing");
        let [field] = told.fields.as_slice() else { panic!("an update has one field") };
        let Kind::Object(entity) = &field.kind else { panic!("an entity is an object") };
        let names: Vec<&str> = entity.fields.iter().map(|field| field.name.as_str()).collect();
        assert!(told.closed && entity.closed && field.required && !field.may_be_empty);
        assert_eq!((field.name.as_str(), names), ("theThing", vec!["etag", "text", "userName", "createTime"]));
    }

    type Entries<M> = Vec<Result<M, Vec<String>>>;

    /// What is read of the entries of a batch, each with the names of its bad fields.
    fn entries<M: Message>(body: &str, id: impl Fn(&M) -> Option<&UserId>) -> (Option<Entries<M>>, Vec<String>) {
        let (read, named) = read_by("service", body, &UpdateMask::Present, |object, place| {
            read_entries::<M, _, 3>(object, "things", place, id)
        });
        let fields = |error: Error| error.violations().iter().map(|one| one.field.clone()).collect();
        (read.map(|entries| entries.into_iter().map(|entry| entry.map_err(fields)).collect()), named)
    }

    fn versioned(body: &str) -> (Option<Entries<Entry<One>>>, Vec<String>) {
        entries(body, |entry: &Entry<One>| Some(&entry.value.id))
    }

    #[test]
    fn each_entry_is_refused_by_itself() {
        let body = r#"{"things": [{"name": "customers/acme/users/a", "etag": "e"}, {"text": 7}, null]}"#;
        let (read, named) = versioned(body);
        let [first, second, third] = <[_; 3]>::try_from(read.unwrap()).unwrap();
        let first = first.unwrap();
        assert_eq!(first.value, One { id: UserId::parse("a").unwrap(), text: None });
        assert_eq!(first.expected, ExpectedEtag::default().and(Some("e".to_owned())));
        assert_eq!(second.unwrap_err(), ["things[1].name", "things[1].text"]);
        assert_eq!((third.unwrap_err(), named), (vec!["things[2]".to_owned()], vec![]));
    }

    #[test]
    fn entries_with_the_same_name_are_all_refused() {
        let [a, b] = ["a", "b"].map(|id| format!(r#"{{"name": "customers/acme/users/{id}"}}"#));
        let (read, named) = versioned(&format!(r#"{{"things": [{a}, {b}, {a}]}}"#));
        let refused: Vec<Option<Vec<String>>> = read.unwrap().into_iter().map(Result::err).collect();
        let names = |index: usize| Some(vec![format!("things[{index}].name")]);
        assert_eq!((refused, named), (vec![names(0), None, names(2)], vec![]));
    }

    #[test]
    fn a_batch_has_an_entry_and_not_too_many() {
        for body in
            ["{}", r#"{"things": null}"#, r#"{"things": []}"#, r#"{"things": {}}"#, r#"{"things": [1, 2, 3, 4]}"#]
        {
            let (read, named) = versioned(body);
            assert!(read.is_none(), "{body}");
            assert_eq!(named, ["things"], "{body}");
        }
    }

    #[test]
    fn what_has_no_versions_takes_no_etag() {
        let body =
            r#"{"things": [{"name": "customers/acme/users/a"}, {"name": "customers/acme/users/b", "etag": "e"}]}"#;
        let (read, _) = entries(body, |entry: &Unversioned<One>| Some(&entry.0.id));
        let refused: Vec<Option<Vec<String>>> = read.unwrap().into_iter().map(Result::err).collect();
        assert_eq!(refused, [None, Some(vec!["things[1].etag".to_owned()])]);
        let (read, named) = sent::<Entry<One>>(r#"{"name": "customers/acme/users/a", "etag": ""}"#);
        assert_eq!((read.unwrap().expected, named), (ExpectedEtag::default(), vec![]));
    }

    #[test]
    fn a_request_for_a_page_has_a_size_and_a_token() {
        let (read, named) =
            sent::<Paged<One>>(r#"{"name": "customers/acme/users/a", "pageSize": 7, "page_token": "t"}"#);
        let paged = read.unwrap();
        assert_eq!((paged.page_size, paged.page_token.as_deref(), named), (7, Some("t"), vec![]));
        let (read, named) = sent::<Paged<One>>(r#"{"name": "customers/acme/users/a"}"#);
        let paged = read.unwrap();
        assert_eq!((paged.page_size, paged.page_token, named), (50, None, vec![]));
        let (read, named) = sent::<Paged<One>>(r#"{"pageSize": -1, "pageToken": 7}"#);
        assert!(read.is_none());
        assert_eq!(named, ["name", "pageSize", "pageToken"]);
        let fields: Vec<String> = Paged::<One>::fields().into_iter().map(|field| field.name).collect();
        assert_eq!(fields, Paged::<One>::names());
    }

    #[test]
    fn a_batch_is_documented_with_its_entries() {
        let field = outline_of_entries::<Entry<One>, 3>("things");
        assert!(field.required && !field.may_be_empty);
        assert_eq!(field.kind, kind_of_object::<Entry<One>>(false).listed(Some(3)));
        assert_eq!(Unversioned::<One>::fields(), One::fields());
        assert_eq!(Unversioned::<One>::names(), ["name", "text"]);
    }
}
