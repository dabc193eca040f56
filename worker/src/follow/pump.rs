//! The way of a log from the engine to its viewer.

use std::time::Duration;

use domain::logs::{LogBatch, LogEnd};
use futures::StreamExt as _;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::lines::{Lines, MAX_BATCH};
use super::outlet::Outlet;
use super::place::{Beginning, Piece, Seen, stamped};
use crate::nodes::{Engine, OwnedContainer};

/// How often lines are handed on.
const FLUSH: Duration = Duration::from_millis(200);
/// The most that is read between two flushes; the engine waits meanwhile.
const MAX_READ: usize = 1 << 20;
/// The same for the lines that were there before, of which none is left out: a batch, less a piece that
/// is read on top.
const MAX_READ_EARLIER: usize = MAX_BATCH - (32 << 10);
/// What a piece costs on the way beside its bytes: the engine's frame and the chunk around it. Pieces may be as
/// short as a letter.
const FRAMING: usize = 16;
/// After this much the log is opened anew at its end: a container that writes faster than is read would
/// otherwise be shown ever later. Less than a connection to an engine may bring.
const MAX_OPENED: usize = 32 << 20;
/// With how many lines it is opened anew.
const TAIL_AGAIN: u32 = 100;
/// How often it is looked whether somebody looks, and told that the worker still follows.
const LOOK: Duration = Duration::from_secs(5);

/// Why the pump stopped.
enum Stopped {
    /// The viewer is to be told.
    Told(LogEnd),
    /// Nobody looks any more.
    Unwatched,
    /// Read enough: it goes on at the end of the log.
    Full,
}

/// Hands on a container's log from there on until it ends, nobody looks, or `stopping` fires.
pub async fn follow_container(
    engine: &Engine,
    container: &OwnedContainer,
    mut beginning: Beginning,
    outlet: &Outlet,
    stopping: &CancellationToken,
) {
    let mut lines = Lines::default();
    // An empty one says that somebody has begun.
    if !outlet.push(LogBatch::default()).await {
        return;
    }
    loop {
        match pump(engine, container, beginning, &mut lines, outlet, stopping).await {
            Stopped::Told(end) => {
                lines.finish();
                let mut last = lines.take().unwrap_or_default();
                last.end = Some(end);
                outlet.push(last).await;
                return;
            }
            Stopped::Unwatched => return,
            Stopped::Full => {
                beginning = Beginning {
                    tail: TAIL_AGAIN,
                    after: lines.last(),
                };
            }
        }
    }
}

async fn pump(
    engine: &Engine,
    container: &OwnedContainer,
    beginning: Beginning,
    lines: &mut Lines,
    outlet: &Outlet,
    stopping: &CancellationToken,
) -> Stopped {
    let mut pieces = engine.follow_logs(container, beginning.tail, beginning.after);
    let mut seen = Seen::up_to(beginning.after);
    let mut flush = tokio::time::interval(FLUSH);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
    let (mut read, mut opened) = (0, 0);
    let mut earlier = u64::from(beginning.tail);
    loop {
        let most = if earlier > lines.ended() {
            MAX_READ_EARLIER
        } else {
            MAX_READ
        };
        tokio::select! {
            () = stopping.cancelled() => return Stopped::Told(LogEnd::WorkerStopped),
            _ = look.tick() => {
                if !outlet.is_watched().await || !outlet.push(LogBatch::default()).await {
                    return Stopped::Unwatched;
                }
            }
            _ = flush.tick() => {
                read = 0;
                earlier = earlier.saturating_sub(lines.ended());
                if let Some(batch) = lines.take()
                    && !outlet.push(batch).await
                {
                    return Stopped::Unwatched;
                }
                if opened >= MAX_OPENED {
                    return Stopped::Full;
                }
            }
            piece = pieces.next(), if read < most && opened < MAX_OPENED => match piece {
                Some(Ok(piece)) => {
                    read += piece.len();
                    opened += piece.len() + FRAMING;
                    let (at, text) = stamped(&piece);
                    let look = seen.look(at, lines.last());
                    if look == Piece::AfterGap {
                        lines.skip();
                        if let Some(batch) = lines.take()
                            && !outlet.push(batch).await
                        {
                            return Stopped::Unwatched;
                        }
                    }
                    if look != Piece::Seen {
                        lines.push(text, at);
                    }
                }
                Some(Err(error)) => {
                    debug!(%error, "a log is no longer followed");
                    return Stopped::Told(LogEnd::NodeUnavailable);
                }
                None => return Stopped::Told(LogEnd::Ended),
            },
        }
    }
}
