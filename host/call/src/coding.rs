//! The content coding of request bodies.

use http::header::{self, HeaderMap};

/// The coding of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The body is sent as it is.
    Identity,
    /// gzip.
    Gzip,
    /// Another coding, or several.
    Other,
}

impl Coding {
    /// The coding of the body of a request with these headers.
    pub fn from_headers(headers: &HeaderMap) -> Coding {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let mut codings = values
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Coding::Identity,
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => {
                Coding::Gzip
            }
            _ => Coding::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_of_requests_are_recognized() {
        for (sent, expected) in [
            ("", Coding::Identity),
            ("identity", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("X-GZIP, identity", Coding::Gzip),
            ("gzip, gzip", Coding::Other),
            ("br", Coding::Other),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, sent.parse().unwrap())]);
            assert_eq!(Coding::from_headers(&headers), expected, "{sent}");
        }
        assert_eq!(Coding::from_headers(&HeaderMap::new()), Coding::Identity);
    }
}
