//! The words of `audit`.

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

use super::{Client, EXIT_CODES};

/// `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) word: Option<AuditWord>,
    /// Those after this one, oldest first [default: the newest]
    #[arg(long, value_name = "N")]
    pub(crate) after: Option<u64>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000))]
    pub(crate) limit: u32,
    /// Only what this one asked: the name of a token, `login:` and a user's name, `operator` or `host`
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Only this action, such as plugin_load
    #[arg(long, value_name = "WORD")]
    pub(crate) action: Option<String>,
    /// Only what is about this: the id of a plugin, upload, job or token, or a user's name
    #[arg(long, value_name = "NAME")]
    pub(crate) object: Option<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditWord {
    /// Compute every hash anew, and print the last one: note it elsewhere, to be able to see later that nothing is missing
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyAudit),
}

/// `audit verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyAudit {
    /// What `audit verify` printed earlier: the log must still hold it
    #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
    pub(crate) head: Option<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}

impl Audit {
    /// Which host is asked.
    pub(crate) fn client(&self) -> &Client {
        match &self.word {
            Some(AuditWord::Verify(words)) => &words.client,
            None => &self.client,
        }
    }
}

/// Reads a number and a hash, which need no escapes in an address.
fn head(text: &str) -> Result<String, String> {
    let is_head = text.split_once(':').is_some_and(|(seq, hash)| {
        seq.parse::<u64>().is_ok() && hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit())
    });
    is_head.then(|| text.to_owned()).ok_or_else(|| "it is a number, `:` and 64 hex digits".to_owned())
}
