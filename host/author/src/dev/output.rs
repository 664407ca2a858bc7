//! Output of `dev`: curl commands, compiler warnings, and the plugin's log.

use std::time::Duration;

use host_core::manifest::{Endpoint, Manifest, Method};
use host_core::{PluginId, Source};
use host_run::Host;
use tokio::sync::watch;

use host_client::Screen;
use host_client::output::text::printable;

/// Interval at which the followed plugin is checked for replacement.
const LOOK: Duration = Duration::from_millis(200);

/// Returns a curl command for each endpoint.
pub(super) fn curl_lines(url: &str, manifest: &Manifest) -> String {
    let line = |endpoint: &Endpoint| {
        // The name of a parameter serves as its example value.
        let path = endpoint.path.pattern().replace(['{', '}', '*'], "");
        let method = match endpoint.method {
            Method::Get => String::new(),
            Method::Head => "-I ".to_owned(),
            method => format!("-X {} ", method.as_str()),
        };
        let body = match endpoint.method {
            Method::Post | Method::Put | Method::Patch => body(endpoint),
            _ => String::new(),
        };
        format!("  curl {method}{body}{url}/api/plugin-endpoints/{}{path}", manifest.id)
    };
    manifest.endpoints.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns an example body with the required fields of the manifest. The name of a field serves as its value.
fn body(endpoint: &Endpoint) -> String {
    let validation = endpoint.validation.clone().unwrap_or_default();
    let kind = validation.content_type.first().map_or("application/json", String::as_str);
    let fields: serde_json::Map<_, _> =
        validation.required.iter().map(|field| (field.clone(), serde_json::Value::from(field.as_str()))).collect();
    let fields = serde_json::Value::Object(fields).to_string().replace('\'', r"'\''");
    format!("-H 'content-type: {kind}' -d '{fields}' ")
}

/// Returns the warnings in cargo's output.
pub(super) fn warnings(lines: &[String]) -> Vec<String> {
    let mut shown = vec![];
    let mut is_warning = false;
    for line in lines {
        // A status line of cargo starts with a word that is right-aligned to twelve columns.
        let is_status = line.len() > 13 && {
            let (word, rest) = line.split_at_checked(12).unwrap_or_default();
            rest.starts_with(' ') && word.trim_start().chars().all(char::is_alphabetic) && word.trim_start().len() > 3
        };
        is_warning = !is_status && (is_warning || line.starts_with("warning"));
        if is_warning {
            shown.push(line.clone());
        }
    }
    while shown.last().is_some_and(|line| line.trim().is_empty()) {
        shown.pop();
    }
    shown
}

// === the plugin's log ===

/// Prints the plugin's log.
pub(super) struct Log {
    host: Host,
    screen: Screen,
    /// The id of the followed plugin, and a counter that changes with each new plugin.
    which: watch::Sender<(String, u64)>,
}

/// Selects the followed plugin.
pub(super) struct LogSelector(watch::Sender<(String, u64)>);

impl Log {
    /// Creates a log that follows no plugin yet.
    pub(super) fn new(host: Host, screen: Screen) -> Log {
        Log { host, screen, which: watch::Sender::new((String::new(), 0)) }
    }

    /// Returns a handle that selects the followed plugin.
    pub(super) fn handle(&self) -> LogSelector {
        LogSelector(self.which.clone())
    }

    /// Prints log lines while it is polled.
    pub(super) async fn follow(&self) {
        let mut which = self.which.subscribe();
        let mut from = 0;
        loop {
            let (id, _) = which.borrow_and_update().clone();
            let lines = tokio::select! {
                lines = self.host.new_plugin_lines(&id, from) => lines,
                changed = which.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    from = 0;
                    continue;
                }
                // After a failed first load, the next load creates a new log.
                () = tokio::time::sleep(LOOK) => continue,
            };
            let Some(lines) = lines else {
                tokio::time::sleep(LOOK / 4).await;
                continue;
            };
            for line in &lines {
                from = line.number + 1;
                // Lines of the host itself are printed elsewhere.
                if let Some(generation) = line.generation {
                    let text = format!("{:<5} generation {generation}: {}", line.level, line.message);
                    self.screen.note(&printable(&text));
                }
            }
        }
    }
}

impl LogSelector {
    /// Follows the plugin that is about to be loaded for the first time, from its first line. Reads its id from
    /// plugin.yaml.
    pub(super) fn begin(&self, source: &Source) {
        let Source::Folder(folder) = source else { return };
        let texts = ["plugin.yaml", "plugin.yml"].iter().filter_map(|name| std::fs::read(folder.join(name)).ok());
        let id =
            texts.filter_map(|text| Manifest::check(&text, Default::default()).ok()).map(|checked| checked.manifest.id);
        if let Some(id) = { id }.next() {
            self.set(&id, true);
        }
    }

    /// Follows a loaded plugin.
    pub(super) fn follow_plugin(&self, id: &str) {
        if let Ok(id) = id.parse() {
            self.set(&id, false);
        }
    }

    fn set(&self, id: &PluginId, is_new: bool) {
        self.0.send_if_modified(|(followed, times)| {
            let changes = is_new || followed != id.as_str();
            if changes {
                *followed = id.to_string();
                *times += 1;
            }
            changes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_has_a_curl_command() {
        let text = "id: abc\nname: x\nversion: 1.0.0\nendpoints:\n\
            - {path: '/a/:id', method: GET, handler: a}\n\
            - {path: '/b/*rest', method: POST, handler: b, validation: {required: [name]}}\n\
            - {path: /c, method: DELETE, handler: c}\n";
        let manifest = Manifest::check(text.as_bytes(), Default::default()).unwrap().manifest;
        let lines = curl_lines("http://h", &manifest);
        let json = "-H 'content-type: application/json'";
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                "  curl http://h/api/plugin-endpoints/abc/a/id",
                &format!("  curl -X POST {json} -d '{{\"name\":\"name\"}}' http://h/api/plugin-endpoints/abc/b/rest"),
                "  curl -X DELETE http://h/api/plugin-endpoints/abc/c",
            ]
        );
    }

    #[test]
    fn warnings_are_extracted_from_cargo_output() {
        let text = "note: x\n   Compiling a v1.0.0\nwarning: unused variable: `x`\n --> src/lib.rs:1:1\n  |\n1 | let x\n  |\n\n\
            warning: `a` (lib) generated 1 warning\n    Finished `dev` profile in 0.3s";
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        assert_eq!(warnings(&lines).len(), 7);
        assert!(warnings(&lines[..2]).is_empty());
    }
}
