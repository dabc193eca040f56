//! What was revoked, kept in a file, so that a worker that starts anew still knows it (Celery's `--statedb`).

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::worker::consumer::{Consumer, Side};

/// The content of the file.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Ids, oldest first.
    pub revoked: Vec<String>,
    /// When each of them was revoked, in epoch seconds; files of earlier versions do not tell.
    #[serde(default)]
    pub times: Vec<f64>,
    /// Names and values of stamps.
    #[serde(default)]
    pub stamps: Vec<(String, Value)>,
}

/// Whether the file is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memorizing {
    No,
    Yes,
    /// And something was revoked since that began.
    Outdated,
}

impl Memory {
    /// Reads the file; what cannot be read is no reason not to work, but is told.
    fn read(path: &Path) -> Self {
        let read = fs::read(path).and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::other));
        match read {
            Ok(memory) => memory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %error, "cannot read what was revoked before");
                Self::default()
            }
        }
    }

    /// Replaces the file in one step.
    fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_added_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, path)
    }
}

impl Consumer {
    /// Learns what was revoked before this worker started.
    pub(super) fn remember(&mut self) {
        let Some(path) = self.core.settings.state_file.clone() else {
            return;
        };
        let memory = Memory::read(&path);
        tracing::info!(path = %path.display(), revoked = memory.revoked.len(), "read what was revoked before");
        self.revoked.restore(memory);
    }

    /// Writes what is revoked, unless a write is under way: then another one follows it.
    pub(super) fn memorize(&mut self) {
        let Some(path) = self.core.settings.state_file.clone() else {
            return;
        };
        if self.memorizing != Memorizing::No {
            self.memorizing = Memorizing::Outdated;
            return;
        }
        self.memorizing = Memorizing::Yes;
        let memory = self.revoked.memory();
        self.side.spawn(async move {
            let file = path.clone();
            let written = tokio::task::spawn_blocking(move || memory.write(&file)).await;
            if let Err(error) = written.map_err(io::Error::other).flatten() {
                tracing::error!(path = %path.display(), error = %error, "cannot keep what is revoked");
            }
            Side::Memorized
        });
    }

    /// A write has ended.
    pub(super) fn memorized(&mut self) {
        let before = std::mem::replace(&mut self.memorizing, Memorizing::No);
        if before == Memorizing::Outdated {
            self.memorize();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_is_broken_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        assert_eq!(Memory::read(&path), Memory::default());
        let memory = Memory {
            revoked: vec!["1".to_owned()],
            times: vec![1.5],
            stamps: vec![("tenant".to_owned(), json!("acme"))],
        };
        memory.write(&path).unwrap();
        assert_eq!(Memory::read(&path), memory);
        fs::write(&path, r#"{"revoked": ["1"]}"#).unwrap();
        assert_eq!(Memory::read(&path).revoked, ["1"]);
        fs::write(&path, "half a").unwrap();
        assert_eq!(Memory::read(&path), Memory::default());
    }
}
