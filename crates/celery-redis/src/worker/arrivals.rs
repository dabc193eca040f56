//! Messages that are this worker's, but not in `unacked` yet: in its list of arrivals.
//!
//! What ends soon never enters `unacked`: it is struck from the list in the step that ends it. All else follows when
//! it is due, or as soon as something is asked for that only `unacked` can tell.

use std::{borrow::Cow, collections::VecDeque, sync::Arc, time::Duration};

use redis::{Cmd, Pipeline};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    scripts,
    worker::{job::Job, writer::Ledger},
};

/// How long a message stays out of `unacked`, unless it ends sooner.
const GRACE: Duration = Duration::from_millis(5);

/// One of them.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(super) job: Arc<Job>,
    due: Instant,
    /// Whether its task has begun.
    pub(super) begun: bool,
}

/// All that are open, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// By their numbers from `first` on; what has gone leaves its place until it is the first.
    open: VecDeque<Option<Arrival>>,
    first: u64,
}

impl Arrivals {
    /// Adds some that came now.
    pub(super) fn add(&mut self, jobs: Vec<Arc<Job>>, now: Instant) {
        let due = now + GRACE;
        for job in jobs {
            if self.open.is_empty() {
                self.first = job.seq;
            }
            // Numbers only grow; one that is not here belongs to what never was in the list.
            while self.first + (self.open.len() as u64) < job.seq {
                self.open.push_back(None);
            }
            self.open.push_back(Some(Arrival {
                job,
                due,
                begun: false,
            }));
        }
    }

    fn place(&mut self, seq: u64) -> Option<&mut Option<Arrival>> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.open.get_mut(at)
    }

    /// The one of this number, if it is here.
    pub(super) fn get_mut(&mut self, seq: u64) -> Option<&mut Arrival> {
        self.place(seq)?.as_mut()
    }

    pub(super) fn remove(&mut self, seq: u64) -> Option<Arrival> {
        let arrival = self.place(seq)?.take();
        self.forget();
        arrival
    }

    /// Gives up the places of what has gone.
    fn forget(&mut self) {
        while let Some(None) = self.open.front() {
            self.open.pop_front();
            self.first += 1;
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.open.iter().flatten().next().map(|arrival| arrival.due)
    }

    /// Takes out those that are due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Arrival> {
        let mut due = Vec::new();
        while let Some(Some(arrival)) = self.open.front()
            && arrival.due <= now
        {
            due.extend(self.open.pop_front().flatten());
            self.first += 1;
            self.forget();
        }
        due
    }

    /// Takes out all.
    pub(super) fn all(&mut self) -> Vec<Arrival> {
        let all = self.open.drain(..).flatten().collect();
        self.first = 0;
        all
    }
}

impl Arrival {
    pub(super) fn size(&self) -> usize {
        self.job.taken.raw.len()
    }
}

impl Ledger {
    /// Adds the call that moves arrivals into `unacked`, as far as they are there yet.
    pub(super) fn adopt(&self, pipeline: &mut Pipeline, arrivals: &[Arrival]) {
        pipeline
            .cmd("EVALSHA")
            .arg(scripts::ADOPT.get_hash())
            .arg(4)
            .arg(&self.keys)
            .arg(&self.arrivals)
            .arg(&self.consumer);
        for Arrival { job, begun, .. } in arrivals {
            for part in adoption(job, &job.taken.raw, *begun) {
                pipeline.arg(part.as_ref());
            }
        }
    }

    /// Adds the command that strikes a message from the list of arrivals.
    pub(super) fn strike(&self, pipeline: &mut Pipeline, raw: &[u8]) {
        let mut command = Cmd::with_capacity(4, raw.len() + self.arrivals.len() + 16);
        command.arg("LREM").arg(&self.arrivals).arg(-1).arg(raw);
        pipeline.add_command(command);
    }
}

/// A delivery as the adopt script takes it, with the message that is in the list of arrivals for it.
pub(super) fn adoption<'a>(job: &'a Job, raw: &'a str, begun: bool) -> [Cow<'a, str>; 5] {
    [
        Cow::from(&job.taken.tag),
        Cow::from(raw),
        json!(job.exchange).to_string().into(),
        json!(job.routing_key).to_string().into(),
        Cow::from(if begun { "+" } else { "" }),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{message::Message, worker::job::Taken};

    /// A delivery that is numbered so.
    pub(in crate::worker) fn job(seq: u64) -> Arc<Job> {
        large(seq, 1)
    }

    /// As `job`, of so many bytes and some more.
    pub(in crate::worker) fn large(seq: u64, bytes: usize) -> Arc<Job> {
        let raw = json!({
            "body": format!("[[], {{}}, {{}}]{}", " ".repeat(bytes)), "content-type": "application/json",
            "headers": {"task": "t", "id": seq.to_string()},
            "properties": {"delivery_tag": "tag", "delivery_info": {"exchange": "", "routing_key": "q"}},
        })
        .to_string();
        let message = Message::parse(&raw).unwrap();
        let taken = Taken {
            queue: "q".into(),
            tag: format!("tag-{seq}"),
            raw,
        };
        Job::new(seq, taken, message, true)
    }

    fn numbers(arrivals: &[Arrival]) -> Vec<u64> {
        arrivals.iter().map(|arrival| arrival.job.seq).collect()
    }

    #[test]
    fn what_does_not_end_soon_is_due_in_the_order_in_which_it_came() {
        let mut arrivals = Arrivals::default();
        let start = Instant::now();
        assert_eq!(arrivals.next_due(), None);
        arrivals.add(vec![job(7), job(9)], start);
        arrivals.add(vec![job(12), job(13)], start + GRACE / 2);
        // Neither one that was never here nor one that is gone is found.
        assert!(
            [0, 6, 8, 10, 14]
                .into_iter()
                .all(|seq| arrivals.remove(seq).is_none())
        );
        assert_eq!(arrivals.remove(9).map(|arrival| arrival.job.seq), Some(9));
        assert!(arrivals.remove(9).is_none());
        assert_eq!(numbers(&arrivals.due(start + GRACE / 2)), [0_u64; 0]);
        assert_eq!(numbers(&arrivals.due(start + GRACE)), [7]);
        assert_eq!(arrivals.next_due(), Some(start + GRACE + GRACE / 2));
        assert_eq!(numbers(&arrivals.due(start + GRACE * 2)), [12, 13]);
        arrivals.add(vec![job(14)], start);
        assert_eq!(numbers(&arrivals.all()), [14]);
        arrivals.add(vec![job(20)], start);
        assert!(arrivals.get_mut(20).is_some() && arrivals.get_mut(14).is_none());
    }
}
