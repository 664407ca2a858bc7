//! A health hook that panics when told so.

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
            panic!("no pulse");
        }
        Ok(())
    }
}

export!(Plugin);
