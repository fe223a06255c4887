//! Display names as lists sort them and as people search for them.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use crate::json::Json;
use crate::message::{Place, Rule};
use crate::outline::Kind;
use crate::values::{JOINERS, check_text};

/// The longest text that is searched for, in bytes of UTF-8.
pub const MAX_QUERY_BYTES: usize = 64;
/// The number of words of a display name that it is found by.
pub const MAX_WORDS: usize = 16;
/// The most bytes of a folded name that are sorted by: DynamoDB takes sort keys of 1024, and a decomposed name can be
/// many times as long as the name.
const MAX_FOLDED_BYTES: usize = 512;

/// `name` as people sort it: without case, marks and compatibility forms.
pub fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.chars().take(MAX_FOLDED_BYTES).map(|letter| letter.to_ascii_lowercase()).collect();
    }
    // The same tables are in every function for the names of hosts.
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(name.chars());
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_mark = |letter: char| GeneralCategoryGroup::Mark.contains(categories.get(letter));
    let letters = decomposed.flat_map(char::to_lowercase).filter(|letter| !is_mark(*letter));
    let mut folded = String::with_capacity(name.len());
    for letter in letters {
        if folded.len() + letter.len_utf8() > MAX_FOLDED_BYTES {
            break;
        }
        folded.push(letter);
    }
    folded
}

/// The folded words of `name`, one space between them. What is neither a letter nor a digit, such as a hyphen or an
/// apostrophe, separates words.
fn words_of(name: &str) -> String {
    let folded = folded(name);
    // Letters with several lower forms become one: `ς` is `σ`, and `ß` is `ss`.
    let letters = folded.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let letters: String = letters.filter(|letter| !JOINERS.contains(letter)).collect();
    letters
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The folded words of `display_name` from each of its first [`MAX_WORDS`] words on; none if it has no word.
pub fn from_each_word(display_name: &str) -> Vec<String> {
    let words = words_of(display_name);
    let starts = std::iter::once(0).chain(words.match_indices(' ').map(|(space, _)| space + 1));
    let from_each = starts.filter_map(|start| words.get(start..)).filter(|rest| !rest.is_empty());
    from_each.take(MAX_WORDS).map(str::to_owned).collect()
}

/// What somebody looks for: a name has it if one of its words begins with it, or one and those after it. Case, marks,
/// compatibility forms, and what separates words make no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSearch(String);

impl NameSearch {
    /// The search for `text`; `None` if that has neither a letter nor a digit.
    pub fn of(text: &str) -> Option<Self> {
        Some(Self(words_of(text))).filter(|search| !search.0.is_empty())
    }

    /// Whether `display_name` has it.
    pub fn finds(&self, display_name: &str) -> bool {
        self.place_in(display_name).is_some()
    }

    /// The place of the word from which on `display_name` has it: 0, or the one whose words, with those after it, are
    /// the first in order.
    pub fn place_in(&self, display_name: &str) -> Option<usize> {
        let words = from_each_word(display_name).into_iter().enumerate();
        let found = words.filter(|(_, words)| words.starts_with(&self.0));
        found.min_by_key(|(place, words)| (*place > 0, words.clone())).map(|(place, _)| place)
    }

    /// The folded words that it looks for.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Rule for NameSearch {
    type Value = Self;

    fn read(json: Json, place: &mut Place<'_>) -> Option<Self> {
        place.string(json, |text| {
            check_text(&text, MAX_QUERY_BYTES)?;
            Self::of(&text).ok_or_else(|| "must have a letter or a digit".to_owned())
        })
    }

    fn kind() -> Kind {
        Kind::Text { max_bytes: Some(MAX_QUERY_BYTES) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_found_by_the_beginning_of_any_of_its_words() {
        for (query, name, found) in [
            ("lop", "Maria López", true),
            ("LÓPEZ", "Maria Lopez", true),
            ("maria lo", "María López", true),
            ("opez", "Maria López", false),
            ("lo maria", "Maria López", false),
            ("marie", "Anne-Marie O’Neil", true),
            ("o'n", "Anne-Marie O’Neil", true),
            ("anne marie", "Anne-Marie O’Neil", true),
            ("oneil", "Anne-Marie O’Neil", false),
            ("Νικος", "ΝΙΚΟΣ Παπάς", true),
            ("strasse", "Team Straße", true),
            ("می\u{200c}خ", "او میخواهم", true),
            ("안", "김 안나", true),
            ("ﬁ", "Team Fiona", true),
        ] {
            assert_eq!(NameSearch::of(query).unwrap().finds(name), found, "{query} in {name}");
        }
        for nothing in ["", " ", "-'", "\u{301}", "👩\u{200d}💻", "\u{200d}"] {
            assert_eq!(NameSearch::of(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_name_is_found_by_its_first_words_however_long() {
        let name = (1..=20).map(|number| format!("w{number}x")).collect::<Vec<_>>().join(" ");
        assert_eq!(from_each_word(&name).len(), MAX_WORDS);
        assert!(NameSearch::of("w16x").unwrap().finds(&name) && !NameSearch::of("w17x").unwrap().finds(&name));
        let long = "a".repeat(256);
        assert_eq!(from_each_word(&long), [long]);
        assert!(from_each_word("👩\u{200d}💻").is_empty());
    }

    /// Parts of names, each with what people type for it, by hand; an empty one separates words.
    const PARTS: [(&str, &str); 26] = [
        ("María", "maria"),
        ("LÓPEZ", "lopez"),
        ("lo", "lo"),
        ("Zoë", "zoe"),
        ("Straße", "strasse"),
        ("Ǻse", "ase"),
        ("Łuk", "łuk"),
        ("N\u{303}u", "nu"),
        ("Νίκος", "νικοσ"),
        ("Иван", "иван"),
        ("Ёжи", "ежи"),
        ("אָנה", "אנה"),
        ("安娜", "安娜"),
        ("ｶﾞ", "カ"),
        ("Ⅷ", "viii"),
        ("ﬁn", "fin"),
        ("7", "7"),
        ("İz", "iz"),
        (" ", ""),
        (" ", ""),
        ("-", ""),
        ("’", ""),
        ("'", ""),
        (" (", ""),
        (". ", ""),
        ("‐", ""),
    ];

    proptest! {
        #[test]
        fn a_search_finds_what_begins_a_word_of_parts_folded_by_hand(
            name in prop::collection::vec(prop::sample::select(&PARTS[..]), 1..8),
            query in prop::collection::vec(prop::sample::select(&PARTS[..18]), 1..3),
            cut in 1_usize..6,
        ) {
            // The letters of each word that begins in a name, by hand, and those that are looked for.
            let mut words = vec![String::new()];
            for (_, folded) in &name {
                if folded.is_empty() { words.push(String::new()) } else { words.last_mut().unwrap().push_str(folded) }
            }
            let wanted: String = query.iter().map(|(_, folded)| *folded).collect::<String>().chars().take(cut).collect();
            let found = words.iter().any(|word| word.starts_with(&wanted));
            let name: String = name.iter().map(|(sent, _)| *sent).collect();
            prop_assert_eq!(NameSearch::of(&wanted).unwrap().finds(&name), found, "{} in {}", wanted, name);
            // Typed with its marks and in any case, it finds the same.
            if query.iter().map(|(_, folded)| folded.chars().count()).sum::<usize>() <= cut {
                let typed: String = query.iter().map(|(sent, _)| *sent).collect();
                for typed in [typed.to_uppercase(), typed.to_lowercase(), typed] {
                    prop_assert_eq!(NameSearch::of(&typed).unwrap().finds(&name), found, "{} in {}", typed, name);
                }
            }
        }
    }
}
