//! A health hook that returns an error when told so.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use plugin_sdk::prelude::*;

struct Plugin {
    broken: AtomicBool,
    /// How many probes fail from now on.
    falters: AtomicU32,
}

#[plugin]
impl Plugin {
    #[start]
    fn start(context: Context) -> Result<Self> {
        let configuration: Value = context.configuration()?;
        Ok(Plugin { broken: AtomicBool::new(configuration["broken"] == true), falters: AtomicU32::new(0) })
    }

    #[post("/break")]
    fn damage(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    #[post("/falter/:times")]
    fn falter(&self, Path(times): Path<u32>) {
        self.falters.store(times, Ordering::Relaxed);
    }

    #[post("/mend")]
    fn mend(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }

    #[health]
    fn health(&self) -> Result<()> {
        let falters =
            self.falters.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if falters || self.broken.load(Ordering::Relaxed) {
            return Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "unwell").with_detail("no disk"));
        }
        Ok(())
    }
}

export!(Plugin);
