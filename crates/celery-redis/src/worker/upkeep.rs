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
                for tag in lost {
                    // What runs already runs on: its end finds out that the message is no longer ours.
                    if let Some(held) = self.held.get(&tag).filter(|held| !held.running) {
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
            Ok(Side::Orphans(found)) => {
                self.searching = false;
                for taken in found {
                    self.admit(taken, false);
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

    /// Looks into the suspects: what is still ours and yet not held was taken by a call whose reply was lost.
    pub(super) fn search(&mut self) {
        if self.searching {
            return;
        }
        let suspects: Vec<String> = self
            .suspects
            .drain()
            .filter(|tag| !self.held.contains_key(tag))
            .collect();
        if !suspects.is_empty() {
            self.searching = true;
            let core = self.core.clone();
            self.side
                .spawn(async move { Side::Orphans(core.orphans(suspects).await) });
        }
    }

    pub(super) fn renew(&mut self) {
        if self.renewing {
            return;
        }
        if self.held.is_empty() {
            self.core.vouch(Instant::now());
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
