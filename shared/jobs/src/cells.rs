//! The cells of a table: texts that no spreadsheet takes for a formula, and numbers. What is written here is also read
//! here: each text comes back as it was.

use std::borrow::Cow;

/// The characters with which a spreadsheet may take a text for a formula, or for the end of a cell (OWASP ASVS 5.0,
/// 1.2.10).
pub(crate) const FORBIDDEN_FIRST: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];
/// The cell of a score that does not apply.
pub(crate) const NOT_APPLICABLE: &str = "N/A";

/// A cell in a column of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score<'a> {
    /// A number.
    Number(f64),
    /// The criterion does not apply.
    NotApplicable,
    /// A text.
    Text(&'a str),
}

/// `text` as a cell: behind an apostrophe if a spreadsheet may take it for a formula, unless it is to be `raw`.
pub(crate) fn text(text: &str, raw: bool) -> Cow<'_, str> {
    marked(text, raw, begins_formula)
}

/// `text` as a cell in a column of scores: behind an apostrophe also if it would be taken for another score.
pub(crate) fn text_of_score(text: &str, raw: bool) -> Cow<'_, str> {
    marked(text, raw, is_no_text_of_score)
}

/// The text of a cell that an export wrote: without the apostrophe that marks it, unless it was to be `raw`.
pub fn text_of(cell: &str, raw: bool) -> &str {
    without_mark(cell, raw, begins_formula)
}

/// The score in a cell that an export wrote, likewise.
pub fn score_of(cell: &str, raw: bool) -> Score<'_> {
    match number_of(cell) {
        Some(number) => Score::Number(number),
        None if cell == NOT_APPLICABLE => Score::NotApplicable,
        None => Score::Text(without_mark(cell, raw, is_no_text_of_score)),
    }
}

/// The number in a cell.
pub fn number_of(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `number` as a cell: at most four decimals, without an exponent.
pub(crate) fn number(number: f64) -> String {
    let written = format!("{number:.4}");
    let written = written.trim_end_matches('0').trim_end_matches('.');
    if written == "-0" { "0".to_owned() } else { written.to_owned() }
}

/// `text` behind an apostrophe, if it `needs_mark` or would read as such a text with its mark: one with apostrophes of its
/// own before it gets one more. So the first apostrophe of a marked text is never its own.
fn marked(text: &str, raw: bool, needs_mark: impl Fn(&str) -> bool) -> Cow<'_, str> {
    match !raw && needs_mark(text.trim_start_matches('\'')) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

fn without_mark(cell: &str, raw: bool, needs_mark: impl Fn(&str) -> bool) -> &str {
    cell.strip_prefix('\'').filter(|text| !raw && needs_mark(text.trim_start_matches('\''))).unwrap_or(cell)
}

fn begins_formula(text: &str) -> bool {
    text.starts_with(FORBIDDEN_FIRST)
}

fn is_no_text_of_score(text: &str) -> bool {
    begins_formula(text) || text == NOT_APPLICABLE || number_of(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_plain() {
        for (value, cell) in [
            (87.5, "87.5"),
            (-1.0, "-1"),
            (0.0, "0"),
            (-0.0, "0"),
            (100.0, "100"),
            (1e6, "1000000"),
            (1e-9, "0"),
            (0.333_333, "0.3333"),
        ] {
            assert_eq!(number(value), cell);
        }
    }

    #[test]
    fn a_text_with_apostrophes_of_its_own_keeps_them() {
        for (content, cell) in [("=1", "'=1"), ("'=1", "''=1"), ("''-", "'''-"), ("'tis", "'tis"), ("'", "'")] {
            assert_eq!((&*text(content, false), text_of(cell, false)), (cell, content));
        }
        for (content, cell) in
            [("5", "'5"), ("'5", "''5"), ("N/A", "'N/A"), ("n/a", "n/a"), ("1e3", "'1e3"), ("inf", "inf")]
        {
            assert_eq!((&*text_of_score(content, false), score_of(cell, false)), (cell, Score::Text(content)));
        }
        assert_eq!(
            ["5", "-1", "N/A"].map(|cell| score_of(cell, false)),
            [Score::Number(5.0), Score::Number(-1.0), Score::NotApplicable]
        );
    }

    proptest! {
        #[test]
        fn no_text_begins_a_formula_and_each_comes_back(
            content in "\\PC{0,8}|'{0,3}[=+@\t\r\n\u{0}＝＋－＠-]{1,3}\\PC{0,4}|'{0,3}(N/A|[0-9]{1,3})|(?s).{0,8}",
        ) {
            let cells = [text(&content, false), text_of_score(&content, false)];
            for cell in &cells {
                prop_assert!(!cell.starts_with(FORBIDDEN_FIRST), "{cell:?}");
                prop_assert!(*cell == content || cell.strip_prefix('\'') == Some(&content));
            }
            prop_assert_eq!(text_of(&cells[0], false), &content);
            prop_assert_eq!(score_of(&cells[1], false), Score::Text(&content));
            prop_assert!(text(&content, true) == content && text_of_score(&content, true) == content);
            prop_assert_eq!(text_of(&content, true), &content);
        }
    }
}
