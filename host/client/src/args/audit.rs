//! Arguments of `audit`.

use clap::{Args, Subcommand};
use host_core::whole_number;

use super::{EXIT_CODES, HostArgs};

/// `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// Show the entries after this number, oldest first [default: the newest entries]
    #[arg(long, value_name = "N", value_parser = |text: &str| whole_number::<u64>(text, ..))]
    pub(crate) after: Option<u64>,
    /// Maximum number of entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = |text: &str| whole_number::<u32>(text, 1..=1_000))]
    pub(crate) limit: u32,
    /// Only entries of this caller: a token name, `login:` and a user name, `operator` or `host`
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Only entries with this action, such as plugin_load
    #[arg(long, value_name = "WORD")]
    pub(crate) action: Option<String>,
    /// Only entries about this object: the id of a plugin, upload, job or token, or a user name
    #[arg(long, value_name = "NAME")]
    pub(crate) object: Option<String>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// Commands about the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no entry of the audit log was changed or removed
    ///
    /// Recomputes the chain of hashes and prints number and hash of the newest entry. Store them on another machine and
    /// pass them later with --head, to detect that the end of the log was cut off.
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyAudit),
}

/// `audit verify`.
#[derive(Debug, Args)]
pub struct VerifyAudit {
    /// Number and hash that an earlier `audit verify` printed; the log must still contain this entry
    #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
    pub(crate) head: Option<String>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

impl Audit {
    /// Returns the options that select the host.
    pub(crate) fn client(&self) -> &HostArgs {
        match &self.command {
            Some(AuditCommand::Verify(args)) => &args.client,
            None => &self.client,
        }
    }
}

/// Parses a number and a hash. A valid value needs no escaping in a URL.
fn head(text: &str) -> Result<String, String> {
    let is_head = text.split_once(':').is_some_and(|(seq, hash)| {
        seq.parse::<u64>().is_ok() && hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit())
    });
    is_head.then(|| text.to_owned()).ok_or_else(|| "expected a number, `:` and 64 hex digits".to_owned())
}
