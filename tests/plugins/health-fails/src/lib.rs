//! A health hook that returns an error when told so.

use std::sync::atomic::{AtomicBool, Ordering};

use plugin_sdk::prelude::*;

struct Plugin {
    broken: AtomicBool,
}

#[plugin]
impl Plugin {
    #[start]
    fn start(context: Context) -> Result<Self> {
        let configuration: Value = context.configuration()?;
        Ok(Plugin { broken: AtomicBool::new(configuration["broken"] == true) })
    }

    #[post("/break")]
    fn damage(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    #[post("/mend")]
    fn mend(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }

    #[health]
    fn health(&self) -> Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "unwell").with_detail("no disk"));
        }
        Ok(())
    }
}

export!(Plugin);
