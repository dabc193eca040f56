//! Paths and ownership inside the runner image (`ghcr.io/actions/actions-runner`: user `runner`, uid 1001,
//! home `/home/runner`, no entry point).

use crate::nodes::ContainerFile;

/// The runner's directory.
pub const HOME: &str = "/home/runner";
/// What starts a configured runner.
pub const RUN: &str = "/home/runner/run.sh";

/// Who owns the files put into a container: the user that the image runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The numeric user.
    pub uid: u64,
    /// The numeric group.
    pub gid: u64,
}

impl Owner {
    /// The official image's user.
    const RUNNER: Self = Self { uid: 1001, gid: 1001 };
    const ROOT: Self = Self { uid: 0, gid: 0 };

    /// From an image's `USER`: a number, `uid:gid`, or a name. No user is root; any name but root is taken
    /// for the official image's user.
    pub fn of_image(user: Option<&str>) -> Self {
        let Some(user) = user else {
            return Self::ROOT;
        };
        let (name, group) = user
            .split_once(':')
            .map_or((user, None), |(name, group)| (name, Some(group)));
        match name.parse() {
            Ok(uid) => Self {
                uid,
                gid: group.and_then(|group| group.parse().ok()).unwrap_or(uid),
            },
            Err(_) if name == "root" || name.is_empty() => Self::ROOT,
            Err(_) => Self::RUNNER,
        }
    }

    /// Whether the runner has to be told that running as root is meant.
    pub fn is_root(self) -> bool {
        self.uid == 0
    }

    /// A file in the runner's directory that only this owner can use.
    pub fn file(self, name: &str, mode: u32, bytes: Vec<u8>) -> ContainerFile {
        ContainerFile {
            path: format!("{HOME}/{name}"),
            mode,
            uid: self.uid,
            gid: self.gid,
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_follows_the_images_user() {
        for (user, expected) in [
            (Some("runner"), Owner::RUNNER),
            (Some("1000"), Owner { uid: 1000, gid: 1000 }),
            (Some("1000:5"), Owner { uid: 1000, gid: 5 }),
            (Some("root"), Owner::ROOT),
            (Some("0"), Owner::ROOT),
            (None, Owner::ROOT),
        ] {
            assert_eq!(Owner::of_image(user), expected, "{user:?}");
        }
    }
}
