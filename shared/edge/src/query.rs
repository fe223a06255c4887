//! Query strings, read strictly: repeated parameters repeat, unknown ones are refused.

use coaching_domain::Violations;
use coaching_domain::json::Json;
use coaching_domain::message::{Message, Object, Origin, Place};
use coaching_domain::queries::IF_MATCH;

/// The parameters of a query string and, like one of them, the header `If-Match`.
#[derive(Debug)]
pub(crate) struct Query {
    /// For each parameter, the list of its values that are not empty.
    parameters: Object,
}

impl Query {
    /// The parameters of `raw`, a query string as the client wrote it, with the header `If-Match`. Adds what is bad to
    /// `violations`.
    pub(crate) fn parse(raw: &str, if_match: Option<&str>, violations: &mut Violations) -> Self {
        let mut parameters = Object::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (percent_decode(name), percent_decode(value)) {
                // No parameter has a hyphen: one that looks like the header is not taken for it.
                (Some(name), Some(_)) if name.contains('-') => violations.add(name, UNKNOWN),
                (Some(name), Some(value)) if !name.is_empty() => add(&mut parameters, name, value),
                (Some(name), None) if !name.is_empty() => violations.add(name, "is not percent-encoded UTF-8"),
                _ => violations.add("query", "holds a parameter whose name is empty or not percent-encoded UTF-8"),
            }
        }
        let if_match = if_match.map(|header| (IF_MATCH.to_owned(), Json::String(header.to_owned())));
        parameters.extend(if_match);
        Self { parameters }
    }

    /// Reads a `Q` of them, in a request from `origin`, and adds what is bad to `violations`.
    pub(crate) fn read<Q: Message>(&mut self, origin: &Origin<'_>, violations: &mut Violations) -> Option<Q> {
        Q::read(&mut self.parameters, &mut Place::of_query(origin, violations))
    }

    /// Refuses every parameter that was not read, and an `If-Match` that was not read, because nothing would be checked
    /// against it.
    pub(crate) fn refuse_rest(mut self, violations: &mut Violations) {
        if self.parameters.remove(IF_MATCH).is_some() {
            violations.add(IF_MATCH, "is not a header of this operation");
        }
        for name in self.parameters.into_keys() {
            violations.add(name, UNKNOWN);
        }
    }
}

/// The fault of a parameter that the operation does not read.
const UNKNOWN: &str = "is not a parameter of this operation";

/// Adds a `value` of the parameter `name`; an empty one is none, but its name is known or not.
fn add(parameters: &mut Object, name: String, value: String) {
    let values = parameters.entry(name).or_insert_with(|| Json::Array(Vec::new()));
    if let Json::Array(values) = values
        && !value.is_empty()
    {
        values.push(Json::String(value));
    }
}

/// Decodes `encoded`, with `+` for a space as browsers and API Gateway read it; `None` if it is not UTF-8 or an escape
/// is broken.
fn percent_decode(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                u8::try_from(16 * digit()? + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_token::tests::{caller, now, tenant};
    use coaching_domain::bodies::Paged;
    use coaching_domain::message::{Scope, snake_case};
    use coaching_domain::names::UserId;
    use coaching_domain::queries::{DeletionQuery, UpdateQuery};
    use coaching_domain::rules::{
        Any, AnyOf, AskedAgent, Distinct, Enumeration, Flag, List, OneOf, TemplateRevision, Text,
    };
    use coaching_domain::{Code, ExpectedEtag, Parameters, Timestamp, UpdateMask, message};
    use proptest::prelude::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Colour {
        Red,
        Green,
    }

    impl Enumeration for Colour {
        const VALUES: &'static [(&'static str, Self)] = &[("RED", Self::Red), ("GREEN", Self::Green)];
    }

    message! {
        /// A parameter by each rule that queries are read by.
        #[derive(Debug, Default, PartialEq)]
        struct Asked {
            user: Option<UserId> = "userName",
            users: Distinct<UserId, 2> = "userNames",
            template: Option<TemplateRevision<Any>> = "templateName",
            texts: List<Text<3>, 2> = "someTexts",
            time: Option<Timestamp> = "startTime",
            choice: Option<bool> = "isOpen",
            flag: Flag = "isHidden",
            colour: Option<OneOf<Colour>> = "colour",
            colours: AnyOf<Colour> = "colours",
        }
    }

    /// What is read of a query, and the fields and texts of what is bad.
    fn read_with<Q: Message>(raw: &str, if_match: Option<&str>) -> (Option<Q>, Vec<(String, String)>) {
        let (tenant, caller) = (tenant("acme", "support"), caller("acme", "manager", "someone"));
        let origin = Origin { scope: Scope::from(&tenant), caller: &caller, now: now() };
        let mut violations = Violations::default();
        let mut query = Query::parse(raw, if_match, &mut violations);
        let read = query.read(&origin, &mut violations);
        query.refuse_rest(&mut violations);
        let error = violations.into_result().err();
        let bad = error.iter().flat_map(|error| error.violations());
        (read, bad.map(|one| (one.field.clone(), one.description.clone())).collect())
    }

    fn read<Q: Message>(raw: &str) -> Option<Q> {
        let (read, bad) = read_with(raw, None);
        assert_eq!(bad, [], "{raw}");
        read
    }

    fn refused<Q: Message>(raw: &str) -> Vec<String> {
        read_with::<Q>(raw, None).1.into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn parameters_repeat_and_do_not_split_at_commas() {
        let texts = |raw| read::<Asked>(raw).map(|asked| asked.texts);
        assert_eq!(texts("someTexts=x&someTexts=y%2Cz"), Some(vec!["x".to_owned(), "y,z".to_owned()]));
        assert_eq!(texts("some_texts=u,v&someTexts=x"), Some(vec!["x".to_owned(), "u,v".to_owned()]));
        let users = "userNames=customers/acme/users/b&userNames=customers/acme/users/a";
        let ids = ["b", "a"].map(|id| UserId::parse(id).unwrap());
        assert_eq!(read::<Asked>(users).map(|asked| asked.users), Some(ids.to_vec()));
    }

    #[test]
    fn a_parameter_is_read_as_text() {
        let expected = Asked {
            user: UserId::parse("u"),
            time: Timestamp::parse("2026-05-01T00:00:00Z"),
            choice: Some(false),
            flag: true,
            colour: Some(Colour::Green),
            colours: vec![Colour::Green, Colour::Red],
            ..Asked::default()
        };
        let raw =
            "userName=customers/acme/users/u&startTime=2026-05-01T00:00:00Z&isOpen=false&isHidden=true&colour=GREEN";
        assert_eq!(read::<Asked>(&format!("{raw}&colours=GREEN&colours=RED")), Some(expected));
        let template = read::<Asked>("templateName=customers/acme/profiles/support/scorecardTemplates/t@2");
        assert!(template.is_some_and(|asked| asked.template.is_some()));
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(read::<Asked>(&format!("isOpen={text}")).and_then(|asked| asked.choice), Some(true), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(read::<Asked>(&format!("isOpen={text}")).and_then(|asked| asked.choice), Some(false), "{text}");
        }
        assert_eq!(read::<Asked>("colour=1").and_then(|asked| asked.colour), Some(Colour::Green));
    }

    #[test]
    fn what_is_bad_is_named_by_its_parameter() {
        for (raw, field, fault) in [
            ("userName=customers/acme/users/a&userName=customers/acme/users/a", "userName", "must stand only once"),
            ("isOpen=1&is_open=1", "isOpen", "must stand only once"),
            ("isOpen=yes", "isOpen", "must be true or false"),
            ("isHidden=tRUE", "isHidden", "must be true or false"),
            ("startTime=today", "startTime", "must be an RFC 3339 time such as 2019-08-24T14:15:22Z"),
            ("colour=BLUE", "colour", "must be one of RED, GREEN"),
            ("colour=2", "colour", "must be one of RED, GREEN"),
            ("colour=01", "colour", "must be one of RED, GREEN"),
            ("colour=%2B1", "colour", "must be one of RED, GREEN"),
            ("colours=RED&colours=BLUE&colours=7", "colours", "must be one of RED, GREEN"),
            ("colours=1", "colours", "must be one of RED, GREEN"),
            ("someTexts=a&someTexts=b&some_texts=c", "someTexts", "must stand at most 2 times"),
            ("someTexts=a&someTexts=long", "someTexts", "must hold at most 3 bytes, holds 4"),
            ("agentUsername=y", "agentUsername", "is not a parameter of this operation"),
            ("UserName=", "UserName", "is not a parameter of this operation"),
            ("If-Match=%2A", "If-Match", "is not a parameter of this operation"),
            ("_if-_match=%2A", "_if-_match", "is not a parameter of this operation"),
        ] {
            let (_, bad) = read_with::<Asked>(raw, None);
            assert_eq!(bad, [(field.to_owned(), fault.to_owned())], "{raw}");
        }
        let foreign = "userNames=customers/acme/users/a&userNames=customers/globex/users/a";
        assert_eq!(refused::<Asked>(foreign), ["userNames"]);
    }

    #[test]
    fn broken_encodings_are_refused() {
        for (raw, named) in
            [("a=%FF", "a"), ("a=%4", "a"), ("a=%zz", "a"), ("%FF=a", "query"), ("=a", "query"), ("a=%ED%A0%80", "a")]
        {
            assert_eq!(refused::<()>(raw), [named], "{raw}");
        }
    }

    #[test]
    fn an_if_match_is_refused_where_it_is_not_read() {
        let (_, bad) = read_with::<()>("", Some("*"));
        assert_eq!(bad, [(IF_MATCH.to_owned(), "is not a header of this operation".to_owned())]);
        let expected = |raw, header| {
            let (read, bad) = read_with::<DeletionQuery<()>>(raw, header);
            (read.map(|query| query.expected), bad.into_iter().map(|(field, _)| field).collect::<Vec<_>>())
        };
        let tag = ExpectedEtag::in_header("\"a\"").unwrap();
        assert_eq!(expected("etag=b", Some("\"a\"")), (Some(tag.and(Some("b".to_owned()))), vec![]));
        assert_eq!(expected("", None), (Some(ExpectedEtag::default()), vec![]));
        for bad in ["", "a"] {
            assert_eq!(expected("", Some(bad)).1, [IF_MATCH], "{bad}");
        }
        assert_eq!(expected("If-Match=%2A", None).1, [IF_MATCH], "a parameter is no header");
    }

    #[test]
    fn empty_is_absent_whatever_is_read() {
        fn assert_absent<Q: Message>(is_empty: impl Fn(Q) -> bool) {
            for name in Q::names().into_iter().filter(|name| *name != IF_MATCH) {
                let snake = snake_case(name);
                for raw in [
                    String::new(),
                    format!("{name}="),
                    name.to_owned(),
                    format!("{snake}="),
                    format!("{name}=&{snake}"),
                ] {
                    assert!(read::<Q>(&raw).is_some_and(&is_empty), "{name}: {raw}");
                }
            }
        }
        assert_absent::<Asked>(|asked| asked == Asked::default());
        assert_absent::<Paged<()>>(|page| page.page_size == 50 && page.page_token.is_none());
        assert_absent::<DeletionQuery<()>>(|query| query.expected == ExpectedEtag::default());
        assert_absent::<UpdateQuery<Asked>>(|query| query.mask == UpdateMask::Present);
    }

    message! {
        /// Whose records are asked for.
        #[derive(Debug, PartialEq)]
        struct OfAgent {
            agent: Option<AskedAgent> = "agentUserName",
        }
    }

    #[test]
    fn an_agent_asks_for_themselves_whatever_else_is_bad() {
        let tenant = tenant("acme", "support");
        let code = |role, user| {
            let caller = caller("acme", role, user);
            let origin = Origin { scope: Scope::from(&tenant), caller: &caller, now: now() };
            let mut violations = Violations::default();
            let raw = "pageSize=x&agentUserName=customers/acme/users/ana";
            Query::parse(raw, None, &mut violations).read::<Paged<OfAgent>>(&origin, &mut violations);
            violations.into_result().unwrap_err().code()
        };
        assert_eq!(code("agent", "ben"), Code::PermissionDenied);
        for (role, user) in [("agent", "ana"), ("manager", "ben")] {
            assert_eq!(code(role, user), Code::InvalidArgument, "{role}");
        }
    }

    #[test]
    fn page_sizes_follow_aip_158() {
        for (raw, size) in [
            ("", 50),
            ("pageSize=", 50),
            ("pageSize=0", 50),
            ("pageSize=7", 7),
            ("pageSize=%2B7", 7),
            ("pageSize=1000", 1000),
            ("page_size=2147483647", 1000),
        ] {
            assert_eq!(read::<Paged<()>>(raw).map(|page| page.page_size), Some(size), "{raw}");
        }
        for raw in [
            "pageSize=-1",
            "pageSize=2147483648",
            "pageSize=1e2",
            "pageSize=1.0",
            "pageSize=x",
            "pageSize=1&pageSize=2",
        ] {
            assert_eq!(refused::<Paged<()>>(raw), ["pageSize"], "{raw}");
        }
    }

    #[test]
    fn a_page_is_bound_to_what_stands_in_the_query() {
        let mut violations = Violations::default();
        violations.keep_parameters();
        let (tenant, caller) = (tenant("acme", "support"), caller("acme", "manager", "someone"));
        let origin = Origin { scope: Scope::from(&tenant), caller: &caller, now: now() };
        let raw = "pageSize=7&pageToken=t&some_texts=y&isOpen=1&someTexts=x";
        Query::parse(raw, None, &mut violations).read::<Paged<Asked>>(&origin, &mut violations);
        let mut expected = Parameters::default();
        expected.add("someTexts", ["x", "y"].iter());
        expected.add("isOpen", ["1"].iter());
        assert_eq!(violations.take_parameters(), expected);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(value in ".{1,30}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let page = read::<Paged<()>>(&format!("pageToken={encoded}"));
            prop_assert_eq!(page.and_then(|page| page.page_token), Some(value));
        }

        #[test]
        fn no_query_makes_it_panic(raw in ".{0,60}") {
            read_with::<Paged<Asked>>(&raw, None);
        }
    }
}
