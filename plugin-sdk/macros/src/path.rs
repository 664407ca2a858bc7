//! Route paths, under the same rules as in the host.

/// The path with its parameters in one way of writing: `/cats/{id}`, `/files/{*rest}`.
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
        return Err("must be printable ASCII without spaces");
    }
    if text.contains(['%', '?', '#', '\\']) {
        return Err("must not hold `%`, `?`, `#` or `\\`; a query is read with `Query<T>`");
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
                "" if !is_last => return Err("must not have an empty part"),
                "." | ".." => return Err("must not have a part `.` or `..`"),
                part if part.contains(['{', '}', '*']) => {
                    return Err("must have parameters and tails as whole parts: `/{name}/`, `/{*rest}`");
                }
                part => pattern.extend(["/", part]),
            }
            continue;
        };
        let name = parameter.strip_prefix('*').unwrap_or(parameter);
        if !is_name(name) {
            return Err("must name its parameters with a letter or `_`, then letters, digits and `_`, at most 50");
        }
        if parameter != name && !is_last {
            return Err("must have a tail only at the end");
        }
        if names.contains(&name) {
            return Err("must not give two parameters one name");
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
    fn both_ways_of_writing_a_parameter_are_one() {
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
    fn a_bad_path_is_refused_with_its_rule() {
        for (path, rule) in [
            ("hello", "start with"),
            ("/a b", "without spaces"),
            ("/a?b", "Query<T>"),
            ("/a//b", "empty part"),
            ("/a/../b", "`..`"),
            ("/a{b}", "whole parts"),
            ("/:", "name its parameters"),
            ("/{1a}", "name its parameters"),
            ("/*rest/b", "only at the end"),
            ("/:a/{a}", "one name"),
        ] {
            assert!(pattern(path).is_err_and(|found| found.contains(rule)), "{path}: {:?}", pattern(path));
        }
    }
}
