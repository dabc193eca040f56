//! Judges what was recorded: is every confirmed task done, and has every second run a reason?

use std::collections::{BTreeMap, HashSet};

use crate::record::{Execution, Message, WorkerId};

/// From the end of a task's body until its acknowledgement has reached Redis, at the most. A worker that dies
/// or is cut off in this time still has the task in its hands.
const ACKNOWLEDGING: i64 = 500_000;
/// How long a worker may need to find its way back once the network is good again: its pauses between
/// attempts grow up to 2 s.
const RETURNING: i64 = 2_500_000;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The worker process was killed.
    Killed,
    /// The worker's network was cut.
    CutOff,
    /// Redis was killed and started again.
    RedisAway,
}

/// Something that went wrong, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    pub cause: Cause,
    /// The process that was killed, or the slot that was cut off; nothing when it befell all.
    pub process: Option<usize>,
    pub slot: Option<usize>,
    /// Microseconds since the epoch.
    pub from: i64,
    pub until: i64,
}

impl Trouble {
    fn befell(&self, worker: WorkerId) -> bool {
        self.process.is_none_or(|process| process == worker.process)
            && self.slot.is_none_or(|slot| slot == worker.slot)
    }

    /// Whether it befell the execution's worker between its begin and its acknowledgement.
    fn struck(&self, execution: &Execution) -> bool {
        let until = if self.cause == Cause::Killed {
            i64::MAX
        } else {
            self.until + RETURNING
        };
        let acknowledged = execution.ended.map_or(i64::MAX, |ended| ended + ACKNOWLEDGING);
        self.befell(execution.worker) && self.from <= acknowledged && execution.began <= until
    }
}

/// What is found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub executions: usize,
    /// Confirmed tasks that no execution finished.
    pub lost: Vec<u32>,
    /// Runs beyond a message's first, by what befell the run that they repeat.
    pub repeated: BTreeMap<Cause, usize>,
    /// Messages that ran more often than anything explains.
    pub unexplained: Vec<Message>,
    /// Runs of an attempt to send that was not confirmed and had arrived nevertheless.
    pub sent_twice: usize,
}

impl Verdict {
    /// Whether the promise was kept.
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && self.unexplained.is_empty()
    }
}

/// Judges all executions. `tasks` is how many were confirmed; they are numbered from 0.
pub fn judge(tasks: u32, executions: &[Execution], troubles: &[Trouble]) -> Verdict {
    let mut verdict = Verdict {
        executions: executions.len(),
        ..Verdict::default()
    };
    let mut by_message: BTreeMap<Message, Vec<&Execution>> = BTreeMap::new();
    for execution in executions {
        by_message.entry(execution.message).or_default().push(execution);
    }
    let done: HashSet<u32> = executions
        .iter()
        .filter(|execution| execution.ended.is_some())
        .map(|execution| execution.message.task)
        .collect();
    verdict.lost = (0..tasks).filter(|task| !done.contains(task)).collect();
    let attempts: HashSet<u32> = by_message.keys().map(|message| message.task).collect();
    verdict.sent_twice = by_message.len() - attempts.len();
    for (message, runs) in by_message.iter().filter(|(_, runs)| runs.len() > 1) {
        let mut causes: Vec<Cause> = runs.iter().filter_map(|run| cause(run, troubles)).collect();
        // One run needs no reason; each further one repeats a run that something befell.
        if causes.len() + 1 < runs.len() {
            verdict.unexplained.push(*message);
        }
        causes.sort_unstable();
        for cause in causes.into_iter().take(runs.len() - 1) {
            *verdict.repeated.entry(cause).or_default() += 1;
        }
    }
    verdict
}

/// What befell a run; its worker's death before anything else.
fn cause(run: &Execution, troubles: &[Trouble]) -> Option<Cause> {
    troubles
        .iter()
        .filter(|trouble| trouble.struck(run))
        .map(|trouble| trouble.cause)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn run(task: u32, process: usize, began: i64, ended: Option<i64>) -> Execution {
        Execution {
            message: Message { task, attempt: 0 },
            worker: WorkerId {
                process,
                slot: process % 2,
            },
            redelivered: false,
            began: began * SECOND,
            ended: ended.map(|at| at * SECOND),
        }
    }

    fn trouble(cause: Cause, process: Option<usize>, slot: Option<usize>, from: i64, until: i64) -> Trouble {
        Trouble {
            cause,
            process,
            slot,
            from: from * SECOND,
            until: until * SECOND,
        }
    }

    #[test]
    fn a_task_that_never_ended_is_lost() {
        let verdict = judge(3, &[run(0, 0, 1, Some(2)), run(1, 0, 1, None)], &[]);
        assert_eq!(verdict.lost, [1, 2]);
        assert!(!verdict.is_good());
    }

    #[test]
    fn a_second_run_needs_a_reason() {
        let twice = [run(0, 0, 10, Some(11)), run(0, 1, 20, Some(21))];
        assert_eq!(judge(1, &twice, &[]).unexplained.len(), 1);
        // The death of another process, of this one before it began or long after it was acknowledged.
        for (process, at) in [(2, 10), (0, 12), (1, 22)] {
            let killed = trouble(Cause::Killed, Some(process), None, at, at);
            assert!(!judge(1, &twice, &[killed]).is_good(), "{process} at {at}");
        }
        let killed = trouble(Cause::Killed, Some(0), None, 11, 11);
        let verdict = judge(1, &twice, &[killed]);
        assert!(verdict.is_good());
        assert_eq!(verdict.repeated, BTreeMap::from([(Cause::Killed, 1)]));
    }

    #[test]
    fn each_further_run_needs_a_reason_of_its_own() {
        let thrice = [
            run(0, 0, 10, None),
            run(0, 1, 20, Some(21)),
            run(0, 2, 30, Some(31)),
        ];
        let killed = trouble(Cause::Killed, Some(0), None, 11, 11);
        assert!(!judge(1, &thrice, &[killed]).is_good());
        let cut = trouble(Cause::CutOff, None, Some(1), 20, 22);
        assert!(judge(1, &thrice, &[killed, cut]).is_good());
    }

    #[test]
    fn a_cut_excuses_its_own_slot_while_it_lasts_and_redis_excuses_all() {
        let twice = [run(0, 0, 10, Some(11)), run(0, 1, 20, Some(21))];
        let cut = |slot, from, until| trouble(Cause::CutOff, None, Some(slot), from, until);
        assert!(judge(1, &twice, &[cut(0, 9, 10)]).is_good());
        assert!(!judge(1, &twice, &[cut(0, 5, 6)]).is_good());
        assert!(!judge(1, &twice, &[cut(1, 9, 10)]).is_good());
        assert!(judge(1, &twice, &[trouble(Cause::RedisAway, None, None, 10, 11)]).is_good());
    }

    #[test]
    fn an_unconfirmed_attempt_that_arrived_is_counted_apart() {
        let mut again = run(0, 1, 20, Some(21));
        again.message.attempt = 1;
        let verdict = judge(1, &[run(0, 0, 10, Some(11)), again], &[]);
        assert!(verdict.is_good());
        assert_eq!((verdict.sent_twice, verdict.executions), (1, 2));
    }
}
