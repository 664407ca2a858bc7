//! The files of the console.

use crate::Asset;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Includes files of `assets` with their content type.
macro_rules! assets {
    ($($kind:ident: $($name:literal),+;)+) => {
        &[$($(Asset { name: $name, content_type: $kind, content: include_str!(concat!("../assets/", $name)) },)+)+]
    };
}

pub(crate) const ASSETS: &[Asset] = assets! {
    STYLE: "console.css";
    IMAGE: "icon.svg";
    SCRIPT: "app.js", "dom.js", "api.js", "parts.js", "format.js", "sign-in.js", "commands.js",
        "plugins.js", "add.js", "plugin.js", "plugin-tabs.js", "try.js", "config.js",
        "jobs.js", "events.js", "graph.js", "host.js", "plan.js";
};
