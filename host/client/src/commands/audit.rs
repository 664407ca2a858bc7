//! `audit`.

use host_api::{AuditEntry, AuditPage, AuditReport};
use url::form_urlencoded::Serializer;

use crate::args::{Audit, AuditCommand, VerifyAudit};
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::text::moment;
use crate::output::{self, Table};

pub(super) async fn audit(client: &Client, args: Audit) -> Result<(), Failure> {
    let Audit { command, after, limit, actor, action, object, client: of_client } = args;
    if let Some(AuditCommand::Verify(args)) = command {
        return verify(client, &args).await;
    }
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    if let Some(after) = after {
        query.append_pair("after", &after.to_string());
    }
    for (name, value) in [("actor", &actor), ("action", &action), ("object", &object)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let reply = client.request(ApiRequest::get(format!("/api/audit?{}", query.finish()))).await?;
    if of_client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let page: AuditPage = reply.read()?;
    output::table(&table(&page.entries));
    if let Some(next) = page.next {
        output::error_line(&format!("use --after {next} to show newer entries"));
    }
    Ok(())
}

async fn verify(client: &Client, args: &VerifyAudit) -> Result<(), Failure> {
    let path = match &args.head {
        Some(head) => format!("/api/audit/verify?head={head}"),
        None => "/api/audit/verify".to_owned(),
    };
    let reply = client.request(ApiRequest::get(path)).await?;
    let report: AuditReport = reply.read()?;
    if args.client.format.is_data() {
        output::data(&reply.body);
    } else if report.valid {
        output::line(&format!("{}:{}", report.head.seq, report.head.hash));
        output::error_line(&summary(&report));
    }
    if report.valid { Ok(()) } else { Err(failure(&report)) }
}

fn summary(report: &AuditReport) -> String {
    let n_entries = report.entries;
    let noted = match report.noted.as_deref() {
        Some("let_go") => "; the entry of --head is no longer stored and was not compared",
        Some(_) => "; the entry of --head is present",
        None => "; store the line above elsewhere and pass it to --head next time",
    };
    format!("{n_entries} entries are unchanged{noted}")
}

fn failure(report: &AuditReport) -> Failure {
    let failure = Failure::failed("the audit log was changed".to_owned());
    let failure = match (&report.broken, report.noted.as_deref()) {
        (Some(broken), _) => failure.because(format!("entry {}: {}", broken.seq, broken.reason)),
        (None, Some("missing")) => {
            failure.because(format!("it ends with entry {}, before the entry of --head", report.head.seq))
        }
        (None, _) => failure.because("the entry with the number of --head has another hash"),
    };
    failure.fix(
        "compare it with a backup of the plugin folder; only someone with access to that folder can change the log",
    )
}

fn table(entries: &[AuditEntry]) -> Table {
    let mut table =
        Table::with_head(["SEQ", "TIME (UTC)", "CALLER", "ADDRESS", "ACTION", "OBJECT", "OUTCOME", "CODE", "JOB"]);
    table = table.only_wide(&["ADDRESS", "JOB"]).flexible(&["OBJECT", "CODE"]);
    for entry in entries {
        let outcome = match (entry.times, entry.of) {
            (times, _) if times > 1 => format!("{} {times} times", entry.outcome),
            (_, 0) => entry.outcome.clone(),
            (_, of) => format!("{} ({of})", entry.outcome),
        };
        table.row([
            &entry.seq.to_string(),
            &moment(entry.at_unix_ms),
            shown(&entry.actor),
            shown(&entry.address),
            &entry.action,
            shown(&entry.object),
            &outcome,
            shown(&entry.code),
            shown(&entry.job),
        ]);
    }
    table
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::{AuditBroken, AuditHead};

    use super::*;

    #[test]
    fn each_audit_entry_is_a_table_row() {
        let asked = AuditEntry {
            seq: 7,
            at_unix_ms: 951_782_400_123,
            actor: "ci".to_owned(),
            address: "192.0.2.1".to_owned(),
            action: "plugin_reload".to_owned(),
            object: "hello".to_owned(),
            outcome: "asked".to_owned(),
            times: 1,
            ..AuditEntry::default()
        };
        let done = AuditEntry { seq: 8, outcome: "done".to_owned(), of: 7, job: "job_1f".to_owned(), ..asked.clone() };
        let refused = AuditEntry {
            seq: 9,
            actor: String::new(),
            action: "login".to_owned(),
            object: String::new(),
            outcome: "refused".to_owned(),
            code: "auth_login".to_owned(),
            times: 12,
            ..asked.clone()
        };
        expect![[r#"
            SEQ  TIME (UTC)   CALLER  ADDRESS    ACTION         OBJECT  OUTCOME           CODE        JOB
            7    02-29 00:00  ci      192.0.2.1  plugin_reload  hello   asked             -           -
            8    02-29 00:00  ci      192.0.2.1  plugin_reload  hello   done (7)          -           job_1f
            9    02-29 00:00  -       192.0.2.1  login          -       refused 12 times  auth_login  -"#]]
        .assert_eq(&table(&[asked, done, refused]).to_string());
    }

    #[test]
    fn a_changed_log_is_reported_with_the_reason() {
        let report = AuditReport {
            valid: false,
            entries: 4,
            first: Some(1),
            head: AuditHead { seq: 4, hash: "00".to_owned() },
            broken: Some(AuditBroken { seq: 5, reason: "the entry is missing".to_owned() }),
            noted: None,
        };
        let details = |report: &AuditReport| failure(report).details.join("; ");
        assert_eq!(details(&report), "entry 5: the entry is missing");
        let cut = AuditReport { broken: None, noted: Some("missing".to_owned()), ..report.clone() };
        assert_eq!(details(&cut), "it ends with entry 4, before the entry of --head");
    }
}
