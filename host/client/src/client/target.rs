//! The host that a command calls: its URL, and the token for it.

use host_core::shown_address;
use host_file::ReadError;
use url::Url;

use crate::args::HostArgs;
use crate::config::{ClientConfig, LocalHost};
use crate::failure::Failure;

/// Maximum size of a file with a token.
const MAX_TOKEN_BYTES: u64 = 4 << 10;

/// Parses the base URL of a host: http or https, without path and query.
pub(super) fn base(text: &str) -> Result<Url, Failure> {
    let refused = |reason: &str| {
        let shown = shown_address(text);
        let failure = Failure::usage(format!("`{shown}` is not the URL of a host")).because(reason);
        Err(match without_scheme(text) {
            Some(meant) => failure.fix(format!("did you mean `{meant}`?")),
            None => failure.fix("set --url to a URL such as http://127.0.0.1:4000"),
        })
    };
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => refused("the scheme must be http or https"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            refused("the URL must not contain a user name or password")
        }
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            refused("the URL must not have a path or query")
        }
        Ok(url) => Ok(url),
        Err(error) => refused(&error.to_string()),
    }
}

/// Returns the URL that is meant by an address without a scheme, such as `localhost:4000`.
fn without_scheme(text: &str) -> Option<String> {
    let meant = Url::parse(&format!("http://{text}")).ok().filter(|_| !text.contains("//"))?;
    let is_address = meant.port().is_some() && meant.path() == "/" && meant.username().is_empty();
    is_address.then(|| meant.as_str().trim_end_matches('/').to_owned())
}

/// Returns the token and its origin.
pub(super) fn token(args: &HostArgs, config: &ClientConfig, url: &Url) -> Result<(String, String), Failure> {
    let given = args.token.as_ref().map(|token| (token, "--token"));
    if let Some((token, origin)) = given.or_else(|| Some((config.token.as_ref()?, "PLUGIN_HOST_TOKEN"))) {
        return match token.trim() {
            "" => Err(Failure::usage(format!("the token in {origin} is empty"))
                .fix("set it to a token; `plugin-host token create` prints a new one")),
            token => match token_mistake(token) {
                Some((mistake, fix)) => Err(Failure::usage(format!("the token in {origin} {mistake}")).fix(fix)),
                None => Ok((token.to_owned(), origin.to_owned())),
            },
        };
    }
    if !is_here(url, &config.local) {
        // The server at that URL must not learn the token of the host on this machine.
        let failure = Failure::usage(format!("no token is set for {url}"));
        return Err(failure
            .because("the token of the host on this machine is not sent to other machines")
            .fix("set PLUGIN_HOST_TOKEN or --token"));
    }
    let path = config.local.plugin_dir.join("operator.token");
    match host_file::read_text(&path, MAX_TOKEN_BYTES) {
        Ok(token) => Ok((token.trim().to_owned(), format!("`{}`", path.display()))),
        Err(error) => {
            let failure = Failure::usage(format!("failed to read the initial admin token `{}`", path.display()));
            let fix = match &error {
                ReadError::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    "run the command as the user of the host, or set PLUGIN_HOST_TOKEN"
                }
                _ => {
                    "start a host with `plugin-host serve`, set --plugin-dir to its plugin folder, or set \
                     PLUGIN_HOST_TOKEN"
                }
            };
            Err(failure.because(error.to_string()).fix(fix))
        }
    }
}

/// Returns the mistake in a text that cannot be a token, and the remedy.
fn token_mistake(text: &str) -> Option<(&'static str, &'static str)> {
    if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
        Some(("starts with `Bearer `", "write the token alone; this program adds `Bearer `"))
    } else if text.starts_with(['"', '\'']) {
        Some(("is in quotes", "write the token without quotes"))
    } else if text.contains('/') {
        Some(("is a path", "set it to the content of the file: \"$(cat FILE)\""))
    } else {
        None
    }
}

/// Returns whether a URL refers to this machine.
pub(super) fn is_here(url: &Url, local: &LocalHost) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address == local.address.ip(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address == local.address.ip(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_around_a_token_is_named() {
        for (text, expected) in [
            ("Bearer dph_1", Some("starts with `Bearer `")),
            ("bearer dph_1", Some("starts with `Bearer `")),
            ("\"dph_1\"", Some("is in quotes")),
            ("./cache/operator.token", Some("is a path")),
            ("dph_1", None),
        ] {
            assert_eq!(token_mistake(text).map(|(mistake, _)| mistake), expected, "{text}");
        }
    }

    #[test]
    fn an_address_without_a_scheme_is_refused_with_the_url() {
        let fix = |text: &str| base(text).unwrap_err().fix.unwrap();
        assert_eq!(fix("localhost:4477"), "did you mean `http://localhost:4477`?");
        assert_eq!(fix("host.example.org:4000"), "did you mean `http://host.example.org:4000`?");
        for text in ["ftp://localhost:4477", "localhost", "http://localhost/api", "user:secret", "mailto:a@b"] {
            assert!(fix(text).contains("such as http://127.0.0.1:4000"), "{text}");
        }
    }
}
