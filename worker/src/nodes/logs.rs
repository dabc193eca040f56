//! A container's log: its last lines, or what is added to it.

use std::collections::VecDeque;

use bollard::query_parameters::LogsOptions;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::container::OwnedContainer;
use super::engine::{CALL, Engine};
use super::error::NodeError;

/// The most that is read to find the last lines, in bytes.
const MAX_READ: usize = 4 << 20;

impl Engine {
    /// The last `lines` lines of output and error output, of which the last `max_bytes` bytes are kept.
    /// Works on an ended container too.
    pub async fn tail_logs(
        &self,
        container: &OwnedContainer,
        lines: u32,
        max_bytes: usize,
    ) -> Result<String, NodeError> {
        let mut lines = lines;
        loop {
            let (tail, whole) = self.read_lines(container, lines, max_bytes).await?;
            // Lines so long that their end was not reached: fewer of them end where the log ends.
            if whole || lines <= 1 {
                return Ok(tail.into_text());
            }
            lines /= 16;
        }
    }

    /// The last `lines` lines of output and error output, and what is added to them; of these only what
    /// was written in the second of `since` or later. Each piece is a line or a part of a long one, after
    /// the time at which it was written (RFC 3339, a space). Ends with the container, when an engine may keep
    /// a last unfinished line to itself; fails after 64 MiB, which bounds what an engine can bring.
    pub fn follow_logs(
        &self,
        container: &OwnedContainer,
        lines: u32,
        since: Option<DateTime<Utc>>,
    ) -> BoxStream<'static, Result<Vec<u8>, NodeError>> {
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            timestamps: true,
            tail: lines.to_string(),
            // What an engine can't be asked for is left out by who reads.
            since: since.map_or(0, |since| i32::try_from(since.timestamp()).unwrap_or_default()),
            ..LogsOptions::default()
        };
        let pieces = self.streams().logs(container.id.as_str(), Some(options));
        pieces
            .map(|piece| match piece {
                Ok(piece) => Ok(piece.into_bytes().to_vec()),
                Err(error) => Err(NodeError::from_bollard("follow logs", &error)),
            })
            .boxed()
    }

    /// Reads the log's last lines up to the bound on what is read, and whether that was all of them.
    async fn read_lines(
        &self,
        container: &OwnedContainer,
        lines: u32,
        max_bytes: usize,
    ) -> Result<(Tail, bool), NodeError> {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            tail: lines.to_string(),
            ..LogsOptions::default()
        };
        let mut pieces = self.docker().logs(container.id.as_str(), Some(options));
        self.guarded("read logs", CALL, async {
            let mut tail = Tail::new(max_bytes);
            let mut read = 0;
            while let Some(piece) = pieces.next().await {
                let piece = piece
                    .map_err(|error| NodeError::from_bollard("read logs", &error))?
                    .into_bytes();
                tail.push(&piece);
                read += piece.len();
                if read > MAX_READ {
                    return Ok((tail, false));
                }
            }
            Ok((tail, true))
        })
        .await
    }
}

/// Keeps the last bytes of what it is given.
struct Tail {
    bytes: VecDeque<u8>,
    max: usize,
    cut: bool,
}

impl Tail {
    fn new(max: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            max,
            cut: false,
        }
    }

    fn push(&mut self, piece: &[u8]) {
        let piece = &piece[piece.len().saturating_sub(self.max)..];
        let excess = (self.bytes.len() + piece.len()).saturating_sub(self.max);
        self.cut |= excess > 0 || piece.len() == self.max;
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(piece);
    }

    /// From a line's start, if anything was cut off before it.
    fn into_text(mut self) -> String {
        let bytes = self.bytes.make_contiguous();
        let start = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end_of_line) if self.cut && end_of_line + 1 < bytes.len() => end_of_line + 1,
            Some(_) | None => 0,
        };
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(max: usize, pieces: &[&str]) -> String {
        let mut tail = Tail::new(max);
        for piece in pieces {
            tail.push(piece.as_bytes());
        }
        tail.into_text()
    }

    #[test]
    fn a_short_log_is_whole_and_a_long_one_starts_at_a_line() {
        assert_eq!(tail(100, &["one\n", "two\n"]), "one\ntwo\n");
        assert_eq!(tail(9, &["one\n", "two\n", "three\n"]), "three\n");
    }

    #[test]
    fn one_endless_line_is_cut_to_the_bound() {
        assert_eq!(tail(4, &["abcdefgh", "ij"]), "ghij");
        assert_eq!(tail(0, &["abc"]), "");
    }
}
