//! Generated text: whole files, or parts of files between a comment `generated: <name>` and a comment `end`.

use std::path::Path;

use crate::command::{Outcome, read};

/// The environment variable that has generated text written instead of compared.
pub const WRITE_GENERATED: &str = "WRITE_GENERATED";

/// Generated text and its place.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The file, from the root of the repository.
    pub file: String,
    /// The name of its part; `None` for the whole file.
    pub part: Option<&'static str>,
    /// The text, of whole lines.
    pub text: String,
}

impl Generated {
    /// The text of the file under `root` as it is, and as it should be.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no such part.
    fn placed(&self, root: &Path) -> Outcome<(String, String)> {
        let path = root.join(&self.file);
        let Some(part) = self.part else {
            return Ok((std::fs::read_to_string(path).unwrap_or_default(), self.text.clone()));
        };
        let committed = read(&path)?;
        let lines: Vec<&str> = committed.split_inclusive('\n').collect();
        let begin = format!("generated: {part}");
        let begin = lines.iter().position(|line| comment(line) == begin);
        let begin = begin.ok_or_else(|| format!("{}: no comment 'generated: {part}'", self.file))?;
        let after = lines.iter().skip(begin).position(|line| comment(line) == "end");
        let end = begin + after.ok_or_else(|| format!("{}: no comment 'end' after 'generated: {part}'", self.file))?;
        let (before, after) = (lines.iter().take(begin + 1), lines.iter().skip(end));
        let placed = before.copied().chain([self.text.as_str()]).chain(after.copied()).collect();
        Ok((committed, placed))
    }

    /// Writes it under `root`, unless it is there already.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or has no such part.
    pub fn write(&self, root: &Path) -> Outcome {
        let (committed, placed) = self.placed(root)?;
        if committed == placed {
            return Ok(());
        }
        std::fs::write(root.join(&self.file), placed).map_err(|error| format!("{}: {error}", self.file))
    }

    /// Checks that it is there, or writes it if [`WRITE_GENERATED`] is set.
    ///
    /// # Errors
    ///
    /// It is not there; the file cannot be read or written, or has no such part.
    pub fn hold(&self, root: &Path) -> Outcome {
        if std::env::var_os(WRITE_GENERATED).is_some() {
            return self.write(root);
        }
        let (committed, placed) = self.placed(root)?;
        if committed == placed {
            return Ok(());
        }
        Err(format!("{} is not as it is generated: `cargo xtask generate` writes it", self.file))
    }
}

/// The text of a line that is a comment of TOML, YAML, Rust or Markdown.
fn comment(line: &str) -> &str {
    line.trim().trim_start_matches(['#', '/', '<', '!', '-']).trim_end_matches(['-', '>']).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_one_of_any_kind_of_file() {
        for line in ["# end\n", "  # end", "// end", "<!-- end -->\n"] {
            assert_eq!(comment(line), "end", "{line}");
        }
        assert_eq!(comment("<!-- generated: operations -->"), "generated: operations");
    }
}
