//! Cookies: the host's are hidden from plugins, those of a plugin are limited to its own paths.

use http::header::{self, HeaderMap, HeaderValue};

use crate::wire::PLUGIN_ENDPOINTS;

/// Prefixes of cookie names that are reserved for the host.
const HOST_COOKIES: &[&str] = &["plugin_host", "__host-plugin_host", "__secure-plugin_host"];

pub(super) fn strip_cookies(headers: &mut HeaderMap) {
    let is_of_host = |pair: &str| {
        let name = pair.trim_start().to_ascii_lowercase();
        HOST_COOKIES.iter().any(|start| name.starts_with(start))
    };
    let has_any = headers.get_all(header::COOKIE).iter().any(|value| match value.to_str() {
        Ok(text) => text.split(';').any(is_of_host),
        // Other programs may read such a value differently.
        Err(_) => true,
    });
    if !has_any {
        return;
    }
    let kept: Vec<_> = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    let kept = kept.iter().flat_map(|value| value.split(';')).map(str::trim);
    let kept = kept.filter(|pair| !pair.is_empty() && !is_of_host(pair)).collect::<Vec<_>>().join("; ");
    headers.remove(header::COOKIE);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::try_from(kept)) {
        headers.insert(header::COOKIE, value);
    }
}

pub(super) fn keep_own_cookies(headers: &mut HeaderMap, id: &str) {
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let kept: Vec<_> = cookies.filter_map(|cookie| own_cookie(cookie.to_str().ok()?, id)).collect();
    headers.remove(header::SET_COOKIE);
    for cookie in kept {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Limits a cookie to the plugin's own paths; `None` for a cookie with a wider scope.
fn own_cookie(cookie: &str, id: &str) -> Option<HeaderValue> {
    let mut parts = cookie.split(';').map(str::trim);
    let pair = parts.next()?;
    let name = pair.split_once('=')?.0.trim().to_ascii_lowercase();
    if name.is_empty() || name.starts_with("__host-") || HOST_COOKIES.iter().any(|start| name.starts_with(start)) {
        return None;
    }
    let mut own = pair.to_owned();
    let mount = format!("{PLUGIN_ENDPOINTS}{id}");
    let mut path = mount.clone();
    for part in parts {
        let (key, value) = part.split_once('=').map_or((part, ""), |(key, value)| (key.trim(), value.trim()));
        match key.to_ascii_lowercase().as_str() {
            "domain" => return None,
            "path" if value.strip_prefix(&mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) => {
                path = value.to_owned();
            }
            "path" | "" => {}
            _ => own += &format!("; {part}"),
        }
    }
    HeaderValue::try_from(format!("{own}; Path={path}")).ok()
}
