//! The Lua scripts; each is one atomic step of the protocol.

use std::sync::LazyLock;

use redis::{Pipeline, Script};

/// What the scripts share; it stands before each of them.
const COMMON: &str = include_str!("scripts/common.lua");

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&[COMMON, include_str!(concat!("scripts/", $file))].concat()));)*

        /// Every script, to load when a connection is made.
        pub(crate) fn all() -> impl Iterator<Item = &'static Script> {
            [$(&*$name),*].into_iter()
        }
    };
}

scripts! {
    /// Takes messages from the queues into the list of arrivals.
    TAKE = "take.lua";
    /// Moves arrivals into `unacked` that may be gone.
    ADOPT = "adopt.lua";
    /// Tells of arrivals that no reply told of.
    MISSED = "missed.lua";
    /// Gives a worker's arrivals back and strikes it off.
    RETURN = "return.lua";
    /// Notes what has begun and ends deliveries: sends what follows, counts in chords, stores results, acknowledges.
    SETTLE = "settle.lua";
    /// Moves messages from `unacked` back to their lists.
    GIVE_BACK = "give_back.lua";
    /// Moves a lost worker's message to the dead-letter list and tells its caller.
    BURY = "bury.lua";
    /// Vouches for deliveries still held.
    RENEW = "renew.lua";
    /// Writes held deliveries into a server that lost its data.
    REINSTATE = "reinstate.lua";
    /// Releases a lock by token.
    RELEASE = "release.lua";
    /// Drops owner entries without a message.
    PRUNE = "prune.lua";
    /// Stores `REVOKED` for calls that nobody has begun.
    REVOKE = "revoke.lua";
    /// Renews the beat's lock by token.
    BEAT_RENEW = "beat_renew.lua";
    /// Sends due entries while the beat's lock is held.
    BEAT_SEND = "beat_send.lua";
}

/// A pipeline that loads every script.
pub(crate) fn loader() -> Pipeline {
    let mut pipeline = redis::pipe();
    for script in all() {
        pipeline.load_script(script).ignore();
    }
    pipeline
}
