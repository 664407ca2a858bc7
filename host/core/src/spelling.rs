//! Suggestions for misspelled words.

/// Units at the end of a key, as the host writes them.
const UNITS: [&str; 4] = ["_ms", "_seconds", "_bytes", "_size"];
/// Units at the end of a key, as other programs write them.
const OTHER_UNITS: [&str; 9] = ["_s", "_sec", "_secs", "_millis", "_milliseconds", "_minutes", "_kb", "_mb", "_mib"];

/// Returns the known word that `word` most likely stands for: in another case, with at most two characters inserted,
/// removed, replaced or swapped with their neighbour, fewer in short words, with another unit or none at its end, or
/// as the only longer or shorter form.
pub fn suggestion<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
        return Some(known);
    }
    // Most keys differ in length, so a file full of unknown keys stays cheap.
    let alike = known.iter().filter(|known| known.len().abs_diff(word.len()) <= 2);
    let distances = alike.map(|known| (distance(word, known), *known));
    let nearest = distances.filter(|(distance, known)| *distance <= 2.min(known.len() / 3)).min();
    nearest.map(|(_, known)| known).or_else(|| with_unit(word, known)).or_else(|| only_form(word, known))
}

/// Returns the only known word that starts with `word` or that `word` starts with: `tls_cert` for `tls_certificate`.
fn only_form<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    const MIN_LEN: usize = 5;
    let is_form = |known: &&&str| {
        word.len().min(known.len()) >= MIN_LEN && (known.starts_with(word) || word.starts_with(**known))
    };
    let mut forms = known.iter().filter(is_form);
    forms.next().filter(|_| forms.next().is_none()).copied()
}

/// Returns the known word that differs from `word` only in the unit at its end: `timeout_ms` for `timeout`.
fn with_unit<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let without = |word: &str, units: &[&str]| units.iter().find_map(|unit| word.strip_suffix(unit).map(str::to_owned));
    let name = without(word, &UNITS).or_else(|| without(word, &OTHER_UNITS)).unwrap_or_else(|| word.to_owned());
    known.iter().copied().find(|known| without(known, &UNITS).as_ref() == Some(&name))
}

/// The number of characters to insert, remove, replace or swap to turn one word into the other (optimal string
/// alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_word_is_suggested() {
        let known =
            ["port", "cache_dir", "version", "endpoints", "id", "timeout_ms", "max_body_bytes", "tls_cert", "tls_key"];
        for (word, expected) in [
            ("prot", Some("port")),
            ("Version", Some("version")),
            ("endpoint", Some("endpoints")),
            ("verzion", Some("version")),
            ("ID", Some("id")),
            ("ie", None),
            ("ref", None),
            ("plugin_cache_dir", None),
            ("timeout", Some("timeout_ms")),
            ("timeout_seconds", Some("timeout_ms")),
            ("timeout_secs", Some("timeout_ms")),
            ("max_body", Some("max_body_bytes")),
            ("max_body_mb", Some("max_body_bytes")),
            ("max_body_size", Some("max_body_bytes")),
            ("tls_certificate", Some("tls_cert")),
            ("endpoints_of_plugin", Some("endpoints")),
            ("tls_c", Some("tls_cert")),
            ("tls_", None),
            ("_ms", None),
            ("", None),
        ] {
            assert_eq!(suggestion(word, &known), expected, "{word}");
        }
        assert_eq!(suggestion(&"x".repeat(1_000_000), &known), None);
        assert_eq!(suggestion("x", &[]), None);
    }
}
