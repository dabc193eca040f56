//! Password hashing: argon2id, as many at once as there are processors, and the same work whether the
//! account exists or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longer than this in the queue and the request is turned away.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a password could not be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many others are being hashed; try again.
    #[error("too many sign-ins at once")]
    Busy,
    /// The hasher failed: our own bug or no memory.
    #[error("hashing a password failed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The thread that hashed is gone.
    #[error("hashing a password was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// What became of a password.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the account's, or there is no account.
    Wrong,
    /// It is the account's.
    Right {
        /// Its hash by today's parameters, if the stored one was made with others.
        rehashed: Option<String>,
    },
}

/// Hashes and verifies passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    slots: Arc<Semaphore>,
    /// How often argon2 ran.
    runs: Arc<AtomicU64>,
    /// Verified against when there is no account, so that it takes as long as if there were.
    nobody: Arc<str>,
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|_| PasswordError::Hash(argon2::password_hash::Error::ParamsInvalid))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &[u8], runs: &AtomicU64) -> Result<String, PasswordError> {
    runs.fetch_add(1, Ordering::Relaxed);
    let hash = argon2()?.hash_password(password).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

fn verify_now(password: &[u8], stored: &str, runs: &AtomicU64) -> Result<Verdict, PasswordError> {
    let Ok(parsed) = PasswordHash::new(stored) else {
        return Ok(Verdict::Wrong);
    };
    runs.fetch_add(1, Ordering::Relaxed);
    if argon2()?.verify_password(password, &parsed).is_err() {
        return Ok(Verdict::Wrong);
    }
    let rehashed = if is_current(stored) {
        None
    } else {
        Some(hash_now(password, runs)?)
    };
    Ok(Verdict::Right { rehashed })
}

fn is_current(stored: &str) -> bool {
    stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

impl Passwords {
    /// As many at once as `slots`.
    pub fn new(slots: usize) -> Result<Self, PasswordError> {
        let unguessable: [u8; 32] = rand::random();
        let runs = Arc::new(AtomicU64::new(0));
        Ok(Self {
            slots: Arc::new(Semaphore::new(slots.max(1))),
            nobody: hash_now(&unguessable, &runs)?.into(),
            runs,
        })
    }

    /// How often passwords were hashed or compared so far: the work that a sign-in costs, and what the time
    /// that it takes depends on.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// The PHC string to store.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.blocking(move |runs| hash_now(password.expose_secret().as_bytes(), runs))
            .await
    }

    /// Compares a password with the stored hash, or with nobody's when there is no account.
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<&str>,
    ) -> Result<Verdict, PasswordError> {
        let against = stored.unwrap_or(&self.nobody).to_owned();
        let verdict = self
            .blocking(move |runs| verify_now(password.expose_secret().as_bytes(), &against, runs))
            .await?;
        Ok(if stored.is_some() { verdict } else { Verdict::Wrong })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AtomicU64) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = tokio::time::timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned());
        let Ok(Ok(slot)) = waiting.await else {
            return Err(PasswordError::Busy);
        };
        let runs = Arc::clone(&self.runs);
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, even when nobody waits for it any more.
            let _slot = slot;
            work(&runs)
        })
        .await
        .map_err(PasswordError::Interrupted)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stored_hash_has_the_parameters_of_owasp() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }

    #[tokio::test]
    async fn a_right_password_is_told_from_a_wrong_one_and_from_no_account() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        let right = passwords
            .verify("correct horse".into(), Some(&hash))
            .await
            .unwrap();
        assert_eq!(right, Verdict::Right { rehashed: None });
        assert_eq!(
            passwords.verify("wrong horse".into(), Some(&hash)).await.unwrap(),
            Verdict::Wrong
        );
        assert_eq!(
            passwords.verify("correct horse".into(), None).await.unwrap(),
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn no_account_costs_the_same_work_as_a_wrong_password() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        // One run with the same parameters takes the same time.
        assert!(is_current(&passwords.nobody) && is_current(&hash));
        for stored in [Some(hash.as_str()), None] {
            let before = passwords.runs();
            passwords.verify("wrong horse".into(), stored).await.unwrap();
            assert_eq!(passwords.runs() - before, 1, "{stored:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_made_with_weaker_parameters_is_renewed() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(b"correct horse")
            .unwrap();
        let passwords = Passwords::new(2).unwrap();
        let verdict = passwords
            .verify("correct horse".into(), Some(&weak.to_string()))
            .await
            .unwrap();
        let Verdict::Right {
            rehashed: Some(renewed),
        } = verdict
        else {
            panic!("{verdict:?}")
        };
        assert!(is_current(&renewed));
    }

    #[tokio::test]
    async fn who_waits_too_long_is_turned_away() {
        let passwords = Passwords::new(1).unwrap();
        let _held = passwords.slots.clone().acquire_owned().await.unwrap();
        let outcome = passwords.hash("correct horse".into()).await;
        assert!(matches!(outcome, Err(PasswordError::Busy)));
    }
}
