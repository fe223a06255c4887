//! The functions of `functions/`, and the lists of them that the workspace needs to compile.

use std::path::Path;

use crate::command::{Outcome, read};
use crate::generated::Generated;

/// The names of the folders of `functions/`, sorted.
///
/// # Errors
///
/// The folder cannot be read.
pub fn functions(root: &Path) -> Outcome<Vec<String>> {
    let folder = root.join("functions");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().join("Cargo.toml").exists());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

/// The text that must be there before anything that names the functions can be compiled: the common part of their
/// packages, their lines in `Cargo.toml` and `local/Cargo.toml`, and the list in `local/src/operations.rs`.
///
/// # Errors
///
/// A file cannot be read.
pub fn lists(root: &Path) -> Outcome<Vec<Generated>> {
    let names = functions(root)?;
    let lines = |line: &dyn Fn(&String) -> String| names.iter().map(line).collect::<String>();
    let mut operations = String::new();
    let mut tasks = String::new();
    let mut websites = String::new();
    for name in &names {
        let source = read(&root.join("functions").join(name).join("src/lib.rs"))?;
        let package = name.replace('-', "_");
        let list = match &source {
            task if task.contains("pub static TASK:") => &mut tasks,
            website if website.contains("pub static WEBSITE:") => &mut websites,
            _ => &mut operations,
        };
        list.push_str(&format!("    {package},\n"));
    }
    let packages = names.iter().map(|name| Generated {
        file: format!("functions/{name}/Cargo.toml"),
        part: Some("package"),
        text: package(name),
    });
    let lists = [
        Generated {
            file: "Cargo.toml".to_owned(),
            part: Some("functions"),
            text: lines(&|name| format!("{name} = {{ path = \"functions/{name}\" }}\n")),
        },
        Generated {
            file: "local/Cargo.toml".to_owned(),
            part: Some("functions"),
            text: lines(&|name| format!("{name}.workspace = true\n")),
        },
        Generated {
            file: "local/src/operations.rs".to_owned(),
            part: Some("functions"),
            text: format!("operations! {{\n{operations}}}\n\ntasks! {{\n{tasks}}}\n\nwebsites! {{\n{websites}}}\n"),
        },
    ];
    Ok(packages.chain(lists).collect())
}

/// The part of the package `name` that all functions have in common. Its library and binary have no tests of their own:
/// the tests of its operation are in `tests/`.
fn package(name: &str) -> String {
    let inherited = ["version", "edition", "rust-version", "license", "publish"];
    let inherited: String = inherited.iter().map(|key| format!("{key}.workspace = true\n")).collect();
    let test = name.replace('-', "_");
    format!(
        r#"[package]
name = "{name}"
{inherited}
[lib]
test = false
bench = false
doctest = false

[[bin]]
name = "{name}"
path = "src/main.rs"
test = false
bench = false

[[test]]
name = "{test}"
path = "../../tests/{test}.rs"

[lints]
workspace = true
"#
    )
}

/// `create-session` as `CreateSession`.
pub fn pascal_case(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    name.split('-').map(word).collect()
}
