//! Tables of accepted and refused manifests, and of warnings.

mod hostile;
mod invalid_yaml;
mod look_alikes;
mod rules;
mod scanner;
mod slips;
mod unsupported;

use super::{Checked, Manifest, Mode, Problem};

/// A manifest with every field.
const FULL: &str = include_str!("tests/full.yaml");

/// The smallest manifest that causes no warnings.
const LEAST: &str = "\
id: my-plugin
name: My Plugin
version: 1.0.0
description: d
author: a
endpoints:
  - {path: /hello, method: GET, handler: Hello}
";

/// Pseudo-random numbers that are the same in every run (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn checked(text: &str) -> Checked {
    match Manifest::check(text.as_bytes(), Mode::Normal) {
        Ok(checked) => checked,
        Err(problems) => panic!("refused:\n{}", lines(&problems)),
    }
}

/// The problems or warnings of [`Manifest::check`], one per line.
fn says(text: &[u8], mode: Mode) -> String {
    match Manifest::check(text, mode) {
        Ok(checked) if checked.warnings.is_empty() => "ok\n".to_owned(),
        Ok(checked) => format!("ok, but\n{}", lines(&checked.warnings)),
        Err(problems) => {
            assert!(!problems.is_empty());
            lines(&problems)
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}
