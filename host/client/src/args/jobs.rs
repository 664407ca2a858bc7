//! Arguments of `jobs` and `job`.

use clap::{Args, Subcommand};
use host_core::job::JobState;
use host_core::{PluginId, whole_number};

use super::{EXIT_CODES, HostArgs};

/// `jobs`.
#[derive(Debug, Args)]
pub struct Jobs {
    /// Only jobs of this plugin
    #[arg(long, value_name = "ID")]
    pub(crate) plugin: Option<PluginId>,
    /// Only jobs in this state: queued, running, done, failed, cancelled, timed_out or superseded
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<JobState>,
    /// Only jobs of this operation, such as load or reload
    #[arg(long, value_name = "WORD", value_parser = word)]
    pub(crate) operation: Option<String>,
    /// Maximum number of jobs, newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = |text: &str| whole_number::<usize>(text, 1..=200))]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `job`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Job {
    #[command(subcommand)]
    pub(crate) command: Option<JobCommand>,
    /// Id of the job, as listed by `jobs`
    #[arg(value_name = "JOB", value_parser = id, required = true)]
    pub(crate) id: Option<String>,
    /// Print the log of the job instead of its details
    #[arg(long)]
    pub(crate) log: bool,
    /// Print the log until the job ends; exits with 0 only if the job succeeded
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// Commands about a job.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// Cancel a job; the running version of the plugin is not affected
    #[command(after_help = EXIT_CODES)]
    Cancel(JobArgs),
    /// Retry a failed or cancelled job and follow the new job
    #[command(after_help = EXIT_CODES)]
    Retry(JobArgs),
}

/// Commands about one job.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Id of the job, as listed by `jobs`
    #[arg(value_name = "JOB", value_parser = id)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

impl Job {
    /// Returns the options that select the host.
    pub(crate) fn client(&self) -> &HostArgs {
        match &self.command {
            Some(JobCommand::Cancel(args) | JobCommand::Retry(args)) => &args.client,
            None => &self.client,
        }
    }
}

/// Parses a job id. A valid id needs no escaping in a URL.
fn id(text: &str) -> Result<String, String> {
    let is_id = text.len() <= 64
        && text
            .strip_prefix("job_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|c| c.is_ascii_alphanumeric()));
    is_id.then(|| text.to_owned()).ok_or_else(|| "a job id is `job_` followed by letters and digits".to_owned())
}

/// Parses the name of an operation. A valid name needs no escaping in a URL.
fn word(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.len() <= 40 && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    is_word
        .then(|| text.to_owned())
        .ok_or_else(|| "an operation name consists of the letters a to z and `_`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{ClientCommand, command};
    use super::*;

    fn read(args: &[&str]) -> Result<ClientCommand, clap::Error> {
        command(args)
    }

    fn job(args: &[&str]) -> Job {
        let ClientCommand::Job(job) = read(args).unwrap() else { panic!("not job") };
        *job
    }

    #[test]
    fn job_accepts_an_id_or_a_subcommand() {
        let shown = job(&["job", "job_1f", "--follow", "--json"]);
        assert_eq!((shown.id.as_deref(), shown.follow, shown.log), (Some("job_1f"), true, false));
        assert!(shown.client().format.is_data());
        let cancelled = job(&["job", "cancel", "job_1f", "--json"]);
        assert!(matches!(&cancelled.command, Some(JobCommand::Cancel(args)) if args.id == "job_1f"));
        assert!(cancelled.client().format.is_data());
        assert!(matches!(job(&["job", "retry", "job_1f"]).command, Some(JobCommand::Retry(_))));
        for args in [
            &["job"][..],
            &["job", "hello"],
            &["job", "job_"],
            &["job", "job_1/log"],
            &["job", "cancel"],
            &["job", "cancel", "x"],
            &["job", "job_1", "cancel"],
            &["jobs", "--state", "gone"],
            &["jobs", "--operation", "a&b"],
            &["jobs", "--limit", "0"],
            &["jobs", "--limit", "201"],
        ] {
            assert!(read(args).is_err(), "{args:?}");
        }
        let ClientCommand::Jobs(jobs) = read(&["jobs", "--plugin", "hello", "--state", "timed_out"]).unwrap() else {
            panic!("not jobs")
        };
        assert_eq!((jobs.state, jobs.limit), (Some(JobState::TimedOut), 20));
    }
}
