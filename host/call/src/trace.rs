//! The W3C trace context of a request, with the span that the host adds.
//!
//! The context is read from `traceparent`; if the header is missing or invalid, a new trace starts. The context that
//! the host passes to plugins, and from there to other servers, names the host's own span.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use host_core::write_hex;
use http::header::{HeaderMap, HeaderName};

/// The name of the header.
pub(crate) const TRACEPARENT: &str = "traceparent";
const HEADER: HeaderName = HeaderName::from_static(TRACEPARENT);
/// `00-<32 hex>-<16 hex>-<2 hex>`
const LENGTH: usize = 55;

/// The trace context of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The id of the trace; never 0.
    pub trace_id: u128,
    /// The id of the host's span of this request; never 0.
    pub span_id: u64,
    /// The id of the sender's span; `None` if the trace starts here.
    pub parent: Option<u64>,
    /// Whether the trace is recorded, as its first sender decided.
    pub is_sampled: bool,
}

/// The id of a trace, displayed as 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

impl Trace {
    /// The context of a request with these headers. `sample` says whether a trace that starts here is recorded.
    pub fn from_headers(headers: &HeaderMap, sample: bool) -> Trace {
        let mut sent = headers.get_all(HEADER).iter();
        // Two headers contradict each other, so neither is used.
        match (sent.next(), sent.next()) {
            (Some(value), None) => Trace::child_of(value.as_bytes()).unwrap_or_else(|| Trace::begin(sample)),
            _ => Trace::begin(sample),
        }
    }

    /// A new trace.
    pub fn begin(sample: bool) -> Trace {
        let trace_id = u128::from(random()) << 64 | u128::from(random());
        Trace { trace_id, span_id: random(), parent: None, is_sampled: sample }
    }

    /// A child span of the trace that `traceparent` names; `None` if the value is invalid.
    pub(crate) fn child_of(traceparent: &[u8]) -> Option<Trace> {
        let (trace_id, parent, flags) = read(traceparent)?;
        Some(Trace { trace_id, span_id: random(), parent: Some(parent), is_sampled: flags & 1 == 1 })
    }

    /// The id of the trace.
    pub fn id(&self) -> TraceId {
        TraceId(self.trace_id)
    }

    /// The value of the header for a server or plugin that is called within this span.
    pub fn traceparent(&self) -> [u8; LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &self.trace_id.to_be_bytes());
        write_hex(&mut text[36..52], &self.span_id.to_be_bytes());
        text[54] = if self.is_sampled { b'1' } else { b'0' };
        text
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The trace id in the value of a `traceparent` header; `None` if the value is invalid.
pub fn trace_id_of(traceparent: &str) -> Option<&str> {
    read(traceparent.as_bytes()).and_then(|_| traceparent.get(3..35))
}

/// Reads trace id, parent id and flags (W3C Trace Context §3.2). Of a newer version only these known fields are read.
fn read(value: &[u8]) -> Option<(u128, u64, u8)> {
    let (known, more) = value.split_at_checked(LENGTH)?;
    let [a, b, b'-', ..] = known else { return None };
    let version = hex(&[*a, *b])?;
    let is_whole = more.is_empty() || (version != 0 && more[0] == b'-');
    if !is_whole || version == 0xff || known[35] != b'-' || known[52] != b'-' {
        return None;
    }
    let trace = hex(&known[3..35])?;
    let parent = u64::try_from(hex(&known[36..52])?).ok()?;
    let flags = u8::try_from(hex(&known[53..55])?).ok()?;
    (trace != 0 && parent != 0).then_some((trace, parent, flags))
}

/// Reads lower case hex digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// A number that is not 0 and was not returned before in this process: ids must differ, but need not be secret.
fn random() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seed = SEED.get_or_init(|| std::hash::RandomState::new().hash_one("traces"));
    loop {
        // splitmix64 is a bijection, so a counter as its input never repeats an output.
        let mut z = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(*seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        if z != 0 {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn trace(values: &[&str]) -> Trace {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        Trace::from_headers(&headers, false)
    }

    #[test]
    fn a_valid_trace_continues_with_a_span_of_the_host() {
        let trace = trace(&[GOOD]);
        assert_eq!(trace.id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((trace.parent, trace.is_sampled), (Some(0x00f0_67aa_0ba9_02b7), true));
        let next = trace.traceparent();
        let next = std::str::from_utf8(&next).unwrap();
        assert_eq!(next, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-01", trace.span_id));
        assert_eq!(
            (self::tests::trace(&[next]).trace_id, self::tests::trace(&[next]).parent),
            (trace.trace_id, Some(trace.span_id))
        );
        assert_ne!(self::tests::trace(&[GOOD]).span_id, trace.span_id);
        assert!(!self::tests::trace(&[&GOOD.replace("-01", "-02")]).is_sampled);
        assert_eq!(trace_id_of(GOOD), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }

    #[test]
    fn known_fields_of_a_newer_version_are_read() {
        let newer = GOOD.replace("00-4", "cc-4");
        for text in [newer.clone(), format!("{newer}-what-the-future-is-like")] {
            assert_eq!(self::tests::trace(&[&text]).parent, Some(0x00f0_67aa_0ba9_02b7), "{text}");
        }
        assert_eq!(self::tests::trace(&[&format!("{newer}.x")]).parent, None);
    }

    #[test]
    fn an_invalid_or_repeated_header_starts_a_new_trace() {
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-x"),
            &format!("{GOOD}0"),
            &GOOD.replace("00-4", "ff-4"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace("4bf9", "4BF9"),
            &GOOD.replace('-', "_"),
        ] {
            let trace = trace(&[bad]);
            assert_eq!((trace.parent, trace.is_sampled), (None, false), "{bad}");
            assert!(trace.trace_id != 0 && trace.span_id != 0);
        }
        assert_eq!(self::tests::trace(&[GOOD, GOOD]).parent, None);
        assert_ne!(self::tests::trace(&[]).trace_id, self::tests::trace(&[]).trace_id);
        assert!(Trace::begin(true).is_sampled);
    }
}
