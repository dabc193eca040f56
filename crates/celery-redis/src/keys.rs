//! Names of keys, channels and priority lists, as kombu lays them out.

/// Separates the parts of a binding and a queue from its priority step (kombu's `sep`).
pub(crate) const SEP: &str = "\x06\x16";
/// The priority steps that have a list of their own, most urgent first.
pub(crate) const PRIORITY_STEPS: [u8; 4] = [0, 3, 6, 9];
/// Where a task without a queue goes.
pub(crate) const DEFAULT_QUEUE: &str = "celery";
/// Prefix of the keys and channels that hold results.
pub(crate) const TASK_META: &str = "celery-task-meta-";
/// Prefix of the keys of groups and chords.
pub(crate) const GROUP_META: &str = "celery-taskset-meta-";

/// Rounds a priority down to its step; values out of range are clamped.
pub(crate) fn priority_step(priority: i64) -> u8 {
    PRIORITY_STEPS
        .into_iter()
        .rev()
        .find(|step| i64::from(*step) <= priority)
        .unwrap_or(0)
}

/// The names in use by one client, worker or beat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// kombu's `global_keyprefix`, put before every broker key.
    broker: String,
    /// The result backend's `global_keyprefix`.
    results: String,
    /// Put before the keys that only this crate knows.
    private: String,
}

impl Keys {
    /// Derives both prefixes from the broker's: the result backend adds `_` unless a separator ends it.
    pub(crate) fn new(prefix: &str, private_prefix: &str) -> Self {
        let separated = prefix.is_empty() || prefix.ends_with([':', '_', '-', '.']);
        let results = if separated {
            prefix.to_owned()
        } else {
            format!("{prefix}_")
        };
        Self {
            broker: prefix.to_owned(),
            results,
            private: private_prefix.to_owned(),
        }
    }

    /// The list of a queue for a priority.
    pub(crate) fn list(&self, queue: &str, priority: i64) -> String {
        let (before, after) = self.list_around(priority);
        format!("{before}{queue}{after}")
    }

    /// What stands before and after a queue's name in its list for a priority.
    pub(crate) fn list_around(&self, priority: i64) -> (&str, String) {
        let after = match priority_step(priority) {
            0 => String::new(),
            step => format!("{SEP}{step}"),
        };
        (&self.broker, after)
    }

    /// Hash of messages being worked on: tag to `[message, exchange, routing_key]`.
    pub(crate) fn unacked(&self) -> String {
        format!("{}unacked", self.broker)
    }

    /// Sorted set of the same tags by the time they were last vouched for (epoch seconds).
    pub(crate) fn unacked_index(&self) -> String {
        format!("{}unacked_index", self.broker)
    }

    /// Lock of the visibility sweep, shared with Python workers.
    pub(crate) fn unacked_mutex(&self) -> String {
        format!("{}unacked_mutex", self.broker)
    }

    /// Set of bindings of an exchange.
    pub(crate) fn binding(&self, exchange: &str) -> String {
        format!("{}_kombu.binding.{exchange}", self.broker)
    }

    /// Set of the bindings that kombu 5.7 never sweeps away.
    pub(crate) fn binding_permanent(&self, exchange: &str) -> String {
        format!("{}_kombu.binding_permanent.{exchange}", self.broker)
    }

    /// Sorted set of exchanges whose bindings lapse unless someone refreshes them (kombu 5.7), by epoch milliseconds.
    pub(crate) fn binding_deadlines(&self) -> String {
        format!("{}_kombu.binding_deadlines", self.broker)
    }

    /// Channel of remote control.
    pub(crate) fn pidbox(&self, database: i64) -> String {
        format!("{}/{database}.celery.pidbox", self.broker)
    }

    /// Channel of the events with this routing key.
    pub(crate) fn events(&self, database: i64, routing_key: &str) -> String {
        format!("{}/{database}.celeryev/{routing_key}", self.broker)
    }

    /// Key and channel of a task's result.
    pub(crate) fn task_meta(&self, id: &str) -> String {
        format!("{}{TASK_META}{id}", self.results)
    }

    /// Key of a group, and prefix of its chord's counters.
    pub(crate) fn group_meta(&self, id: &str) -> String {
        format!("{}{GROUP_META}{id}", self.results)
    }

    /// Hash tag to consumer and the score that it wrote last, with a `+` behind once it has started the task.
    pub(crate) fn owners(&self) -> String {
        format!("{}{}owners", self.broker, self.private)
    }

    /// Sorted set of the workers by their last sign of life (epoch seconds).
    pub(crate) fn workers(&self) -> String {
        format!("{}{}workers", self.broker, self.private)
    }

    /// List of the messages that are a worker's and neither ended nor in `unacked` yet, newest left.
    pub(crate) fn arrivals(&self, consumer: &str) -> String {
        format!("{}{}arrivals.{consumer}", self.broker, self.private)
    }

    /// List of messages that nobody can execute, newest left.
    pub(crate) fn dead_letter(&self) -> String {
        format!("{}{}dead-letter", self.broker, self.private)
    }
}

/// The member of a direct exchange's binding set that binds a queue to its own name.
pub(crate) fn own_binding(queue: &str) -> String {
    format!("{queue}{SEP}{SEP}{queue}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_rounded_down_to_its_step() {
        let steps: Vec<u8> = (-1..=15).map(priority_step).collect();
        assert_eq!(steps, [0, 0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn a_prefix_is_put_before_every_key() {
        let keys = Keys::new("pfx", "private.");
        assert_eq!(keys.list("q", 4), "pfxq\x06\x163");
        assert_eq!(keys.unacked(), "pfxunacked");
        assert_eq!(keys.task_meta("1"), "pfx_celery-task-meta-1");
        assert_eq!(keys.events(3, "worker.online"), "pfx/3.celeryev/worker.online");
        assert_eq!(keys.pidbox(3), "pfx/3.celery.pidbox");
        assert_eq!(Keys::new("pfx:", "").task_meta("1"), "pfx:celery-task-meta-1");
        assert_eq!(keys.owners(), "pfxprivate.owners");
    }
}
