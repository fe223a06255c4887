//! Every relative link in the documentation leads to an existing file and heading.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use coaching_tests::root;

/// The Markdown files of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The text of a page outside its blocks of code.
fn prose(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap();
    let mut in_code = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    prose.map(|line| format!("{line}\n")).collect()
}

/// The anchors of a page's headings, as repository hosts make them: lower case, without punctuation, with hyphens for
/// spaces. A repeated heading gets a number.
fn anchors(page: &Path) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(page).lines() {
        let Some((level, heading)) = line.split_once(' ') else { continue };
        if level.is_empty() || !level.bytes().all(|byte| byte == b'#') {
            continue;
        }
        let kept = heading.trim().chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
        let anchor: String = kept.flat_map(char::to_lowercase).map(|one| if one == ' ' { '-' } else { one }).collect();
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|one| !anchors.contains(one));
        anchors.extend(free);
    }
    anchors
}

/// The targets of the links in `prose`, except those to other hosts.
fn targets(prose: &str) -> Vec<&str> {
    let behind = prose.split("](").skip(1).map(|rest| rest.split([')', ' ']).next().unwrap());
    behind.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut followed = 0;
    let mut broken = Vec::new();
    for page in pages() {
        for target in targets(&prose(&page)) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let found = file.exists() && (anchor.is_empty() || anchors(&file).contains(anchor));
            if !found {
                broken.push(format!("{}: {target}", page.strip_prefix(root()).unwrap().display()));
            }
            followed += 1;
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(followed > 0, "the documentation has links");
}

#[test]
fn links_and_anchors_are_found_as_a_reader_finds_them() {
    assert_eq!(targets("[a](b.md#c), [d](https://example.com/e), ![f](g.png \"h\") and `[i]`"), ["b.md#c", "g.png"]);
    let folder = std::env::temp_dir().join(format!("links-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let page = folder.join("page.md");
    std::fs::write(&page, "# `A` page, of *two*\n```sh\n# no heading\n```\n## Same\n## Same\n#no heading\n").unwrap();
    let found = anchors(&page);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found, BTreeSet::from(["a-page-of-two", "same", "same-1"].map(str::to_owned)));
}
