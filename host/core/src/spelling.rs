//! Suggestions for misspelled words.

/// Returns the known word that `word` most likely stands for: in another case, or with at most two characters inserted,
/// removed, replaced or swapped with their neighbour, fewer in short words.
pub fn suggestion<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
        return Some(known);
    }
    // Most keys differ in length, so a file full of unknown keys stays cheap.
    let alike = known.iter().filter(|known| known.len().abs_diff(word.len()) <= 2);
    let distances = alike.map(|known| (distance(word, known), *known));
    distances.filter(|(distance, known)| *distance <= 2.min(known.len() / 3)).min().map(|(_, known)| known)
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
        let known = ["port", "cache_dir", "version", "endpoints", "id"];
        for (word, expected) in [
            ("prot", Some("port")),
            ("Version", Some("version")),
            ("endpoint", Some("endpoints")),
            ("verzion", Some("version")),
            ("ID", Some("id")),
            ("ie", None),
            ("ref", None),
            ("plugin_cache_dir", None),
            ("", None),
        ] {
            assert_eq!(suggestion(word, &known), expected, "{word}");
        }
        assert_eq!(suggestion(&"x".repeat(1_000_000), &known), None);
        assert_eq!(suggestion("x", &[]), None);
    }
}
