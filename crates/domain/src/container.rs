//! How a container says that it is ours. A container is found by its labels and touched only if both
//! the installation and the instance match.

/// Label: the installation that made the container, so that two installations can share an engine.
pub const LABEL_INSTALL: &str = "runner-pilot.install";
/// Label: the instance that the container is.
pub const LABEL_INSTANCE: &str = "runner-pilot.instance";
/// Label: the runner that the instance belongs to.
pub const LABEL_RUNNER: &str = "runner-pilot.runner";
/// Label: the organisation that owns it.
pub const LABEL_ORG: &str = "runner-pilot.org";

/// Whether this is a container id as an engine makes it. Only such an id may go into a path of the
/// Engine API: a name would be normalised there, and `../images/json?` is a name.
pub fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_engine_made_id_is_a_container_id() {
        assert!(is_container_id(&"0123456789abcdef".repeat(4)));
        for text in [
            "",
            "x?force=true&v=true",
            "../containers/OTHER",
            &"A".repeat(64),
            &"a".repeat(63),
            &"a".repeat(65),
        ] {
            assert!(!is_container_id(text), "{text:?}");
        }
    }
}
