//! The remedies of errors, and their messages without the remedies.

use crate::model::{Error, FailureKind, FieldProblem};

impl Error {
    /// The remedy.
    pub fn fix(&self) -> Option<String> {
        match self {
            Error::Load(error) | Error::Library { source: error, .. } => error.fix(),
            Error::State(host_state::Error::DamagedRevision { .. }) => {
                Some("load the plugin again, or stop the host and run `plugin-host rescan`".to_owned())
            }
            Error::Placement { .. } => Some("set `security.placement: inline` in plugin.yaml".to_owned()),
            Error::TooManyKept { .. } => Some(
                "run `plugin-host show ID` to see what keeps them in memory; end it, or unload the plugin and restart the \
                 host, or raise `max_kept_generations`"
                    .to_owned(),
            ),
            Error::UnknownPlugin { .. } => Some("run `plugin-host list` to see the installed plugins".to_owned()),
            Error::Disabled { id } => {
                Some(format!("run `plugin-host enable {id}`, or load the source of the plugin again"))
            }
            Error::Dependencies(refusal) => Some(refusal.fix()),
            Error::NoRepository { .. } => Some("reload the plugin, or load it from its repository".to_owned()),
            Error::UpdatesUnknown { fix, .. } => fix.clone(),
            Error::NoArtifact { .. } | Error::NoSource { .. } => Some("load the source of the plugin again".to_owned()),
            Error::NoRollbackVersion { stored, .. } if stored.is_empty() => {
                Some("a rollback is possible after an update, which keeps the version before it".to_owned())
            }
            Error::NoRollbackVersion { id, .. } => Some(format!("run `plugin-host show {id}` to see the rollback versions")),
            Error::UnknownRevision { id, .. } => Some(format!("run `plugin-host revisions {id}` to see the revisions")),
            Error::InProgress { .. } => Some("wait until it ends, or send `on_conflict=queue` or `on_conflict=replace`".to_owned()),
            Error::FileRefused { .. } => Some("correct the entries named in the messages".to_owned()),
            Error::OtherContent { .. } => {
                Some("contact the maintainer of the index, or load the repository directly if you trust it".to_owned())
            }
            Error::NotListed { .. } => Some("run `plugin-host available` to see the listed plugins".to_owned()),
            Error::ManifestElsewhere => Some("leave out `manifestPath`: plugin.yaml is always at the root of the plugin".to_owned()),
            Error::Looking => Some("retry in a moment".to_owned()),
            Error::BatchRefused { problems } => hints(problems, "correct the operations named in the messages"),
            Error::PlanRefused { problems } => hints(problems, "correct the entries named in the messages, and plan again"),
            Error::UnknownPlan { .. } => Some("plan again: a plan is stored for one hour and is lost when the host restarts".to_owned()),
            Error::PlanStale { .. } => Some("plan again and review the differences".to_owned()),
            Error::OtherArtifact { .. } => Some(
                "leave out `artifact`, or build with the compiler and SDK versions that built the locked artifact"
                    .to_owned(),
            ),
            Error::NotUndone { .. } => {
                let fix = "run `plugin-host revisions` to see earlier states, and `plugin-host restore ID N` to restore one";
                Some(fix.to_owned())
            }
            Error::Together { cause, .. } => cause.fix(),
            Error::UnknownUpload { .. } => Some("upload the archive again; uploads expire".to_owned()),
            Error::TagMoved { place, .. } => Some(format!(
                "compare the two commits; run `plugin-host load {place}` to install the new commit"
            )),
            Error::VersionBlocked { id, version } => Some(format!(
                "run `plugin-host unblock {id} {version}` to allow it, or load another version with \
                 `plugin-host load SOURCE --version V`"
            )),
            Error::OtherSource { .. } => Some(
                "to replace the installed plugin, send `\"replace\": true` or run `plugin-host load --replace`; otherwise \
                 give one of the two plugins another id"
                    .to_owned(),
            ),
            Error::OtherPlugin { .. } => Some("load the source as a separate plugin".to_owned()),
            Error::Hook { .. } => Some("see the log of the job; a previous generation, if any, still serves".to_owned()),
            Error::ConfigurationInvalid { .. } => Some("correct the settings named in the messages".to_owned()),
            Error::Schema { .. } => Some("load the source of the plugin again".to_owned()),
            Error::ConfigurationRefused { .. } => Some("correct the settings named in the message".to_owned()),
            Error::Unhealthy { .. } => Some("see the log of the job; a previous generation, if any, still serves".to_owned()),
            _ => {
                let is_full = || self.kind() == FailureKind::Full;
                self.parts().1.or_else(|| {
                    is_full().then(|| "free some space and retry; nothing was changed".to_owned())
                })
            }
        }
    }

    /// The error and its causes in one line, outermost first, without the remedy. The paths of the data folders are
    /// replaced, because the message is sent to clients.
    pub fn chain(&self) -> String {
        self.parts().0
    }

    /// The chain of messages and the remedy, which lower crates append to their messages after `; hint: `.
    fn parts(&self) -> (String, Option<String>) {
        let mut chain = String::new();
        let mut hint = None;
        let mut next: Option<&dyn std::error::Error> = Some(self);
        while let Some(error) = next {
            let text = error.to_string();
            let (what, todo) = text.split_once("; hint: ").map_or((&*text, None), |(what, todo)| (what, Some(todo)));
            // Some errors repeat the message of their cause.
            if !chain.ends_with(what) {
                if !chain.is_empty() {
                    chain.push_str(": ");
                }
                chain.push_str(what);
            }
            hint = hint.or(todo.map(str::to_owned));
            next = error.source();
        }
        let shown = |text: String| host_store::without_folders(&text).into_owned();
        (shown(chain), hint.map(shown))
    }
}

/// The remedies of several problems, each once.
fn hints(problems: &[FieldProblem], otherwise: &str) -> Option<String> {
    let mut hints: Vec<&str> = vec![];
    for (_, hint) in problems.iter().filter_map(|problem| problem.message.split_once("; hint: ")) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    Some(if hints.is_empty() { otherwise.to_owned() } else { hints.join("; ") })
}
