//! Texts for remote clients: the locations of the data folders are replaced, the paths inside them stay, because they
//! help to find the reason.

use std::borrow::Cow;
use std::path::Path;

use parking_lot::RwLock;

/// The data folders opened by this process with their replacements; several in a test with several hosts.
static FOLDERS: RwLock<Vec<(String, &'static str)>> = RwLock::new(vec![]);

/// Replaces the data folders of this process in a text by `<PLUGIN_DIR>` and `<PLUGIN_CACHE_DIR>`.
pub fn without_folders(text: &str) -> Cow<'_, str> {
    let folders = FOLDERS.read();
    let mut shown = Cow::Borrowed(text);
    for (folder, name) in folders.iter() {
        if shown.contains(folder.as_str()) {
            shown = Cow::Owned(replaced(&shown, folder, name));
        }
    }
    shown
}

/// Records the replacement of a data folder.
pub(crate) fn call(folder: &Path, name: &'static str) {
    // A folder `/` would replace every slash.
    let Some(folder) = folder.to_str().filter(|folder| folder.len() > 1) else { return };
    let mut folders = FOLDERS.write();
    if !folders.iter().any(|(known, _)| known == folder) {
        folders.push((folder.to_owned(), name));
        // Nested folders first.
        folders.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
    }
}

/// Replaces each occurrence of `folder` that is a whole path: `/srv/cache` is replaced neither in `/srv/cache2` nor in
/// `/other/srv/cache`.
fn replaced(text: &str, folder: &str, name: &str) -> String {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(folder) {
        let (before, after) = (&rest[..at], &rest[at + folder.len()..]);
        let is_whole = !after.starts_with(goes_on) && !before.ends_with(|c| goes_on(c) || c == '.');
        made.push_str(before);
        made.push_str(if is_whole { name } else { folder });
        rest = after;
    }
    made.push_str(rest);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_is_shown_by_the_name_of_its_setting() {
        call(Path::new("/srv/hello/cache"), "<PLUGIN_DIR>");
        call(Path::new("/srv/hello/cache/build"), "<PLUGIN_CACHE_DIR>");
        call(Path::new("/"), "<ROOT>");
        for (text, expected) in [
            ("failed to write `/srv/hello/cache/tmp/x`: denied", "failed to write `<PLUGIN_DIR>/tmp/x`: denied"),
            ("a (/srv/hello/cache/build/work/1), /srv/hello/cache", "a (<PLUGIN_CACHE_DIR>/work/1), <PLUGIN_DIR>"),
            ("/srv/hello/cache2/x /other/srv/hello/cache", "/srv/hello/cache2/x /other/srv/hello/cache"),
            ("there is no `/srv/other`", "there is no `/srv/other`"),
        ] {
            assert_eq!(without_folders(text), expected);
        }
    }
}
