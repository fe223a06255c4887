//! Queries that say which version of a resource is meant, and which of its fields change.

use std::marker::PhantomData;

use crate::bodies::{Entry, Etag};
use crate::json::Json;
use crate::message::{Field, Message, Object, Place, filled};
use crate::outline::{self, Kind};
use crate::{ExpectedEtag, UpdateMask};

/// The name of the header `If-Match` among the parameters of a query.
pub const IF_MATCH: &str = "If-Match";

/// The version that is meant, by the header `If-Match`.
#[derive(Debug)]
pub struct IfMatch;

impl Field for IfMatch {
    type Value = ExpectedEtag;
    type Read = ExpectedEtag;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> ExpectedEtag {
        let header = json.map(|json| place.string(json, |header| ExpectedEtag::in_header(&header)));
        header.flatten().unwrap_or_default()
    }

    fn kind() -> Kind {
        Kind::EntityTags
    }
}

/// The fields of an `M` that an update changes (AIP-134); absent: those that the body has.
#[derive(Debug)]
pub struct Mask<M>(PhantomData<M>);

impl<M: Message> Field for Mask<M> {
    type Value = UpdateMask;
    type Read = UpdateMask;

    fn read(json: Option<Json>, place: &mut Place<'_>) -> UpdateMask {
        let mask =
            filled(json).and_then(|json| place.string(json, |text| UpdateMask::parse(&text, &Entry::<M>::names())));
        mask.unwrap_or(UpdateMask::Present)
    }

    fn kind() -> Kind {
        Kind::UpdateMask(Entry::<M>::names())
    }
}

/// The query of an update of an `M`.
#[derive(Debug)]
pub struct UpdateQuery<M> {
    /// What changes.
    pub mask: UpdateMask,
    /// The version that is meant.
    pub expected: ExpectedEtag,
    entity: PhantomData<M>,
}

impl<M: Message> Message for UpdateQuery<M> {
    fn names() -> Vec<&'static str> {
        vec!["updateMask", IF_MATCH]
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let mask = place.read_field::<Mask<M>>(object, "updateMask");
        let expected = place.read_field::<IfMatch>(object, IF_MATCH);
        Some(Self { mask, expected, entity: PhantomData })
    }

    fn fields() -> Vec<outline::Field> {
        vec![Mask::<M>::outline("updateMask"), IfMatch::outline(IF_MATCH)]
    }
}

crate::message! {
    /// The query of a custom method.
    #[derive(Debug)]
    pub struct StepQuery {
        /// The version that is meant.
        pub expected: IfMatch = "If-Match",
    }
}

/// The query of a deletion with further parameters `Q`.
#[derive(Debug)]
pub struct DeletionQuery<Q> {
    /// The further parameters.
    pub value: Q,
    /// The version that is meant.
    pub expected: ExpectedEtag,
}

impl<Q: Message> Message for DeletionQuery<Q> {
    fn names() -> Vec<&'static str> {
        [Q::names(), vec!["etag", IF_MATCH]].concat()
    }

    fn read(object: &mut Object, place: &mut Place<'_>) -> Option<Self> {
        let value = Q::read(object, place);
        let etag = place.read_field::<Etag>(object, "etag");
        let expected = place.read_field::<IfMatch>(object, IF_MATCH);
        Some(Self { value: value?, expected: expected.and(etag) })
    }

    fn fields() -> Vec<outline::Field> {
        Q::fields().into_iter().chain([Etag::outline("etag"), IfMatch::outline(IF_MATCH)]).collect()
    }
}
