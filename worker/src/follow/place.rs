//! Where in a log a viewer is, by the times at which an engine noted its lines.

use chrono::{DateTime, TimeDelta, Utc};

/// The longest time in front of a piece.
const MAX_STAMP: usize = 40;

/// Where a viewer begins.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    /// With how many earlier lines at most.
    pub tail: u32,
    /// After the line of this time, if it has seen that one.
    pub after: Option<DateTime<Utc>>,
}

/// What a piece of a log is to a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Seen already.
    Seen,
    /// New, and right after what was seen.
    Next,
    /// New, and something before it was not seen.
    AfterGap,
}

/// How far back a repeated piece may lie. What is older was written by a clock that was set back, and is new.
const LONGEST_REPEAT: TimeDelta = TimeDelta::minutes(1);

/// Leaves out what a viewer has seen: at the beginning everything up to where it was, from then on what an engine
/// brings again. Docker 20.10 reads a whole file once more when the log is rotated faster than it is read.
#[derive(Debug)]
pub struct Seen {
    after: Option<DateTime<Utc>>,
    found: bool,
}

impl Seen {
    /// Everything up to and with the line of that time.
    pub fn up_to(after: Option<DateTime<Utc>>) -> Self {
        Self { after, found: false }
    }

    /// Whether the viewer has seen the piece that was written then; `last` is when the last line was that ended.
    /// The pieces of one line may have the same time.
    pub fn look(&mut self, at: Option<DateTime<Utc>>, last: Option<DateTime<Utc>>) -> Piece {
        let Some(at) = at else {
            return Piece::Next;
        };
        let Some(after) = self.after else {
            let is_repeated = last.is_some_and(|last| at <= last && last - at < LONGEST_REPEAT);
            return if is_repeated { Piece::Seen } else { Piece::Next };
        };
        if at <= after {
            self.found = true;
            return Piece::Seen;
        }
        self.after = None;
        if self.found { Piece::Next } else { Piece::AfterGap }
    }
}

/// Parts a piece from the time in front of it.
pub fn stamped(piece: &[u8]) -> (Option<DateTime<Utc>>, &[u8]) {
    let end = piece.iter().take(MAX_STAMP).position(|byte| *byte == b' ');
    let parted = end.and_then(|end| {
        let stamp = std::str::from_utf8(&piece[..end]).ok()?;
        let at = DateTime::parse_from_rfc3339(stamp).ok()?;
        Some((at.to_utc(), &piece[end + 1..]))
    });
    parted.map_or((None, piece), |(at, text)| (Some(at), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(nanos)
    }

    fn looks<const N: usize>(after: Option<DateTime<Utc>>, nanos: [i64; N]) -> [Piece; N] {
        let mut seen = Seen::up_to(after);
        nanos.map(|nanos| seen.look(Some(at(nanos)), None))
    }

    #[test]
    fn what_was_seen_is_left_out_once_and_a_gap_is_noticed() {
        let (seen, next, gap) = (Piece::Seen, Piece::Next, Piece::AfterGap);
        assert_eq!(looks(Some(at(2)), [1, 2, 3, 1]), [seen, seen, next, next]);
        assert_eq!(looks(Some(at(2)), [3, 4]), [gap, next]);
        assert_eq!(looks(None, [1]), [next]);
        assert_eq!(Seen::up_to(Some(at(1))).look(None, None), next);
    }

    #[test]
    fn what_the_engine_brings_again_is_left_out_but_not_what_a_clock_set_back_writes() {
        let mut seen = Seen::up_to(None);
        let last = Some(at(0) + LONGEST_REPEAT);
        let mut look = |at| seen.look(Some(at), last);
        assert_eq!(look(at(1)), Piece::Seen);
        assert_eq!(look(at(0) + LONGEST_REPEAT), Piece::Seen);
        assert_eq!(look(at(1) + LONGEST_REPEAT), Piece::Next);
        assert_eq!(look(at(0)), Piece::Next);
    }

    #[test]
    fn a_piece_without_a_time_is_kept_as_it_is() {
        let piece = b"1970-01-01T00:00:00.000000001Z  two  words\n";
        assert_eq!(stamped(piece), (Some(at(1)), &b" two  words\n"[..]));
        assert_eq!(
            stamped(b"1970-01-01T01:00:00.000000001+01:00 \n"),
            (Some(at(1)), &b"\n"[..])
        );
        for text in [&b"two words"[..], b"", b" ", b"\xff \xff"] {
            assert_eq!(stamped(text), (None, text));
        }
    }
}
