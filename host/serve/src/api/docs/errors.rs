//! The error reference page, generated from `docs/errors.md`.

const TEXT: &str = include_str!("../../../../../docs/errors.md");
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Errors · plugin-host</title>\n\
<link rel=\"stylesheet\" href=\"/docs/page.css\">\n<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n<main class=\"text\">\n<p><a href=\"/docs\">All operations</a></p>\n";

/// Renders the page as HTML. Each code is an anchor.
pub(super) fn page() -> String {
    let mut html = HEAD.to_owned();
    let mut paragraph = String::new();
    let mut rows = 0;
    for line in TEXT.lines().chain([""]) {
        let is_row = line.starts_with('|');
        if !is_row && rows > 0 {
            html.push_str("</tbody></table></div>\n");
            rows = 0;
        }
        if (is_row || line.is_empty() || line.starts_with('#')) && !paragraph.is_empty() {
            html.push_str(&format!("<p>{}</p>\n", inline(&paragraph)));
            paragraph.clear();
        }
        if is_row {
            row(&mut html, line, rows);
            rows += 1;
        } else if let Some(title) = line.strip_prefix("## ") {
            let anchor = title.to_lowercase().replace(' ', "-");
            html.push_str(&format!("<h2 id=\"{anchor}\">{}</h2>\n", inline(title)));
        } else if let Some(title) = line.strip_prefix("# ") {
            html.push_str(&format!("<h1>{}</h1>\n", inline(title)));
        } else {
            paragraph.push_str(line);
            paragraph.push(' ');
        }
        if line.is_empty() {
            paragraph.clear();
        }
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// Renders a table row. Row 0 is the head, row 1 the separator.
fn row(html: &mut String, line: &str, number: usize) {
    let cells = line.trim_matches('|').split('|').map(str::trim);
    let (open, close) = if number == 0 { ("<th>", "</th>") } else { ("<td>", "</td>") };
    match number {
        0 => html.push_str("<div class=\"wide\"><table><thead><tr>"),
        1 => {
            html.push_str("<tbody>\n");
            return;
        }
        _ => {
            let code = line.split('`').nth(1).filter(|code| is_code(code)).unwrap_or_default();
            html.push_str(&if code.is_empty() { "<tr>".to_owned() } else { format!("<tr id=\"{code}\">") });
        }
    }
    for cell in cells {
        html.push_str(&format!("{open}{}{close}", inline(cell)));
    }
    html.push_str(if number == 0 { "</tr></thead>" } else { "</tr>\n" });
}

fn is_code(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Renders text with `code` spans and links to sections of the page as HTML.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (number, part) in text.trim().split('`').enumerate() {
        let part = part.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        html.push_str(&if number % 2 == 1 { format!("<code>{part}</code>") } else { section_links(&part) });
    }
    html
}

/// Replaces each `[title](#anchor)` in escaped text by a link.
fn section_links(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, title, anchor, after)) = next_link(rest) {
        html.push_str(&format!("{before}<a href=\"#{anchor}\">{title}</a>"));
        rest = after;
    }
    html + rest
}

/// Splits text at its first link: text before it, title, anchor, text after it.
fn next_link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, link) = text.split_once('[')?;
    let (title, target) = link.split_once("](#")?;
    let (anchor, after) = target.split_once(')')?;
    Some((before, title, anchor, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_is_an_anchor_on_the_page() {
        let page = page();
        let codes =
            TEXT.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).filter(|code| is_code(code));
        let mut n_codes = 0;
        for code in codes.filter(|code| *code != "request_id") {
            assert!(page.contains(&format!("<tr id=\"{code}\"><td><code>{code}</code></td>")), "{code}");
            n_codes += 1;
        }
        assert!(n_codes > 200, "{n_codes}");
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
        assert!(page.contains("<h1>Errors</h1>\n<p>Every error response of the host is a problem document"), "{page}");
        assert!(page.contains("<code>/docs/errors#&lt;code&gt;</code>"));
        assert!(page.contains("<a href=\"#host-services\">Host services</a>"));
        assert!(page.contains("<h2 id=\"host-services\">Host services</h2>"));
    }
}
