//! The place of an entry in a Redis stream.

use std::fmt;
use std::str::FromStr;

/// `<milliseconds>-<number>`; compared as Redis compares them, by numbers and not by text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    time: u64,
    number: u64,
}

/// The text is no id of an entry.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnEntryId;

impl EntryId {
    /// The id of the batch after this one, in a stream whose batches are numbered from 1.
    #[must_use]
    pub fn next_batch(self) -> Self {
        Self {
            time: self.time.saturating_add(1),
            number: 0,
        }
    }
}

impl FromStr for EntryId {
    type Err = NotAnEntryId;

    fn from_str(text: &str) -> Result<Self, NotAnEntryId> {
        let (time, number) = text.split_once('-').ok_or(NotAnEntryId)?;
        Ok(Self {
            time: time.parse().map_err(|_| NotAnEntryId)?,
            number: number.parse().map_err(|_| NotAnEntryId)?,
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_an_entry_is_one() {
        let id: EntryId = "1700000000000-12".parse().unwrap();
        assert_eq!(id.to_string(), "1700000000000-12");
        for text in ["", "+", "$", "1", "1-2-3", "a-b", "(1-1", "1-1 COUNT 5"] {
            assert_eq!(text.parse::<EntryId>(), Err(NotAnEntryId), "{text:?}");
        }
    }

    #[test]
    fn ids_are_compared_as_numbers() {
        let id = |text: &str| text.parse::<EntryId>().unwrap();
        assert!(id("9-0") < id("10-0"));
        assert!(id("10-2") < id("10-10"));
    }
}
