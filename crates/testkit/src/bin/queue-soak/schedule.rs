//! What goes wrong and when: all of it follows from one number, the seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use testkit::harness::{Direction, Faults};

/// A round's tasks are sent over this time, and its faults begin in it.
pub const ROUND: Duration = Duration::from_millis(4500);

/// One task to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// How long it runs.
    pub millis: u64,
    /// Whether its result is stored.
    pub stored: bool,
    /// Whether, if it is the first of those that are sent together, the last of them is the body of a chord and the
    /// others its members.
    pub chord: bool,
}

/// How the network between one party and Redis fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Every connection is reset once; new ones work at once.
    Reset,
    /// Every connection is reset and new ones are refused for a while.
    Refused,
    /// Nothing arrives for a while, then what was under way does.
    Silent(Direction),
    /// Nothing arrives for a while, then the connections are reset and what was under way is gone.
    Dropped(Direction),
    /// Each connection is reset once it has carried so many bytes of replies: in the middle of one.
    InReply(u64),
}

impl Cut {
    /// The faults to set for as long as the cut lasts.
    pub fn faults(self) -> Faults {
        match self {
            Self::Reset => Faults::default(),
            Self::Refused => Faults {
                refuse: true,
                ..Faults::default()
            },
            Self::Silent(way) | Self::Dropped(way) => Faults {
                silence: Some(way),
                ..Faults::default()
            },
            Self::InReply(bytes) => Faults {
                cut_after: Some((Direction::Down, bytes)),
                ..Faults::default()
            },
        }
    }

    /// Whether connections are reset when the cut begins.
    pub fn resets_first(self) -> bool {
        matches!(self, Self::Reset | Self::Refused)
    }

    /// Whether connections are reset when the cut ends.
    pub fn resets_last(self) -> bool {
        matches!(self, Self::Dropped(_))
    }
}

/// A cut of one party's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// After the round's beginning.
    pub at: Duration,
    pub cut: Cut,
    pub lasts: Duration,
}

/// One round: tasks, and one fault of each kind at moments of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    pub tasks: Vec<Task>,
    /// Which worker is killed, when, and how long its slot stays empty.
    pub kill: (usize, Duration, Duration),
    /// When Redis is killed, and how long it stays away.
    pub restart: (Duration, Duration),
    /// Which worker loses its network.
    pub outage: (usize, Outage),
    /// How the producer loses its own, if it does.
    pub producer: Option<Outage>,
}

/// The rounds of a seed.
pub fn rounds(seed: u64, rounds: usize, tasks: usize, workers: usize) -> Vec<Round> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..rounds)
        .map(|number| {
            // The remainder is spread, so that the sum is exact.
            let count = tasks * (number + 1) / rounds - tasks * number / rounds;
            round(&mut random, count, workers)
        })
        .collect()
}

fn round(random: &mut StdRng, tasks: usize, workers: usize) -> Round {
    let tasks = (0..tasks).map(|_| task(random)).collect();
    let kill = (
        random.random_range(0..workers),
        moment(random),
        millis(random, 0, 1000),
    );
    let restart = (moment(random), millis(random, 0, 600));
    let victim = random.random_range(0..workers);
    let outage = (victim, outage(random));
    let producer = random.random_bool(0.5).then(|| self::outage(random));
    Round {
        tasks,
        kill,
        restart,
        outage,
        producer,
    }
}

/// Most tasks are short; one in a hundred outlasts the visibility timeout.
fn task(random: &mut StdRng) -> Task {
    let millis = match random.random_range(0..100) {
        0 => random.random_range(1000..4000),
        1..=15 => random.random_range(50..300),
        _ => random.random_range(0..20),
    };
    Task {
        millis,
        stored: random.random_bool(0.25),
        chord: random.random_bool(0.2),
    }
}

fn outage(random: &mut StdRng) -> Outage {
    let way = match random.random_range(0..3) {
        0 => Direction::Up,
        1 => Direction::Down,
        _ => Direction::Both,
    };
    let cut = match random.random_range(0..5) {
        0 => Cut::Reset,
        1 => Cut::Refused,
        2 => Cut::Silent(way),
        3 => Cut::Dropped(way),
        _ => Cut::InReply(random.random_range(10..5000)),
    };
    let lasts = match cut {
        Cut::Reset => Duration::ZERO,
        // One in four is longer than the visibility timeout.
        _ if random.random_bool(0.25) => millis(random, 2200, 3500),
        _ => millis(random, 50, 1200),
    };
    Outage {
        at: moment(random),
        cut,
        lasts,
    }
}

fn moment(random: &mut StdRng) -> Duration {
    ROUND.mul_f64(random.random_range(0.0..1.0))
}

fn millis(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..=most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_rounds_again_and_another_seed_others() {
        assert_eq!(rounds(5, 4, 100, 3), rounds(5, 4, 100, 3));
        assert_ne!(rounds(5, 4, 100, 3), rounds(6, 4, 100, 3));
    }

    #[test]
    fn no_task_is_left_out_of_uneven_rounds() {
        let sizes: Vec<usize> = rounds(1, 3, 1000, 3)
            .iter()
            .map(|round| round.tasks.len())
            .collect();
        assert_eq!(sizes.iter().sum::<usize>(), 1000);
        assert!(sizes.iter().all(|size| (333..=334).contains(size)), "{sizes:?}");
    }
}
