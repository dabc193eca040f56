//! What holds inside the runner image (`ghcr.io/actions/actions-runner`: user `runner`, home `/home/runner`,
//! no entry point).

/// The runner's directory.
pub const HOME: &str = "/home/runner";

/// Whether an image with this `USER` (a name, a number, or `user:group`) runs as root, which the runner has
/// to be told is meant. An image without one does.
pub fn runs_as_root(user: Option<&str>) -> bool {
    let name = user.map(|user| user.split_once(':').map_or(user, |(name, _)| name));
    name.is_none_or(|name| matches!(name, "" | "root") || name.parse() == Ok(0_u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_is_root() {
        for user in [
            None,
            Some(""),
            Some("root"),
            Some("0"),
            Some("0:0"),
            Some("root:docker"),
        ] {
            assert!(runs_as_root(user), "{user:?}");
        }
        for user in ["runner", "1000", "1000:0", "rooty", "10"] {
            assert!(!runs_as_root(Some(user)), "{user}");
        }
    }
}
