//! `jobs` and `job`.

use std::fmt::Write as _;

use host_api::{Job, JobList};
use http::Method;

use super::load;
use crate::args::{self, JobCommand};
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::paint::cargo_line;
use crate::output::text::{duration, moment, printable, utc};
use crate::output::{self, Table};
use crate::screen::Screen;

/// Lists jobs, newest first.
pub(super) async fn list(client: &Client, args: args::Jobs) -> Result<(), Failure> {
    let mut path = format!("/api/jobs?limit={}", args.limit);
    let filters = [
        ("plugin", args.plugin.as_ref().map(|id| id.as_str())),
        ("state", args.state.map(|state| state.as_str())),
        ("operation", args.operation.as_deref()),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            // The parsers only accept values that need no escaping.
            let _ = write!(path, "&{name}={value}");
        }
    }
    let reply = client.request(ApiRequest::get(path)).await?;
    if args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let list: JobList = reply.read()?;
    if list.jobs.is_empty() {
        output::error_line("no stored job matches");
        return Ok(());
    }
    output::table(&table(&list.jobs));
    if list.next.is_some() {
        output::error_line("older jobs are not shown; use --limit, --plugin or --state");
    }
    Ok(())
}

/// Shows, follows, cancels or retries a job.
pub(super) async fn job(client: &Client, args: args::Job, screen: &Screen) -> Result<(), Failure> {
    match args.command {
        Some(JobCommand::Cancel(args)) => cancel(client, &args).await,
        Some(JobCommand::Retry(args)) => {
            let ask = ApiRequest::post(route(&args.id, "/retry"));
            let watched = client.watch_or_leave(ask, &format!("retrying {}", args.id), screen, false).await?;
            load::print_result(client, watched, args.client.format.is_data()).await
        }
        None => {
            // Without a subcommand, clap requires the id.
            let id = args.id.unwrap_or_default();
            match (args.follow, args.log) {
                (true, _) => follow(client, &id, args.client.format.is_data()).await,
                (false, true) => log(client, &id).await,
                (false, false) => show(client, &id, args.client.format.is_data()).await,
            }
        }
    }
}

async fn show(client: &Client, id: &str, as_json: bool) -> Result<(), Failure> {
    let reply = client.request(ApiRequest::get(route(id, ""))).await?;
    if as_json {
        output::data(&reply.body)
    } else {
        output::painted(&sheet(&reply.read()?))
    }
    Ok(())
}

async fn log(client: &Client, id: &str) -> Result<(), Failure> {
    let reply = client.request(ApiRequest::get(route(id, "/log"))).await?;
    String::from_utf8_lossy(&reply.body).lines().for_each(|line| output::painted(&cargo_line(&printable(line))));
    Ok(())
}

/// Prints the log of a job until it ends, and its result.
async fn follow(client: &Client, id: &str, as_json: bool) -> Result<(), Failure> {
    let watched = client.follow_job(id, &mut |line| output::painted(&cargo_line(&printable(line)))).await?;
    if as_json {
        output::data(&watched.result);
    } else if let Some(result) = watched.job.result {
        output::error_line(&printable(&result.message));
    }
    Ok(())
}

async fn cancel(client: &Client, args: &args::JobArgs) -> Result<(), Failure> {
    let reply = client.request(ApiRequest::new(Method::DELETE, route(&args.id, ""))).await?;
    if args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let job: Job = reply.read()?;
    output::line(&match job.state.as_str() {
        "cancelled" => format!("job {} is cancelled; the version that was running keeps running", args.id),
        state => format!(
            "job {} is {}: it is cancelled at the next point where it can stop safely",
            args.id,
            printable(state)
        ),
    });
    Ok(())
}

/// Returns the path of a job. A job id needs no escaping.
fn route(id: &str, rest: &str) -> String {
    format!("/api/jobs/{id}{rest}")
}

fn table(jobs: &[Job]) -> Table {
    let mut table = Table::with_head(["JOB", "OPERATION", "OBJECT", "STATE", "STEP", "CREATED (UTC)", "DURATION"]);
    table = table.only_wide(&["STEP"]).flexible(&["OBJECT"]);
    for job in jobs {
        let of = job.plugin.as_ref().unwrap_or(&job.subject);
        let state = match job.state.as_str() {
            "running" if !output::is_wide() => format!("running: {}", job.step),
            state => state.to_owned(),
        };
        table.row([&job.id, &job.operation, of, &state, &job.step, &moment(job.created_unix_ms), &took(job)]);
    }
    table
}

fn took(job: &Job) -> String {
    match (job.started_unix_ms, job.ended_unix_ms) {
        (Some(started), Some(ended)) => duration(ended.saturating_sub(started) as f64),
        _ => "-".to_owned(),
    }
}

fn sheet(job: &Job) -> String {
    let mut facts = Table::new();
    facts.row(["job", &job.id]);
    facts.row(["operation", &format!("{} of {}", job.operation, job.subject)]);
    if let Some(plugin) = &job.plugin {
        facts.row(["plugin", plugin]);
    }
    facts.row(["state", &job.state]);
    facts.row(["step", &job.step]);
    let steps: Vec<_> = job.steps.iter().map(|step| format!("{} {}", step.step, duration(step.duration_ms))).collect();
    if !steps.is_empty() {
        facts.row(["steps", &steps.join(", ")]);
    }
    facts.row(["log", &format!("{} lines", job.lines)]);
    facts.row(["caller", &job.actor]);
    for (name, value) in [("reason", &job.reason), ("retry of", &job.retry_of)] {
        if let Some(value) = value {
            facts.row([name, value]);
        }
    }
    if let Some(seconds) = job.timeout_seconds {
        facts.row(["time limit", &duration(seconds * 1e3)]);
    }
    if job.attempt > 1 {
        facts.row(["attempt", &job.attempt.to_string()]);
    }
    let times =
        [("created", Some(job.created_unix_ms)), ("started", job.started_unix_ms), ("ended", job.ended_unix_ms)];
    for (name, time) in times {
        if let Some(time) = time {
            facts.row([name, &format!("{} UTC", utc(time))]);
        }
    }
    let mut sheet = facts.painted(None);
    let ended = job.result.as_ref().map(|result| &result.message);
    if let Some(text) = ended.or(job.problem.as_ref().map(|problem| &problem.detail)) {
        let _ = write!(sheet, "\n\n{}", printable(text));
    }
    if let Some(fix) = job.problem.as_ref().and_then(|problem| problem.fix.as_ref()) {
        let _ = write!(sheet, "\nfix: {}", printable(fix));
    }
    sheet
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::{JobStep, OperationResult, Problem};

    use super::*;
    use crate::output::text::plain;

    fn job() -> Job {
        Job {
            id: "job_00000001".to_owned(),
            operation: "load".to_owned(),
            subject: "/srv/hello".to_owned(),
            plugin: Some("hello".to_owned()),
            state: "timed_out".to_owned(),
            step: "build".to_owned(),
            steps: vec![JobStep { step: "fetch".to_owned(), duration_ms: 1.6 }],
            lines: 12,
            actor: "operator".to_owned(),
            reason: Some("a new day".to_owned()),
            timeout_seconds: Some(90.0),
            attempt: 2,
            retry_of: Some("job_00000000".to_owned()),
            created_unix_ms: 951_782_400_123,
            started_unix_ms: Some(951_782_400_200),
            ended_unix_ms: Some(951_782_490_200),
            problem: Some(Problem {
                detail: "the job did not end within 90 s".to_owned(),
                fix: Some("ask for it with a longer one".to_owned()),
                ..Problem::default()
            }),
            ..Job::default()
        }
    }

    #[test]
    fn each_job_is_a_table_row() {
        let waiting = Job {
            id: "job_00000002".to_owned(),
            state: "queued".to_owned(),
            step: "queue".to_owned(),
            plugin: None,
            started_unix_ms: None,
            ended_unix_ms: None,
            ..job()
        };
        expect![[r#"
            JOB           OPERATION  OBJECT      STATE      STEP   CREATED (UTC)  DURATION
            job_00000002  load       /srv/hello  queued     queue  02-29 00:00    -
            job_00000001  load       hello       timed_out  build  02-29 00:00    1 min 30 s"#]]
        .assert_eq(&table(&[waiting, job()]).to_string());
    }

    #[test]
    fn a_job_is_shown_with_all_its_fields() {
        expect![[r#"
            job         job_00000001
            operation   load of /srv/hello
            plugin      hello
            state       timed_out
            step        build
            steps       fetch 1.6 ms
            log         12 lines
            caller      operator
            reason      a new day
            retry of    job_00000000
            time limit  1 min 30 s
            attempt     2
            created     2000-02-29 00:00:00.123 UTC
            started     2000-02-29 00:00:00.200 UTC
            ended       2000-02-29 00:01:30.200 UTC

            the job did not end within 90 s
            fix: ask for it with a longer one"#]]
        .assert_eq(&plain(&sheet(&job())));
        let result = Some(OperationResult { message: "plugin hello serves".to_owned(), ..OperationResult::default() });
        let done = Job { state: "done".to_owned(), result, problem: None, ..job() };
        assert!(plain(&sheet(&done)).ends_with("\n\nplugin hello serves"));
    }
}
