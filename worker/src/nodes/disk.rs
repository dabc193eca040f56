//! How full the filesystem behind a container's root is.
//!
//! The Engine API tells how much its images and containers take, but not how large their disk is. Two
//! places know. An engine reached by a socket stores on this host, so that the filesystem of its root
//! directory is asked directly, if this process can see that directory. Otherwise `df -kP /` inside the
//! running container tells the same of the overlay's upper layer; an image without `df` leaves it
//! unknown, and a job could fake it for its own chart only.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::container::OwnedContainer;
use super::engine::{CALL, Engine};
use super::exec::ExecCommand;
use super::host;

/// All containers of a node share its disk: one answer serves them for a while.
const FRESH: Duration = Duration::from_secs(20);
const DF_TIMEOUT: Duration = Duration::from_secs(5);

/// The last answer for an engine, and where it stores.
#[derive(Debug, Default)]
pub(super) struct DiskMemory {
    answer: Mutex<Option<Answer>>,
    root: Mutex<Option<PathBuf>>,
}

/// An answer, which may be that it can't be known, and its age.
#[derive(Debug, Clone, Copy)]
struct Answer {
    at: Instant,
    percent: Option<f64>,
}

impl DiskMemory {
    /// A fresh answer; `None` tells the caller to ask. Of many callers that find the same stale answer
    /// one is told to ask and the others get it once more: a hundred containers sampled at the same
    /// moment must not run `df` a hundred times.
    fn known_or_mine_to_ask(&self) -> Option<Answer> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answer.as_mut()?;
        if known.at.elapsed() < FRESH {
            return Some(*known);
        }
        known.at = Instant::now();
        None
    }

    fn keep(&self, percent: Option<f64>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Answer {
            at: Instant::now(),
            percent,
        });
    }
}

impl Engine {
    pub(super) async fn disk_percent(&self, container: &OwnedContainer) -> Option<f64> {
        if let Some(known) = self.disk_memory().known_or_mine_to_ask() {
            return known.percent;
        }
        let here = if self.by_socket() {
            match self.root_dir().await {
                Some(root) => host::filesystem_of(root)
                    .await
                    .map(host::Filesystem::used_percent),
                None => None,
            }
        } else {
            None
        };
        let percent = match here {
            Some(percent) => Some(percent),
            None => self.df(container).await,
        };
        self.disk_memory().keep(percent);
        percent
    }

    async fn root_dir(&self) -> Option<PathBuf> {
        let root = &self.disk_memory().root;
        if let Some(known) = root.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Some(known);
        }
        let info = self.call("info", CALL, self.docker().info()).await.ok()?;
        let found = info.docker_root_dir.as_deref().and_then(root_dir)?;
        *root.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Some(found)
    }

    async fn df(&self, container: &OwnedContainer) -> Option<f64> {
        let command = ExecCommand {
            command: ["df", "-kP", "/"].map(str::to_owned).to_vec(),
            ..ExecCommand::default()
        };
        let outcome = self.exec(container, command, DF_TIMEOUT).await.ok()?;
        (outcome.exit_code == 0)
            .then(|| used_share(&outcome.output))
            .flatten()
    }
}

/// The engine's root directory as a path of this host, if what it says is one.
pub(super) fn root_dir(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    (path.is_absolute() && !path.components().any(|part| part.as_os_str() == "..")).then(|| path.to_owned())
}

/// Reads POSIX `df -kP`: a heading, then device, blocks, used, available, capacity, mount point. As `df`
/// does, what only root may use counts neither as free nor as used.
fn used_share(output: &str) -> Option<f64> {
    let fields: Vec<&str> = output.lines().nth(1)?.split_whitespace().collect();
    let number = |at: usize| {
        let number = fields.get(at)?.parse::<f64>().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    };
    let (used, available) = (number(2)?, number(3)?);
    let total = used + available;
    (total > 0.0).then(|| used / total * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_is_read_and_what_is_no_df_is_not() {
        let output =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 102400 25000 75000 25% /\n";
        assert!((used_share(output).unwrap() - 25.0).abs() < 1e-9);
        for text in [
            "",
            "x",
            "h\noverlay 1 0 0 0% /",
            "h\noverlay a b c",
            "h\noverlay 1 -5 NaN",
        ] {
            assert_eq!(used_share(text), None, "{text:?}");
        }
    }

    #[test]
    fn of_many_that_find_a_stale_answer_one_asks() {
        let memory = DiskMemory::default();
        assert!(memory.known_or_mine_to_ask().is_none());
        memory.keep(Some(12.5));
        assert!(memory.known_or_mine_to_ask().is_some());
        let long_ago = Instant::now().checked_sub(FRESH).unwrap();
        memory.answer.lock().unwrap().as_mut().unwrap().at = long_ago;
        assert!(memory.known_or_mine_to_ask().is_none());
        assert_eq!(memory.known_or_mine_to_ask().unwrap().percent, Some(12.5));
    }

    #[test]
    fn only_an_absolute_plain_path_is_a_root_directory() {
        assert_eq!(root_dir("/var/lib/docker"), Some("/var/lib/docker".into()));
        assert_eq!(root_dir("var/lib"), None);
        assert_eq!(root_dir("/var/../etc"), None);
    }
}
