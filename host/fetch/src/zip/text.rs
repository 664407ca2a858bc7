//! The name of an entry as text.
#![forbid(unsafe_code)]

use flate2::Crc;

use super::record::shown;
use crate::ZipError;

/// The upper half of code page 437, the format's own encoding.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Decodes a name. Readers may differ in characters beyond ASCII, which some decode with a code page, but never
/// in ASCII characters. All characters with a meaning are ASCII: `/`, `.`, and the file names of cargo.
pub(super) fn decode<'a>(
    raw: &'a [u8],
    is_marked: bool,
    unicode_name: Option<(u32, &'a [u8])>,
) -> Result<&'a str, ZipError> {
    let second = || ZipError::Extra { name: shown(raw), id: 0x7075, rule: "that gives a second name" };
    let text = str::from_utf8(raw);
    let Some((crc, unicode)) = unicode_name else {
        return text.map_err(|_| not_utf8(raw, is_marked));
    };
    if unicode == raw {
        return text.map_err(|_| not_utf8(raw, is_marked));
    }
    let mut found = Crc::new();
    found.update(raw);
    match str::from_utf8(unicode) {
        Ok(unicode) if text.is_err() && !is_marked && crc == found.sum() && differ_beyond_ascii(raw, unicode) => {
            Ok(unicode)
        }
        _ => Err(second()),
    }
}

/// Returns whether `unicode` can be the text of `raw` in an encoding with one byte for each character.
fn differ_beyond_ascii(raw: &[u8], unicode: &str) -> bool {
    let is_same = |(byte, c): (&u8, char)| if byte.is_ascii() { char::from(*byte) == c } else { !c.is_ascii() };
    raw.len() == unicode.chars().count() && raw.iter().zip(unicode.chars()).all(is_same)
}

fn not_utf8(raw: &[u8], is_marked: bool) -> ZipError {
    if is_marked {
        return ZipError::NameEncoding { name: shown(raw), rule: "is marked as UTF-8 and is not".to_owned() };
    }
    let upper = |byte: u8| CODE_PAGE_437.chars().nth(usize::from(byte) - 0x80).unwrap_or('\u{fffd}');
    let guess: String = raw.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { upper(*byte) }).collect();
    let rule = format!(
        "is not UTF-8 but in a code page that the archive does not name (in code page 437: `{}`)",
        shown(guess.as_bytes())
    );
    ZipError::NameEncoding { name: shown(raw), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_of_the_code_page_is_complete() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        let error = not_utf8(b"gr\x81\xe1e.txt", false).to_string();
        assert!(error.contains("`grüße.txt`"), "{error}");
    }

    #[test]
    fn a_unicode_name_may_only_differ_beyond_ascii() {
        let crc = |raw: &[u8]| {
            let mut crc = Crc::new();
            crc.update(raw);
            crc.sum()
        };
        let decode = |raw: &'static [u8], unicode: &'static str| {
            decode(raw, false, Some((crc(raw), unicode.as_bytes()))).map_err(|error| error.code())
        };
        assert_eq!(decode(b"gr\x81\xe1e.txt", "grüße.txt"), Ok("grüße.txt"));
        assert_eq!(decode("ü.txt".as_bytes(), "ü.txt"), Ok("ü.txt"));
        for (raw, unicode) in [
            (&b"a.rs"[..], "b.rs"),
            (b"gr\x81n/a", "gr/nüa"),
            (b"\x81.rs", "build.rs"),
            (b"\x81", "a"),
            ("ü".as_bytes(), "ö"),
        ] {
            assert_eq!(decode(raw, unicode), Err("fetch_zip_extra"), "{raw:?}");
        }
        assert!(super::decode(b"\x81", false, Some((1, "ü".as_bytes()))).is_err(), "a name for other bytes");
    }
}
