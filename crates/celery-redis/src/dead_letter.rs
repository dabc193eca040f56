//! What is kept of messages that nobody can execute.

use serde_json::{Value, json};

use crate::clock;

/// Members kept in the dead-letter list; older ones fall off.
pub(crate) const LIMIT: u32 = 10_000;
/// Bytes of the largest message kept whole. `take.lua` knows it, too.
pub(crate) const WHOLE: usize = 256 * 1024;
/// Bytes kept of a larger one. `common.lua` knows it, too.
const HEAD: usize = 64 * 1024;

/// The member of the list for a message; of a large one its head and its size are kept.
pub(crate) fn entry(reason: &str, message: &str) -> Value {
    let mut entry = json!({"reason": reason, "at": clock::iso(clock::now()), "message": message});
    if message.len() > WHOLE {
        entry["message"] = json!(message[..message.floor_char_boundary(HEAD)]);
        entry["bytes"] = json!(message.len());
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_message_its_head_and_size_are_kept() {
        let small = entry("why", "x");
        assert_eq!((&small["message"], small.get("bytes")), (&json!("x"), None));
        let large = entry("why", &"\u{20ac}".repeat(100_000));
        assert_eq!(large["bytes"], 300_000);
        assert_eq!(large["message"].as_str().unwrap().len(), HEAD - 1);
    }
}
