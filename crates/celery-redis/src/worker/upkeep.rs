//! What a consumer does beside executing: keeps what it holds, sweeps, and looks for messages of lost replies.

use std::sync::Arc;

use tokio::time::Instant;

use crate::worker::{
    consumer::{Consumer, Side},
    job::Job,
    memory::Memorizing,
};

impl Consumer {
    pub(super) fn side_ended(&mut self, side: Result<Side, tokio::task::JoinError>) {
        match side {
            Ok(Side::Renewed(lost)) => {
                self.renewing = false;
                let Some(lost) = lost else { return };
                // From when it was asked: the answer may have been on its way for long.
                self.core.vouch(self.asked);
                self.in_doubt = self.in_doubt.filter(|since| *since > self.asked);
                for tag in lost {
                    // What runs already runs on: its end finds out that the message is no longer ours.
                    if let Some(held) = self.held.get(&tag)
                        && !held.running
                        && held.since <= self.asked
                    {
                        let job = held.job.clone();
                        tracing::warn!(
                            task.id = job.message.id,
                            "another worker has taken over this message"
                        );
                        self.let_go(&job);
                    }
                }
            }
            Ok(Side::Swept) => self.sweeping = false,
            Ok(Side::Missed(found, asked)) => {
                self.searching = false;
                let new = found.map_or(0, |(since, messages)| self.arrive(messages, since, false));
                if new > 0 {
                    // There may be more.
                    self.to_look.extend(asked);
                } else {
                    for looked in asked {
                        // Whoever asked may have lost its connection again.
                        let _ = looked.send(());
                    }
                }
                self.search();
            }
            Ok(Side::Disposed(seq, tag)) => {
                if let Some(job) = self
                    .held
                    .get(&tag)
                    .map(|held| held.job.clone())
                    .filter(|job| job.seq == seq)
                {
                    self.let_go(&job);
                }
            }
            // It may know it by an old time only, from before it went away.
            Ok(Side::Reinstated) => self.renew(),
            Ok(Side::Memorized) => self.memorized(),
            Ok(Side::Done) => {}
            Err(error) => {
                tracing::error!(error = %error, "upkeep broke off");
                (self.renewing, self.sweeping, self.searching) = (false, false, false);
                self.memorizing = Memorizing::No;
            }
        }
    }

    /// Looks for messages that a lost reply told of, if anybody asks for it.
    pub(super) fn search(&mut self) {
        if self.searching || self.to_look.is_empty() {
            return;
        }
        self.searching = true;
        let asked = std::mem::take(&mut self.to_look);
        let core = self.core.clone();
        self.side
            .spawn(async move { Side::Missed(core.missed().await, asked) });
    }

    pub(super) fn renew(&mut self) {
        if self.renewing {
            return;
        }
        self.renewing = true;
        self.asked = Instant::now();
        let held = self.jobs_held();
        let core = self.core.clone();
        self.side
            .spawn(async move { Side::Renewed(core.renew(held).await) });
    }

    pub(super) fn jobs_held(&self) -> Vec<Arc<Job>> {
        self.held.values().map(|held| held.job.clone()).collect()
    }

    pub(super) fn sweep(&mut self) {
        if self.sweeping || Instant::now() < self.sweep_from {
            return;
        }
        self.sweeping = true;
        let held = self.held.keys().cloned().collect();
        let core = self.core.clone();
        self.side.spawn(async move {
            core.sweep(held).await;
            Side::Swept
        });
    }
}
