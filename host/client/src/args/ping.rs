//! Arguments of `ping`.

use clap::Args;

use super::HostArgs;

/// `ping`.
#[derive(Debug, Args)]
pub struct Ping {
    /// Only check that the host responds, whether or not it is ready
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}
