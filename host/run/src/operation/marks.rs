//! The marks that the reasons of revisions contain, to find the revisions of a job again.

/// A part of a job.
pub(super) struct PartOf {
    /// The number, from 1.
    pub(super) number: usize,
    pub(super) count: usize,
    /// The plugin, or its source.
    pub(super) label: String,
}

impl PartOf {
    /// The mark in the reason of a revision that this part has made.
    pub(super) fn mark(&self, job: &str, reason: Option<&str>) -> String {
        let mark = format!("part {} of {} of {job}", self.number, self.count);
        match reason {
            Some(reason) => format!("{reason} ({mark})"),
            None => mark,
        }
    }
}

/// The part of `job` that has made a revision, if one has.
pub(super) fn part_marked(reason: &str, job: &str) -> Option<usize> {
    let (before, _) = reason.trim_end_matches(')').strip_suffix(job)?.strip_suffix(" of ")?.rsplit_once(" of ")?;
    let (_, number) = before.rsplit_once("part ")?;
    number.parse().ok()
}

/// The mark in the reason of a revision that undoes a change of a job.
pub(super) fn undo_mark(job: &str) -> String {
    format!("undone with the rest of {job}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_revision_names_job_and_part() {
        let part = PartOf { number: 2, count: 13, label: "hello".to_owned() };
        let job = "job_0123456789abcdef";
        for reason in [None, Some("new settings (part 7 of 9 of job_x)"), Some("part 1 of 1 of it")] {
            let mark = part.mark(job, reason);
            assert_eq!(part_marked(&mark, job), Some(2), "{mark}");
            assert_eq!(part_marked(&mark, "job_0123456789abcdee"), None, "{mark}");
        }
        for other in ["", job, "part of job", &format!("part x of y of {job}"), &undo_mark(job)] {
            assert_eq!(part_marked(other, job), None, "{other}");
        }
    }
}
