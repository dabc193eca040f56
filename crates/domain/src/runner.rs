//! Runner definitions: what is registered where, from which image, with which labels and limits.

use serde::{Deserialize, Serialize};

use crate::Invalid;
use crate::ids::NodeId;

/// What a runner is doing, over all its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerStatus {
    /// No instance of it runs a job.
    Idle,
    /// At least one instance runs a job.
    Busy,
}

impl RunnerStatus {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
        }
    }
}

impl std::str::FromStr for RunnerStatus {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Idle, Self::Busy]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(Invalid("must be idle or busy"))
    }
}

/// Where a runner is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerScope {
    /// At one repository; `github_repo` is `owner/name`.
    Repo,
    /// At an organisation; `github_repo` is its login.
    Org,
}

impl RunnerScope {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repo => "repo",
            Self::Org => "org",
        }
    }
}

impl std::str::FromStr for RunnerScope {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Repo, Self::Org]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(Invalid("must be repo or org"))
    }
}

/// Checks `github_repo` for a scope: `owner/name` for a repository, a login for an organisation.
pub fn check_github_repo(scope: RunnerScope, text: &str) -> Result<(), Invalid> {
    let part_is_good = |part: &str| {
        (1..=100).contains(&part.len())
            && !part.starts_with(['-', '.'])
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    match scope {
        RunnerScope::Repo => match text.split_once('/') {
            Some((owner, name)) if part_is_good(owner) && part_is_good(name) => Ok(()),
            _ => Err(Invalid(
                "must be `owner/name`, as in the repository's address on GitHub",
            )),
        },
        RunnerScope::Org if part_is_good(text) => Ok(()),
        RunnerScope::Org => Err(Invalid(
            "must be the organisation's login, as in its address on GitHub",
        )),
    }
}

/// A reference to a container image, by the grammar of the distribution project:
/// `[host[:port]/]path[:tag][@digest]`, at most 255 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference(String);

impl ImageReference {
    /// The reference as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ImageReference {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WRONG: Invalid =
            Invalid("must be an image reference such as ghcr.io/actions/actions-runner:2.336.0");
        if text.len() > 255 {
            return Err(WRONG);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash starts the tag; one before it belongs to the host's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
            _ => (None, name),
        };
        let good = digest.is_none_or(is_digest)
            && tag.is_none_or(is_tag)
            && host.is_none_or(is_registry_host)
            && path.split('/').all(is_path_component);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(WRONG)
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn is_registry_host(text: &str) -> bool {
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// Lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_are_good =
        bytes.first().is_some_and(|b| alphanumeric(*b)) && bytes.last().is_some_and(|b| alphanumeric(*b));
    ends_are_good
        && bytes.split(|b| alphanumeric(*b)).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
        })
}

/// A label that a workflow's `runs-on:` names: 1 to 64 characters, no comma (it separates them on
/// `config.sh`'s command line), no white space at the ends, no control character.
pub fn check_label(text: &str) -> Result<(), Invalid> {
    let good = (1..=64).contains(&text.chars().count())
        && text.trim() == text
        && !text.contains(',')
        && !text.chars().any(char::is_control);
    if good {
        Ok(())
    } else {
        Err(Invalid(
            "must have 1 to 64 characters, without commas or outer spaces",
        ))
    }
}

/// The most labels a runner may have, GitHub's own bound.
pub const MAX_LABELS: usize = 100;

/// How a container reaches the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// The engine's bridge.
    #[default]
    Bridge,
    /// The node's own network. Only an admin may set it: the container then reaches what the node reaches.
    Host,
}

/// What one container of a runner may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// CPUs, 0.1 to 256.
    pub cpus: f64,
    /// Memory in MiB, 64 to 1,048,576; swap is not added.
    pub memory_mb: u32,
    /// Processes and threads, 16 to 65,536.
    pub pids: u32,
    /// How it reaches the network.
    #[serde(default)]
    pub network: NetworkMode,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            cpus: 2.0,
            memory_mb: 4096,
            pids: 2048,
            network: NetworkMode::Bridge,
        }
    }
}

impl Resources {
    /// The first figure that is out of its range: its name and what would be right.
    pub fn check(&self) -> Result<(), (&'static str, Invalid)> {
        if !(0.1..=256.0).contains(&self.cpus) {
            return Err(("cpus", Invalid("must be from 0.1 to 256")));
        }
        if !(64..=1_048_576).contains(&self.memory_mb) {
            return Err(("memory_mb", Invalid("must be from 64 to 1048576 (MiB)")));
        }
        if !(16..=65_536).contains(&self.pids) {
            return Err(("pids", Invalid("must be from 16 to 65536")));
        }
        Ok(())
    }
}

/// Which nodes a runner's instances may be placed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeSelection {
    /// Only these; empty means any node of the organisation.
    #[serde(default)]
    pub node_ids: Vec<NodeId>,
}

impl NodeSelection {
    /// Whether an instance may be placed on this node.
    pub fn admits(&self, node: &NodeId) -> bool {
        self.node_ids.is_empty() || self.node_ids.contains(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_image_references_are_accepted() {
        let digest = format!("alpine@sha256:{}", "0a".repeat(32));
        for text in [
            "ubuntu",
            "ghcr.io/actions/actions-runner:2.336.0",
            "localhost:5000/a/b",
            "runner-pilot/sim-runner:latest",
            "registry.example.org:443/a__b/c.d-e:v1_2",
            "a/b/c/d",
            &digest,
            "localhost/x",
        ] {
            assert!(text.parse::<ImageReference>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_image_reference_is_refused() {
        for text in [
            "",
            "a b",
            "--privileged",
            "$(id)",
            "../../etc",
            "Ubuntu",
            "a:",
            "a@sha256:12",
            "a//b",
            "/a",
            "a/",
            "http://x/y",
            "x.org:0/a",
            "x.org:99999/a",
            "a___b",
            "a._b",
            "a\n",
            "-x.org/a",
            &"a".repeat(256),
        ] {
            assert!(text.parse::<ImageReference>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_reference_holds_nothing_a_path_or_a_shell_could_misread(text in "\\PC{0,40}") {
            if text.parse::<ImageReference>().is_ok() {
                prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b)));
                prop_assert!(!text.starts_with(['-', '/', '.']) && !text.contains(".."));
            }
        }
    }

    #[test]
    fn a_repository_is_owner_and_name_and_an_organisation_a_login() {
        for text in ["acme/app", "a-b/c_d.e", "1/2"] {
            assert!(check_github_repo(RunnerScope::Repo, text).is_ok(), "{text}");
        }
        for text in [
            "acme",
            "acme/",
            "/app",
            "a/b/c",
            "https://github.com/a/b",
            "-a/b",
            "a/.b",
            "a b/c",
            "a/b?x",
        ] {
            assert!(check_github_repo(RunnerScope::Repo, text).is_err(), "{text}");
        }
        assert!(check_github_repo(RunnerScope::Org, "acme").is_ok());
        assert!(check_github_repo(RunnerScope::Org, "acme/app").is_err());
    }

    #[test]
    fn labels_that_would_split_or_hide_are_refused() {
        assert!(check_label("linux x64").is_ok());
        for text in ["", "a,b", " a", "a ", "a\u{7}", &"x".repeat(65)] {
            assert!(check_label(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn resources_out_of_range_are_named() {
        assert!(Resources::default().check().is_ok());
        assert_eq!(
            Resources {
                cpus: f64::NAN,
                ..Resources::default()
            }
            .check()
            .unwrap_err()
            .0,
            "cpus"
        );
        assert_eq!(
            Resources {
                memory_mb: 1,
                ..Resources::default()
            }
            .check()
            .unwrap_err()
            .0,
            "memory_mb"
        );
        assert_eq!(
            Resources {
                pids: 0,
                ..Resources::default()
            }
            .check()
            .unwrap_err()
            .0,
            "pids"
        );
    }
}
