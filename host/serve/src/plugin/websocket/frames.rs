//! Finds the boundaries between the frames of a client (RFC 6455, section 5.2), so that no close frame is inserted
//! within a frame.

/// A close frame of a client with code 1001, going away. The mask is zero, so the code is readable.
pub(super) const GOING_AWAY: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

/// A close frame of a server.
pub(super) fn close_frame(code: u16) -> [u8; 4] {
    let [high, low] = code.to_be_bytes();
    [0x88, 2, high, low]
}

/// The longest head: two bytes, eight for the length and four for the mask.
const MAX_HEAD_BYTES: usize = 14;

/// Follows the frames of a stream, without reading their content.
#[derive(Debug, Default)]
pub(super) struct FrameScanner {
    head: [u8; MAX_HEAD_BYTES],
    /// The number of bytes in `head`.
    n_head: usize,
    /// The number of bytes that are missing from the content of the current frame.
    left: u64,
}

impl FrameScanner {
    /// Returns whether the next byte begins a frame.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.n_head == 0 && self.left == 0
    }

    /// Reads the next bytes of the stream, and returns the end of the last frame that ends in them.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut last = None;
        let mut at = 0;
        while at < bytes.len() {
            if self.left > 0 {
                let skipped = self.left.min((bytes.len() - at) as u64);
                self.left -= skipped;
                // At most the length of `bytes`.
                at += skipped as usize;
            } else {
                self.head[self.n_head] = bytes[at];
                self.n_head += 1;
                at += 1;
                if self.n_head < self.head_bytes() {
                    continue;
                }
                self.left = self.content_bytes();
                self.n_head = 0;
            }
            if self.is_at_boundary() {
                last = Some(at);
            }
        }
        last
    }

    /// The length of the head, as far as it is known.
    fn head_bytes(&self) -> usize {
        if self.n_head < 2 {
            return 2;
        }
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + length + mask
    }

    /// The length that a complete head states.
    fn content_bytes(&self) -> u64 {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        match self.head[1] & 0x7f {
            126 => number(&self.head[2..4]),
            127 => number(&self.head[2..10]),
            short => short.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n_content: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x82];
        match n_content {
            0..126 => frame.push(mask | n_content as u8),
            126..65536 => {
                frame.push(mask | 126);
                frame.extend((n_content as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((n_content as u64).to_be_bytes());
            }
        }
        frame.extend(vec![7; if masked { 4 } else { 0 }]);
        frame.extend(vec![0x81; n_content]);
        frame
    }

    #[test]
    fn the_ends_of_frames_are_found_however_the_stream_is_cut() {
        let lengths = [0, 1, 125, 126, 127, 65535, 65536, 0, 3];
        let frames: Vec<_> = lengths.iter().flat_map(|length| [frame(*length, true), frame(*length, false)]).collect();
        let stream = frames.concat();
        let ends: Vec<_> = frames
            .iter()
            .scan(0, |end, frame| {
                *end += frame.len();
                Some(*end)
            })
            .collect();
        for step in [1, 2, 3, 7, 13, 4096, stream.len()] {
            let mut follows = FrameScanner::default();
            let mut found = vec![];
            for (number, piece) in stream.chunks(step).enumerate() {
                let start = number * step;
                let last = follows.read(piece).map(|end| start + end);
                let expected = ends.iter().rev().find(|end| (start + 1..=start + piece.len()).contains(end)).copied();
                assert_eq!(last, expected, "{step} {start}");
                found.extend(last);
            }
            assert_eq!(found.last(), ends.last());
            assert!(follows.is_at_boundary());
        }
    }

    #[test]
    fn the_close_frame_is_a_whole_frame() {
        assert_eq!(FrameScanner::default().read(&GOING_AWAY), Some(GOING_AWAY.len()));
        assert_eq!(FrameScanner::default().read(&close_frame(1011)), Some(4));
    }
}
