//! Route paths, under the same rules as in the host.

/// The path, with parameters written in braces: `/cats/{id}`, `/files/{*rest}`.
///
/// # Errors
/// Returns the violated rule, worded to follow the path in a sentence.
pub(crate) fn pattern(text: &str) -> Result<String, &'static str> {
    let Some(inner) = text.strip_prefix('/') else {
        return Err("must start with `/`");
    };
    if text.len() > 512 {
        return Err("must have at most 512 bytes");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must contain only printable ASCII characters without spaces");
    }
    if text.contains(['%', '?', '#', '\\']) {
        return Err("must not contain `%`, `?`, `#` or `\\`; a query is read with `Query<T>`");
    }
    if text.contains(['<', '>', '[', ']', '"', '^', '`', '|']) {
        return Err("must write a parameter as `:name` or `{name}`, and must not contain `<>[]\"^|` or a backtick");
    }
    let mut pattern = String::new();
    let mut names = Vec::new();
    let mut parts = inner.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let braced = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let parameter = braced.or_else(|| part.strip_prefix(':')).or(part.starts_with('*').then_some(part));
        let Some(parameter) = parameter else {
            match part {
                "" if !is_last => return Err("must not have an empty segment (`//`)"),
                "." | ".." => return Err("must not have a segment `.` or `..`"),
                part if part.contains(['{', '}', '*']) => {
                    return Err("must have each parameter as a whole segment, such as `/{name}/` or `/{*rest}`");
                }
                part => pattern.extend(["/", part]),
            }
            continue;
        };
        let name = parameter.strip_prefix('*').unwrap_or(parameter);
        if !is_name(name) {
            return Err(
                "must have parameter names that start with a letter or `_` and contain only letters, digits and `_`, \
                 at most 50 characters",
            );
        }
        if parameter != name && !is_last {
            return Err("must have a `*` parameter only as the last segment");
        }
        if names.contains(&name) {
            return Err("must not use the same parameter name twice");
        }
        names.push(name);
        pattern.extend(["/{", parameter, "}"]);
    }
    Ok(pattern)
}

/// The pattern without the names of its parameters: equal patterns match the same requests.
pub(crate) fn shape(pattern: &str) -> String {
    let part = |part: &str| match part {
        part if part.starts_with("{*") => "{*}".to_owned(),
        part if part.starts_with('{') => "{}".to_owned(),
        part => part.to_owned(),
    };
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn is_name(text: &str) -> bool {
    (1..=50).contains(&text.len())
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_of_a_parameter_give_the_same_pattern() {
        for (path, wanted) in [
            ("/", "/"),
            ("/hello", "/hello"),
            ("/hello/", "/hello/"),
            ("/hello/:name", "/hello/{name}"),
            ("/hello/{name}", "/hello/{name}"),
            ("/files/*rest", "/files/{*rest}"),
            ("/files/{*rest}", "/files/{*rest}"),
            ("/a:b/{c}/d", "/a:b/{c}/d"),
        ] {
            assert_eq!(pattern(path).as_deref(), Ok(wanted), "{path}");
        }
        assert_eq!(shape("/a/{b}/{*c}"), "/a/{}/{*}");
    }

    #[test]
    fn an_invalid_path_is_refused_with_the_violated_rule() {
        for (path, rule) in [
            ("hello", "start with"),
            ("/a b", "without spaces"),
            ("/a?b", "Query<T>"),
            ("/a//b", "empty segment"),
            ("/a/../b", "`..`"),
            ("/a{b}", "whole segment"),
            ("/:", "parameter names"),
            ("/{1a}", "parameter names"),
            ("/*rest/b", "only as the last segment"),
            ("/:a/{a}", "name twice"),
        ] {
            assert!(pattern(path).is_err_and(|found| found.contains(rule)), "{path}: {:?}", pattern(path));
        }
    }
}
