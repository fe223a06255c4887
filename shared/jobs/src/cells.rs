//! The cells of a table: texts that no spreadsheet takes for a formula, and numbers.

use std::borrow::Cow;

/// The characters with which a spreadsheet may take a text for a formula, or for the end of a cell (OWASP ASVS 5.0,
/// 1.2.10).
pub(crate) const FORBIDDEN_FIRST: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// `text` as a cell: behind an apostrophe if a spreadsheet may take it for a formula, unless it is to be `raw`.
pub(crate) fn text(text: &str, raw: bool) -> Cow<'_, str> {
    match !raw && text.starts_with(FORBIDDEN_FIRST) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// The text of a cell that an export wrote: without the apostrophe before a character with which a formula may begin. A
/// text that had such an apostrophe of its own loses it.
pub fn text_of(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORBIDDEN_FIRST)).unwrap_or(cell)
}

/// `number` as a cell: at most four decimals, without an exponent.
pub(crate) fn number(number: f64) -> String {
    let written = format!("{number:.4}");
    let written = written.trim_end_matches('0').trim_end_matches('.');
    if written == "-0" { "0".to_owned() } else { written.to_owned() }
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

    proptest! {
        #[test]
        fn no_text_begins_a_formula(content in "\\PC{0,8}|[=+@\t\r\n\u{0}＝＋－＠-]{1,3}\\PC{0,4}|(?s).{0,8}") {
            let cell = text(&content, false);
            prop_assert!(!cell.starts_with(FORBIDDEN_FIRST), "{cell:?}");
            prop_assert!(cell.strip_prefix('\'').unwrap_or(&cell) == content || *cell == content);
            prop_assert!(text(&content, true) == content);
            prop_assert!(content.starts_with('\'') || text_of(&cell) == content, "{cell:?}");
        }
    }
}
