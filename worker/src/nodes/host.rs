//! Figures of the host that this process runs on, for local nodes.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sysinfo::{DiskRefreshKind, Disks, MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, System};

/// CPU, memory and disk of a host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HostFigures {
    /// CPU time in use over all CPUs, in percent.
    pub cpu_percent: f64,
    /// All memory, in bytes.
    pub memory_total_bytes: u64,
    /// Memory in use, in bytes: all that is not available to a new process.
    pub memory_used_bytes: u64,
    /// The filesystem asked about, if it was found.
    #[serde(flatten)]
    pub disk: Option<Filesystem>,
}

/// A filesystem's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// All space, in bytes.
    pub disk_total_bytes: u64,
    /// Space that may still be used, in bytes.
    pub disk_available_bytes: u64,
}

impl Filesystem {
    /// The used share, in percent.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a percentage of a disk's size needs few of its digits"
    )]
    pub fn used_percent(self) -> f64 {
        let used = self.disk_total_bytes.saturating_sub(self.disk_available_bytes);
        used as f64 / self.disk_total_bytes.max(1) as f64 * 100.0
    }
}

/// Reads this host's figures; takes a quarter of a second, because CPU use needs two readings.
/// `None` if the system does not tell.
pub(super) async fn figures(disk_of: PathBuf) -> Option<HostFigures> {
    blocking(move || {
        let mut system = System::new().ok()?;
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        system.refresh_cpu_usage();
        std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
        system.refresh_cpu_usage();
        let total = system.total_memory();
        Some(HostFigures {
            cpu_percent: f64::from(system.global_cpu_usage()),
            memory_total_bytes: total,
            memory_used_bytes: total.saturating_sub(system.available_memory()),
            disk: holding(&disk_of),
        })
    })
    .await
}

/// The filesystem that holds a path of this host; `None` if this process can't see the path.
pub(super) async fn filesystem_of(path: PathBuf) -> Option<Filesystem> {
    blocking(move || holding(&path)).await
}

fn holding(path: &Path) -> Option<Filesystem> {
    let path = path.canonicalize().ok()?;
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage()).ok()?;
    disks
        .iter()
        .filter(|disk| path.starts_with(disk.mount_point()) && disk.total_space() > 0)
        // Later mounts come later in the list and hide earlier ones on the same point.
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(|disk| Filesystem {
            disk_total_bytes: disk.total_space(),
            disk_available_bytes: disk.available_space(),
        })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(error = %error, "reading this host's figures failed");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_host_has_memory_and_a_share_of_its_cpu_in_use() {
        let figures = figures("/".into()).await.unwrap();
        assert!(figures.memory_total_bytes > figures.memory_used_bytes && figures.memory_used_bytes > 0);
        assert!((0.0..=100.0).contains(&figures.cpu_percent), "{figures:?}");
    }

    #[tokio::test]
    async fn a_path_that_is_not_there_has_no_filesystem() {
        assert_eq!(filesystem_of("/no/such/path".into()).await, None);
    }
}
