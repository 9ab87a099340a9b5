//! Every file of `agent/tests/corpus/openclaw-yml` is accepted or rejected as its header states.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::*;

/// The expected result, from a file's header.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) taken: Option<String>,
    pub(super) refused: Vec<String>,
    pub(super) variables: HashMap<String, String>,
}

pub(super) fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/openclaw-yml");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "yml"))
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 80, "{} files", files.len());
    files
}

impl Expected {
    pub(super) fn by(text: &str) -> Self {
        let mut expected = Self::default();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let Some((what, value)) = line
                .strip_prefix("# ")
                .and_then(|line| line.split_once(": "))
            else {
                break;
            };
            match what {
                "taken" => expected.taken = Some(value.trim_end().to_owned()),
                "refused" => expected.refused.push(value.trim_end().to_owned()),
                "variable" => {
                    let (name, value) = value.split_once('=').unwrap();
                    expected.variables.insert(name.to_owned(), value.to_owned());
                }
                _ => break,
            }
        }
        expected
    }

    pub(super) fn read(&self, text: &str) -> Result<Rules, Vec<Mistake>> {
        let lookup = |name: &str| match self.variables.get(name).map(String::as_str) {
            Some("<not UTF-8>") => Err(VarError::NotUnicode(OsString::from_vec(vec![0xa0]))),
            Some(value) => Ok(value.to_owned()),
            None => Err(VarError::NotPresent),
        };
        read(text, &lookup)
    }
}

fn summary(rules: &Rules) -> String {
    let count = |entries: Option<&[Entry]>| match entries {
        Some(entries) => entries.len().to_string(),
        None => "-".to_owned(),
    };
    format!(
        "dm={} group={} people={} group_people={} groups={}",
        rules.direct.name(),
        rules.group.name(),
        rules.people.len(),
        count(rules.group_people.as_deref()),
        count(rules.groups.as_deref()),
    )
}

#[test]
fn every_odd_file_is_accepted_or_refused_as_listed() {
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let expected = Expected::by(&text);
        let read = expected.read(&text);
        let right = match (&read, &expected.taken) {
            (Ok(rules), Some(taken)) => summary(rules) == *taken,
            (Err(mistakes), None) => {
                let pairs = mistakes.iter().zip(&expected.refused);
                mistakes.len() == expected.refused.len()
                    && pairs.clone().all(|(mistake, expected)| {
                        let (line, part) = expected.split_once(": ").unwrap();
                        let text = mistake.to_string();
                        text.starts_with(&format!("{line}: ")) && text.contains(part)
                    })
            }
            _ => false,
        };
        if !right {
            let read = read.map(|rules| summary(&rules));
            wrong.push(format!("{}: {read:?}", path.file_name().unwrap().display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_mistake_repeats_a_number_or_what_a_variable_holds() {
    for (path, text) in files() {
        let expected = Expected::by(&text);
        for mistake in expected.read(&text).err().unwrap_or_default() {
            let mistake = mistake.to_string();
            let mut values = expected.variables.values().filter(|value| value.len() > 1);
            assert!(!mistake.contains("0100"), "{mistake}");
            assert!(
                !values.any(|value| mistake.contains(value.as_str())),
                "{}: {mistake}",
                path.display()
            );
        }
    }
}
