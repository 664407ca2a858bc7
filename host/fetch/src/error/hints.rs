//! The remedies in the messages of errors.

use std::io;
use std::path::Path;

use host_core::address_like;
use rustix::io::Errno;

/// The remedy for a path that was not read: the repository address that the path resembles, or else `otherwise`.
pub(super) fn meant(path: &Path, otherwise: &str) -> String {
    match path.to_str().and_then(address_like) {
        Some(address) => format!("did you mean `{address}`? otherwise {otherwise}"),
        None => otherwise.to_owned(),
    }
}

/// The remedy for a missing path. `near` is a path with nearly the same name, `link` the target of a
/// link.
pub(super) fn missing_hint(path: &Path, near: Option<&Path>, link: Option<&Path>) -> String {
    if let Some(target) = link {
        return format!("it is a link to `{}`, which does not exist", target.display());
    }
    let is_of_shell = |part: &std::ffi::OsStr| part == "~" || part.as_encoded_bytes().starts_with(b"$");
    if path.iter().any(is_of_shell) {
        return "only a shell expands `~` and `$`; write the whole path".to_owned();
    }
    if path.as_os_str().as_encoded_bytes().contains(&b'\\') {
        return "on the host's machine, the folders of a path are separated by `/`, not by `\\`".to_owned();
    }
    let otherwise = "check the spelling; over the API, relative paths start in the folder where the host was started";
    match near {
        Some(near) => format!("did you mean `{}`? otherwise {otherwise}", near.display()),
        None => meant(path, otherwise),
    }
}

/// The remedy for a source that is not a folder.
pub(super) fn folder_hint(path: &Path) -> String {
    let is_of_plugin =
        path.file_name().is_some_and(|name| name == "plugin.yaml" || name == "plugin.yml" || name == "Cargo.toml");
    match path.parent().filter(|_| is_of_plugin) {
        Some(folder) => format!("name the plugin's folder: `{}`", folder.display()),
        None => "name the plugin's folder, a `.zip` or a `.so`".to_owned(),
    }
}

/// The remedy for a source with a name that ends with `.zip` or `.so` but that is not a file.
pub(super) fn file_hint(kind: &str) -> &'static str {
    match kind {
        "symbolic link" => "name the file that the link leads to",
        "folder" => "rename the folder: names that end with `.zip` or `.so` are read as files",
        _ => "name the plugin's folder, a `.zip` or a `.so`",
    }
}

/// The remedy for a request that failed below HTTP.
pub(super) fn reach_hint(reason: &str) -> &'static str {
    if reason.contains("lookup address") {
        "check the host name in the address, and the name resolution (DNS) of the host's machine"
    } else {
        "check the address, and that the host's machine may connect to this server"
    }
}

pub(super) fn unreadable_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "let the user of the host read it, or upload an archive",
        io::ErrorKind::InvalidFilename => "a part of a path has at most 255 bytes",
        io::ErrorKind::NotADirectory => "a part of the path is a file; check the spelling",
        _ if source.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            "links of the path lead in a circle; name the folder itself"
        }
        _ => "name a folder, a `.zip` or a `.so`",
    }
}
