//! Cuts what a container writes into lines, and leaves out what is too much at once.

use chrono::{DateTime, Utc};
use domain::logs::LogBatch;

/// The longest line that is shown; what comes after is cut off.
const MAX_LINE: usize = 16 << 10;
/// The most bytes in one batch; lines beyond are left out and counted.
pub const MAX_BATCH: usize = 128 << 10;

/// Collects lines until they are taken.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    whole: Vec<String>,
    bytes: usize,
    skipped: u64,
    last: Option<DateTime<Utc>>,
}

impl Lines {
    /// Adds a piece of the log, which was written at that time and may end anywhere.
    pub fn push(&mut self, piece: &[u8], at: Option<DateTime<Utc>>) {
        let mut pieces = piece.split(|byte| *byte == b'\n');
        let Some(mut current) = pieces.next() else { return };
        for next in pieces {
            self.extend(current);
            self.end_line();
            current = next;
        }
        self.extend(current);
        if piece.ends_with(b"\n") {
            self.last = at.or(self.last);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        // One byte more than is shown tells a cut line from one that just fits.
        let room = (MAX_LINE + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        let shown = &line[..line.len().min(MAX_LINE)];
        // Nothing comes after what was left out, so that it is clear where that was.
        if self.skipped > 0 || self.bytes + shown.len() > MAX_BATCH {
            self.skipped += 1;
            return;
        }
        let mut text = printable(shown.strip_suffix(b"\r").unwrap_or(shown));
        if shown.len() < line.len() {
            text.push('…');
        }
        // An empty line costs too.
        self.bytes += shown.len() + 1;
        self.whole.push(text);
    }

    /// How many lines were ended since the last time, shown or not.
    pub fn ended(&self) -> u64 {
        self.whole.len() as u64 + self.skipped
    }

    /// Says that lines were left out, nobody knows how many. Take that before anything else is added.
    pub fn skip(&mut self) {
        self.partial.clear();
        self.skipped += 1;
    }

    /// Ends the last line, which the log's own end cut off.
    pub fn finish(&mut self) {
        if !self.partial.is_empty() {
            self.end_line();
        }
    }

    /// The whole lines since the last time; `None` when there are none.
    pub fn take(&mut self) -> Option<LogBatch> {
        if self.whole.is_empty() && self.skipped == 0 {
            return None;
        }
        self.bytes = 0;
        Some(LogBatch {
            lines: std::mem::take(&mut self.whole),
            skipped: std::mem::take(&mut self.skipped),
            last: self.last,
            end: None,
        })
    }

    /// When the last line was written that ended.
    pub fn last(&self) -> Option<DateTime<Utc>> {
        self.last
    }
}

/// As text. What a terminal would act on is shown as a sign, except for tabs, colours, and what progress
/// bars go back with; a viewer's terminal may be the next to see these lines.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let kept = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\r' | '\u{1b}');
    if text.chars().all(kept) {
        return text.into_owned();
    }
    let sign = |letter: char| match letter {
        letter if kept(letter) => letter,
        '\u{7f}' => '\u{2421}',
        // The signs stand in the order of the characters they mean.
        '\0'..'\u{20}' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        for piece in pieces {
            lines.push(piece, None);
        }
        lines.take().map(|batch| batch.lines).unwrap_or_default()
    }

    #[test]
    fn lines_are_whole_however_the_log_was_cut() {
        assert_eq!(taken(&[b"one\ntw", b"o", b"\n\nthr"]), ["one", "two", ""]);
        assert_eq!(taken(&[b"one\r\n"]), ["one"]);
        assert_eq!(taken(&[b"no end"]), [""; 0]);
        let mut lines = Lines::default();
        lines.push(b"no end", None);
        lines.finish();
        assert_eq!(
            lines.take().map(|batch| batch.lines),
            Some(vec!["no end".to_owned()])
        );
        assert_eq!(lines.take(), None);
    }

    #[test]
    fn an_endless_line_is_cut_and_costs_no_more_than_is_shown() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.push(&[b'a'; MAX_LINE], None);
        }
        assert!(lines.partial.len() <= MAX_LINE + 1);
        lines.push(b"\nnext\n", None);
        let batch = lines.take().unwrap();
        assert_eq!(batch.lines[0].len(), MAX_LINE + '…'.len_utf8());
        assert_eq!(batch.lines[1], "next");
    }

    #[test]
    fn what_is_too_much_at_once_is_counted() {
        let mut lines = Lines::default();
        let line = [&[b'a'; 1023][..], b"\n"].concat();
        for _ in 0..200 {
            lines.push(&line, None);
        }
        let batch = lines.take().unwrap();
        assert_eq!(batch.lines.len(), MAX_BATCH / 1024);
        assert_eq!(batch.lines.len() as u64 + batch.skipped, 200);
        lines.push(&line, None);
        assert_eq!(lines.take().map(|batch| batch.lines.len()), Some(1));
    }

    #[test]
    fn a_batch_says_when_its_last_line_was_written_and_not_when_an_unfinished_one_was() {
        let at = |nanos| Some(DateTime::from_timestamp_nanos(nanos));
        let mut lines = Lines::default();
        lines.push(b"one\n", at(1));
        lines.push(b"tw", at(2));
        assert_eq!(lines.take().and_then(|batch| batch.last), at(1));
        lines.push(b"o\n", at(2));
        assert_eq!(lines.take().and_then(|batch| batch.last), at(2));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        assert_eq!(taken(&[b"a\xff\n"]), ["a\u{fffd}"]);
        assert_eq!(
            taken(&[b"\0\x07\x08\x7f\xc2\x9b\n"]),
            ["\u{2400}\u{2407}\u{2408}\u{2421}\u{fffd}"]
        );
        assert_eq!(taken(&[b"1%\r2%\t\x1b[31mred\n"]), ["1%\r2%\t\x1b[31mred"]);
    }
}
