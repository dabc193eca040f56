//! Looks for secrets where none may be.

use std::path::Path;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::github::SimulatedGitHub;

/// Shorter secrets would be found by chance.
const MIN_LENGTH: usize = 12;

/// Secrets that a test put in, and the search for them.
#[derive(Debug, Clone, Default)]
pub struct Canary {
    secrets: Vec<Secret>,
}

#[derive(Debug, Clone)]
struct Secret {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    /// A canary without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret under a name that may be shown. Errors when it is too short to be looked for.
    pub fn add(&mut self, name: &str, secret: &str) -> anyhow::Result<()> {
        ensure!(
            secret.len() >= MIN_LENGTH,
            "{name} is too short to be told from chance"
        );
        self.secrets.push(Secret {
            name: name.to_owned(),
            forms: forms(secret.as_bytes()),
        });
        Ok(())
    }

    /// Adds all that a simulated GitHub has handed out so far.
    pub fn add_issued(&mut self, github: &SimulatedGitHub) -> anyhow::Result<()> {
        github
            .issued_secrets()
            .iter()
            .try_for_each(|(name, secret)| self.add(name, secret))
    }

    /// The names of the secrets that `bytes` hold, plainly or inside base64.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let holds = |form: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form);
        self.secrets
            .iter()
            .filter(|secret| secret.forms.iter().any(holds))
            .map(|secret| secret.name.as_str())
            .collect()
    }

    /// Errors when `bytes`, found in `place`, hold a secret.
    pub fn ensure_absent(&self, place: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let found = self.found_in(bytes);
        ensure!(found.is_empty(), "{place} holds secrets: {}", found.join(", "));
        Ok(())
    }

    /// Errors when a file of `directory` holds a secret.
    pub fn ensure_absent_in_files(&self, directory: &Path) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_file() {
                let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
                self.ensure_absent(&path.display().to_string(), &bytes)?;
            }
        }
        Ok(())
    }
}

/// The secret itself, and what base64 makes of it at each of the three places it can begin at; what the
/// neighbouring bytes have a share in is left out.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    for offset in 0..3 {
        let padded: Vec<u8> = std::iter::repeat_n(0, offset)
            .chain(secret.iter().copied())
            .collect();
        let whole = padded.len() / 3 * 3;
        let skipped = if offset == 0 { 0 } else { 4 };
        for encoded in [
            STANDARD_NO_PAD.encode(&padded[..whole]),
            URL_SAFE_NO_PAD.encode(&padded[..whole]),
        ] {
            forms.push(encoded.as_bytes()[skipped..].to_vec());
        }
    }
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_plainly_and_inside_base64_wherever_it_begins() {
        let mut canary = Canary::new();
        canary.add("token", "ghp_c4n4ryc4n4ry").unwrap();
        for before in ["", "a", "ab", "abc"] {
            let plain = format!("{before}ghp_c4n4ryc4n4ry\"tail");
            assert_eq!(canary.found_in(plain.as_bytes()), ["token"]);
            assert_eq!(
                canary.found_in(STANDARD_NO_PAD.encode(&plain).as_bytes()),
                ["token"],
                "{before}"
            );
        }
        assert!(canary.found_in(b"ghp_somethingelse").is_empty());
        let error = canary.ensure_absent("the log", b"ghp_c4n4ryc4n4ry").unwrap_err();
        assert_eq!(error.to_string(), "the log holds secrets: token");
    }
}
