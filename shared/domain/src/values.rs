//! What values may be: the limits of texts, and checks of texts, numbers and enums.

use std::ops::{Bound, RangeBounds};

use crate::json::Json;

/// The longest free text, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The longest title or label, in bytes of UTF-8.
pub const MAX_TITLE_BYTES: usize = 1024;

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
pub(crate) const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

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

/// Checks a display name of at most `max_bytes` bytes: see [`crate::rules::Title`].
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
    let value: f64 = value.filter(|value: &f64| value.is_finite()).ok_or("must be a finite number")?;
    if value.abs() > 0.0 && value.abs() < SMALLEST { Err("must be 0 or at least 1e-130") } else { Ok(value) }
}

/// The number above 0 that is the smallest that DynamoDB keeps.
pub const SMALLEST: f64 = 1e-130;

/// The fault of a number that is not a whole one of 32 bits.
pub(crate) const WHOLE: &str = "must be a whole number of 32 bits";

/// The whole number of 32 bits that equals `value`.
pub(crate) fn whole(value: f64) -> Result<i32, &'static str> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it was")]
    let whole = value as i32;
    if (f64::from(whole) - value).abs() > 0.0 { Err(WHOLE) } else { Ok(whole) }
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
    let numbered = match json {
        Json::String(name) => return named(name, values),
        Json::Number(number) => number.as_u64().and_then(|number| values.get(usize::try_from(number).ok()?)),
        _ => None,
    };
    numbered.map(|(_, value)| *value).ok_or_else(|| fault_of_enum(values))
}

/// As [`one_of`], of a text with a name or a number.
pub(crate) fn one_of_texts<T: Copy>(text: &str, values: &[(&str, T)]) -> Result<T, String> {
    let numbered = || values.iter().enumerate().find(|(number, _)| number.to_string() == text);
    named(text, values).or_else(|fault| numbered().map(|(_, (_, value))| *value).ok_or(fault))
}

/// The one of `values` that is called `name`.
pub(crate) fn named<T: Copy>(name: &str, values: &[(&str, T)]) -> Result<T, String> {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| fault_of_enum(values))
}

fn fault_of_enum<T>(values: &[(&str, T)]) -> String {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    format!("must be one of {}", names.join(", "))
}

/// The boolean in `text` as Go parses it, because grpc-gateway does.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The regular expression (ECMA 262) that a display name matches.
pub fn title_pattern() -> String {
    let escaped = |letter: char| format!("\\u{:04x}", u32::from(letter));
    let hidden: String = HIDDEN.iter().map(|(first, last)| format!("{}-{}", escaped(*first), escaped(*last))).collect();
    let joiners = JOINERS.map(escaped).concat();
    format!("^[^{hidden}]*[^\\s{joiners}{hidden}][^{hidden}]*$")
}

/// The most entries of a page.
pub const MAX_PAGE_SIZE: usize = 1000;

/// The page size for the size `asked` for (AIP-158): 50 for 0, at most [`MAX_PAGE_SIZE`].
///
/// # Errors
/// A text, if the size is negative.
pub(crate) fn page_size(asked: i32) -> Result<usize, &'static str> {
    match usize::try_from(asked) {
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(MAX_PAGE_SIZE)),
        Err(_) => Err("must not be negative"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_dynamodb_does_not_keep_is_refused() {
        let refused = Err("must be 0 or at least 1e-130");
        for (text, read) in [
            ("1e-130", Ok(1e-130)),
            ("-1e-130", Ok(-1e-130)),
            ("9.99e-131", refused),
            ("-5e-324", refused),
            ("0", Ok(0.0)),
            ("1e309", Err("must be a finite number")),
        ] {
            assert_eq!(finite(&Json::String(text.to_owned())), read, "{text}");
        }
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
            assert_eq!(check_title(text, 10).is_err(), refused, "{text:?}");
        }
    }

    #[test]
    fn a_name_for_people_hides_nothing() {
        for letter in [
            '\u{0}', '\t', '\n', '\r', '\u{7f}', '\u{85}', '\u{9f}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{2029}',
            '\u{202a}', '\u{202e}', '\u{2060}', '\u{2066}', '\u{2069}', '\u{feff}',
        ] {
            for text in [format!("Ana{letter}Abe"), format!("{letter}Ana"), format!("Ana{letter}")] {
                assert!(check_title(&text, 100).is_err(), "{text:?}");
            }
        }
        assert!(('\u{0}'..='\u{10ffff}').filter(|letter| letter.is_control()).all(is_hidden));
        for text in ["می\u{200c}خواهم", "👩\u{200d}💻 Ana", "אנה", "Ana‐Abe", "安娜", "A\u{301}na", "=1+1", "<b>"]
        {
            assert!(check_title(text, 100).is_ok(), "{text:?}");
        }
    }
}
