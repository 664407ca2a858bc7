//! Notes in the plugin's key-value store, changed by comparing versions.

use plugin_sdk::prelude::*;
use plugin_sdk::services::Version;

struct Notes {
    context: Context,
}

#[plugin]
impl Notes {
    #[start]
    fn start(context: Context) -> Self {
        Notes { context }
    }

    #[get("/notes")]
    async fn list(&self) -> Result<Json<Value>> {
        let (kv, mut notes, mut last) = (self.context.kv(), Vec::new(), String::new());
        loop {
            let page = kv.list_after("notes/", &last, 100).await?;
            for key in page.keys {
                notes.push(json!({ "name": key.key.trim_start_matches("notes/"), "bytes": key.bytes }));
                last = key.key;
            }
            if !page.more {
                return Ok(Json(Value::Array(notes)));
            }
        }
    }

    #[get("/notes/:name")]
    async fn read(&self, Path(name): Path<String>) -> Result<impl IntoResponse> {
        let note = self.context.kv().get(&key(&name)).await?.ok_or_else(|| no_such_note(&name))?;
        Ok((etag(&note.version), note.value))
    }

    #[put("/notes/:name")]
    async fn write(
        &self,
        Path(name): Path<String>,
        #[header("if-match")] expected: Option<String>,
        text: String,
    ) -> Result<impl IntoResponse> {
        let (kv, key) = (self.context.kv(), key(&name));
        let Some(expected) = expected else {
            return Ok((etag(&kv.put(&key, text).await?), NoContent));
        };
        let found = kv.get(&key).await?.filter(|note| quoted(&note.version) == expected);
        let found = found.ok_or_else(|| changed(&name))?;
        // Between the two somebody else may have written: the store compares again.
        match kv.put_if(&key, text, &found.version).await {
            Err(error) if error.is_changed() => Err(changed(&name)),
            written => Ok((etag(&written?), NoContent)),
        }
    }

    #[post("/notes/:name")]
    async fn append(&self, Path(name): Path<String>, line: String) -> Result<NoContent> {
        let (kv, key) = (self.context.kv(), key(&name));
        loop {
            let written = match kv.get(&key).await? {
                None => kv.put_new(&key, format!("{line}\n")).await,
                Some(note) => {
                    let mut text = note.value.to_vec();
                    text.extend(format!("{line}\n").into_bytes());
                    kv.put_if(&key, text, &note.version).await
                }
            };
            match written {
                Err(error) if error.is_changed() => debug!(name, "somebody else was quicker"),
                written => return Ok(written.map(|_| NoContent)?),
            }
        }
    }

    #[delete("/notes/:name")]
    async fn remove(&self, Path(name): Path<String>) -> Result<NoContent> {
        let was_there = self.context.kv().delete(&key(&name)).await?;
        if was_there { Ok(NoContent) } else { Err(no_such_note(&name)) }
    }
}

fn key(name: &str) -> String {
    format!("notes/{name}")
}

fn quoted(version: &Version) -> String {
    format!("\"{version}\"")
}

fn etag(version: &Version) -> [(plugin_sdk::HeaderName, String); 1] {
    [(header::ETAG, quoted(version))]
}

fn no_such_note(name: &str) -> Error {
    Error::new(StatusCode::NOT_FOUND, "no_such_note").with_detail(format!("there is no note `{name}`"))
}

fn changed(name: &str) -> Error {
    let detail = format!("note `{name}` is not of that version any more; read it and try again");
    Error::new(StatusCode::PRECONDITION_FAILED, "note_changed").with_detail(detail)
}

export!(Notes);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{TestPlugin, block_on};

    #[test]
    fn a_note_is_written_over_the_version_that_was_read_and_no_other() {
        block_on(async {
            let plugin = TestPlugin::<Notes>::start().await;
            plugin.put("/notes/a").body("one").await;
            let version = plugin.get("/notes/a").await.header("etag").to_owned();

            let put = |text: &'static str| plugin.put("/notes/a").header("if-match", &version).body(text);
            assert_eq!(put("two").await.status(), 204);
            assert_eq!(put("three").await.status(), 412, "it has another version by now");
            assert_eq!(plugin.kv("notes/a").unwrap(), "two");
        });
    }

    #[test]
    fn a_list_goes_on_behind_the_first_page() {
        block_on(async {
            let notes = (0..250).map(|n| format!("notes/{n}"));
            let plugin = notes.fold(TestPlugin::<Notes>::builder(), |builder, key| builder.kv(&key, "text"));
            let listed: Value = plugin.start().await.get("/notes").await.json().await;
            assert_eq!(listed.as_array().unwrap().len(), 250);
        });
    }
}
