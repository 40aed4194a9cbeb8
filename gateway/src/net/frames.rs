//! What of HTTP/2's frames has come: just enough to tell half a header from a connection at rest.
//!
//! Nothing else of HTTP/2 may come between the frames of a header (RFC 9113, 6.10), so half of one holds up the whole
//! connection.

/// Follows the bytes behind the preface.
#[derive(Default, Debug)]
pub(super) struct Frames {
    /// The head of the frame that has begun, as far as it has come.
    head: [u8; HEAD],
    of_head: usize,
    /// Bytes that its payload still lacks.
    lacking: usize,
    /// Whether a header has begun whose last frame has not.
    in_header: bool,
    /// Whether a whole frame has come. The first one must be the settings.
    begun: bool,
}

/// Length, kind, flags and stream of a frame.
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

// === impl Frames ===

impl Frames {
    /// Takes note of what came. True if at some moment of it, nothing was missing.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> bool {
        let mut was_whole = false;
        while !bytes.is_empty() {
            if self.of_head < HEAD {
                let count = bytes.len().min(HEAD - self.of_head);
                let (come, rest) = bytes.split_at(count);
                if let Some(room) = self.head.get_mut(self.of_head..self.of_head + count) {
                    room.copy_from_slice(come);
                }
                (self.of_head, bytes) = (self.of_head + count, rest);
                if self.of_head < HEAD {
                    break;
                }
                let [a, b, c, kind, flags, ..] = self.head;
                self.lacking = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if matches!(kind, HEADERS | CONTINUATION) {
                    self.in_header = flags & END_HEADERS == 0;
                }
            }
            let count = bytes.len().min(self.lacking);
            (self.lacking, bytes) = (self.lacking - count, bytes.get(count..).unwrap_or_default());
            if self.lacking == 0 {
                (self.of_head, self.begun) = (0, true);
            }
            was_whole |= !self.lacks();
        }
        was_whole
    }

    /// Whether something has begun whose rest must follow soon. The body of a request is not meant: it has a wait of its own.
    pub(super) fn lacks(&self) -> bool {
        let [_, _, _, kind, ..] = self.head;
        let in_frame = self.of_head > 0 && (self.of_head < HEAD || kind != DATA);
        !self.begun || self.in_header || in_frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// What is lacking after each byte.
    fn follow(bytes: &[u8]) -> Vec<bool> {
        let mut frames = Frames::default();
        let lacking = |byte: &u8| {
            frames.follow(&[*byte]);
            frames.lacks()
        };
        bytes.iter().map(lacking).collect()
    }

    #[test]
    fn half_a_header_lacks_something_and_half_a_body_does_not() {
        const SETTINGS: u8 = 4;
        assert!(Frames::default().lacks(), "settings must come");
        let settings = frame(SETTINGS, 0, &[]);
        let (last, before) = (settings.len() - 1, follow(&settings));
        assert!(before[..last].iter().all(|lacks| *lacks) && !before[last]);

        let header = [frame(HEADERS, 0, b"abc"), frame(CONTINUATION, 0, b"d"), frame(CONTINUATION, 4, b"ef")].concat();
        let all = [settings.clone(), header.clone()].concat();
        let lacks = follow(&all);
        let (end, rest) = lacks.split_last().expect("bytes");
        assert!(!end && rest[settings.len()..].iter().all(|lacks| *lacks));

        let body = frame(DATA, 0, b"abcdef");
        let lacks = follow(&[all, body.clone()].concat());
        let of_body = &lacks[lacks.len() - body.len()..];
        assert!(of_body[..HEAD - 1].iter().all(|lacks| *lacks), "half a frame's head");
        assert!(of_body[HEAD - 1..].iter().all(|lacks| !lacks), "half a body");
    }

    #[test]
    fn however_it_is_cut_the_same_is_seen() {
        let all = [frame(4, 0, b"123456"), frame(HEADERS, 4, b"abc"), frame(DATA, 1, b"x"), frame(6, 0, b"12345678")];
        let all = all.concat();
        for size in 1..all.len() {
            let mut frames = Frames::default();
            let whole = all.chunks(size).filter(|bytes| frames.follow(bytes)).count();
            assert!(!frames.lacks() && whole > 0, "in pieces of {size}");
        }
    }
}
