//! Lines that a signal handler writes: without locks, allocations, or anything that may panic.

use crate::ledger::{Culprit, MAX_LABEL};

const MAX_BYTES: usize = 256;

/// A text of limited length.
pub(super) struct Line {
    bytes: [u8; MAX_BYTES],
    length: usize,
}

impl Line {
    pub(super) fn new() -> Line {
        Line { bytes: [0; MAX_BYTES], length: 0 }
    }

    /// The line in the file: JSON. `at_unix_ms` is the time.
    pub(super) fn for_file(culprit: Option<&Culprit>, cause: &str, at_unix_ms: u64) -> Line {
        let mut line = Line::new();
        if let Some(culprit) = culprit {
            line.push(b"{\"library\":\"");
            line.push_label(&culprit.label);
            line.push(b"\",");
            if let Some(activity) = culprit.activity {
                line.push(b"\"activity\":\"");
                line.push(activity.name().as_bytes());
                line.push(b"\",");
            }
        } else {
            line.push(b"{");
        }
        line.push(b"\"cause\":\"");
        line.push(cause.as_bytes());
        line.push(b"\",\"at_unix_ms\":");
        line.push_number(at_unix_ms);
        line.push(b"}\n");
        line
    }

    /// The line on standard error.
    pub(super) fn for_people(culprit: Option<&Culprit>, cause: &str) -> Line {
        let mut line = Line::new();
        match culprit {
            Some(culprit) => {
                line.push(b"plugin ");
                line.push_label(&culprit.label);
            }
            None => line.push(b"the host itself"),
        }
        line.push(b" ended this process: ");
        line.push(cause.as_bytes());
        line.push(b"\n");
        line
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends what fits.
    fn push(&mut self, more: &[u8]) {
        for byte in more {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = *byte;
                self.length += 1;
            }
        }
    }

    fn push_label(&mut self, label: &[u8; MAX_LABEL]) {
        for byte in label {
            match byte {
                0 => return,
                // Labels have no such characters; the line must stay valid JSON if that ever changes.
                b'"' | b'\\' | ..b' ' | 0x7F.. => self.push(b"?"),
                byte => self.push(&[*byte]),
            }
        }
    }

    fn push_number(&mut self, number: u64) {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            // One digit.
            self.push(&[b'0' + (number / power % 10) as u8]);
            power /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::ledger::Activity;

    #[test]
    fn lines_name_the_plugin_the_occasion_and_the_cause() {
        let culprit = |text: &str, activity| {
            let mut label = [0; MAX_LABEL];
            label[..text.len()].copy_from_slice(text.as_bytes());
            Some(Culprit { label, activity })
        };
        let longest = format!("{}#{}", "p".repeat(50), u64::MAX);
        let culprits = [
            None,
            culprit("hello#3", None),
            culprit("hello#3", Some(Activity::Call)),
            culprit(&longest, Some(Activity::Release)),
            culprit("a\"b\n#1", None),
        ];
        let mut text = String::new();
        for (culprit, at) in culprits.iter().zip([0, 7, 10, u64::MAX, 1_733_349_600_123]) {
            let lines =
                [Line::for_file(culprit.as_ref(), "stack_overflow", at), Line::for_people(culprit.as_ref(), "exit")];
            for line in lines {
                text += std::str::from_utf8(line.bytes()).unwrap();
            }
        }
        expect![[r#"
            {"cause":"stack_overflow","at_unix_ms":0}
            the host itself ended this process: exit
            {"library":"hello#3","cause":"stack_overflow","at_unix_ms":7}
            plugin hello#3 ended this process: exit
            {"library":"hello#3","activity":"call","cause":"stack_overflow","at_unix_ms":10}
            plugin hello#3 ended this process: exit
            {"library":"pppppppppppppppppppppppppppppppppppppppppppppppppp#18446744073709551615","activity":"release","cause":"stack_overflow","at_unix_ms":18446744073709551615}
            plugin pppppppppppppppppppppppppppppppppppppppppppppppppp#18446744073709551615 ended this process: exit
            {"library":"a?b?#1","cause":"stack_overflow","at_unix_ms":1733349600123}
            plugin a?b?#1 ended this process: exit
        "#]].assert_eq(&text);
    }
}
