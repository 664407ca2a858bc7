//! The warm-up: compiles the SDK before the first build of a plugin.

use std::sync::atomic::Ordering;

use host_core::manifest::Profile;

use super::{Builder, Inner, blocking};
use crate::cargo::{Lines, Run};
use crate::{Error, sdk, warm};

impl Builder {
    /// Compiles the SDK into the first slot and copies the result to the other slots, which are then open for builds.
    ///
    /// Builds requested in the meantime wait, and get the lines, too. Whether the warm-up succeeds, fails or is
    /// dropped, all slots are open afterwards, at worst empty, so that the first build in each takes longer.
    pub async fn warm(&self, lines: Lines<'_>) -> Result<(), Error> {
        let inner = &self.0;
        let _open = OpenAtEnd(inner);
        let slot = inner.slots.take().await?;
        let _locked = inner.lock_target(slot.index).await?;
        let (store, (work, sdk)) = {
            let store = inner.store.clone();
            (inner.store.clone(), blocking(move || Ok((warm::work(&store)?, sdk::materialise(&store)?))).await?)
        };
        let target = store.target_dir(&inner.targets(), slot.index);
        let mut build = warm::build();
        if inner.config.development {
            build.profile = Profile::Dev;
        }
        let run = Run {
            config: &inner.config,
            store: &store,
            work: work.path(),
            package: &warm::package(),
            build: &build,
            sdk: &sdk,
            target: &target,
        };
        let lines = |line: &str| {
            lines(line);
            // Fails if no build waits.
            let _ = inner.warm_up_lines.send(line.to_owned());
        };
        let ran = inner.counts.cargo_run(run.go(&lines)).await;
        run.clean(ran.own).await;
        ran.library?;
        let others: Vec<_> = if inner.is_open.load(Ordering::Acquire) {
            // A second warm-up: builds may be using the other slots.
            Vec::new()
        } else {
            (1..inner.config.slots).collect()
        };
        let (store, toolchain) = (store.clone(), inner.targets());
        blocking(move || {
            warm::mark(&target)?;
            for slot in others {
                let other = store.target_dir(&toolchain, slot);
                if !warm::is_warm(&other) {
                    let _locked = store.lock_target(&toolchain, slot)?;
                    warm::copy(&target, &other)?;
                }
            }
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// Adds the slots above the first to the pool when it is dropped, once.
struct OpenAtEnd<'a>(&'a Inner);

impl Drop for OpenAtEnd<'_> {
    fn drop(&mut self) {
        if !self.0.is_open.swap(true, Ordering::AcqRel) {
            self.0.slots.open(1..self.0.config.slots);
        }
    }
}
