//! Secrets at rest: XChaCha20-Poly1305 under the first key of a ring, opened with any key of it.
//!
//! A sealed secret is `v1|<key id>|<nonce>|<ciphertext>` (the last two in base64) and is bound to the
//! place it is stored in, so that a value moved to another row or column does not open.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Why a key ring could not be made or a secret could not be opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyringError {
    /// The list of keys is empty.
    #[error("no encryption key is given")]
    Empty,
    /// A key is not 32 bytes in base64; counted from 1.
    #[error("encryption key {0} is not 32 bytes in base64; `openssl rand -base64 32` makes one")]
    BadKey(usize),
    /// The stored text is not a sealed secret.
    #[error("the stored secret is not in a known format")]
    Malformed,
    /// The secret was sealed with a key that is not in the ring.
    #[error("the stored secret was sealed with key {0}, which ENCRYPTION_KEY does not hold")]
    UnknownKey(String),
    /// The secret was changed, or belongs to another place.
    #[error("the stored secret does not open: it was changed or belongs to another row")]
    Refused,
}

/// Where a sealed secret is stored; part of what is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's `uid`.
    pub row: &'a str,
    /// The organisation that owns the row.
    pub org: &'a str,
}

impl Place<'_> {
    fn as_bytes(&self) -> Vec<u8> {
        // Ids hold no colon, so that two places never read alike.
        format!("{}:{}:{}:{}", self.table, self.column, self.row, self.org).into_bytes()
    }
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// The keys that seal and open secrets.
pub struct Keyring {
    keys: Vec<Key>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

impl Keyring {
    /// Reads `ENCRYPTION_KEY`: 32-byte keys in base64, separated by commas; the first one seals.
    pub fn parse(list: &SecretString) -> Result<Self, KeyringError> {
        let keys: Vec<Key> = list
            .expose_secret()
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .enumerate()
            .map(|(index, text)| {
                let bytes = BASE64.decode(text).map_err(|_| KeyringError::BadKey(index + 1))?;
                let cipher =
                    XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| KeyringError::BadKey(index + 1))?;
                Ok(Key {
                    id: key_id(&bytes),
                    cipher,
                })
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            Err(KeyringError::Empty)
        } else {
            Ok(Self { keys })
        }
    }

    /// Seals a secret for the place it will be stored in.
    pub fn seal(&self, secret: &SecretString, place: Place<'_>) -> String {
        let key = &self.keys[0];
        let nonce = XNonce::generate();
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: &place.as_bytes(),
        };
        let Ok(sealed) = key.cipher.encrypt(&nonce, payload) else {
            // The cipher refuses only messages over 256 GiB, which can't be held in memory here.
            unreachable!("a secret that fits in memory can be sealed")
        };
        format!("v1|{}|{}|{}", key.id, BASE64.encode(nonce), BASE64.encode(sealed))
    }

    /// Opens what [`Self::seal`] made for the same place.
    pub fn open(&self, sealed: &str, place: Place<'_>) -> Result<SecretString, KeyringError> {
        let (key_id, nonce, ciphertext) = split(sealed)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id == key_id)
            .ok_or_else(|| KeyringError::UnknownKey(key_id.to_owned()))?;
        let payload = Payload {
            msg: &ciphertext,
            aad: &place.as_bytes(),
        };
        let plain = key
            .cipher
            .decrypt(&nonce, payload)
            .map_err(|_| KeyringError::Refused)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| KeyringError::Refused)
    }

    /// Whether this secret should be sealed again: it was not sealed with the first key.
    pub fn is_stale(&self, sealed: &str) -> bool {
        split(sealed).map_or(true, |(key_id, ..)| key_id != self.keys[0].id)
    }
}

/// Names a key without giving it away: the first 8 hex digits of its SHA-256.
fn key_id(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!(
        "{:08x}",
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    )
}

fn split(sealed: &str) -> Result<(&str, XNonce, Vec<u8>), KeyringError> {
    let mut parts = sealed.split('|');
    let (Some("v1"), Some(key_id), Some(nonce), Some(ciphertext), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err(KeyringError::Malformed);
    };
    let nonce = BASE64.decode(nonce).map_err(|_| KeyringError::Malformed)?;
    let nonce = XNonce::try_from(nonce.as_slice()).map_err(|_| KeyringError::Malformed)?;
    let ciphertext = BASE64.decode(ciphertext).map_err(|_| KeyringError::Malformed)?;
    Ok((key_id, nonce, ciphertext))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        table: "runners",
        column: "github_runner_token",
        row: "r1",
        org: "o1",
    };

    fn ring(bytes: &[u8]) -> Keyring {
        let list: Vec<_> = bytes.iter().map(|byte| BASE64.encode([*byte; 32])).collect();
        Keyring::parse(&list.join(",").into()).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_only_in_its_place() {
        let ring = ring(&[1]);
        let sealed = ring.seal(&"hunter2".into(), PLACE);
        assert!(!sealed.contains("hunter2"));
        assert_eq!(ring.open(&sealed, PLACE).unwrap().expose_secret(), "hunter2");
        for other in [
            Place { row: "r2", ..PLACE },
            Place { org: "o2", ..PLACE },
            Place { column: "x", ..PLACE },
            Place { table: "x", ..PLACE },
        ] {
            assert_eq!(ring.open(&sealed, other).unwrap_err(), KeyringError::Refused);
        }
    }

    #[test]
    fn a_new_first_key_seals_and_the_old_one_still_opens() {
        let sealed = ring(&[1]).seal(&"s".into(), PLACE);
        let rotated = ring(&[2, 1]);
        assert_eq!(rotated.open(&sealed, PLACE).unwrap().expose_secret(), "s");
        assert!(rotated.is_stale(&sealed));
        let resealed = rotated.seal(&"s".into(), PLACE);
        assert!(!rotated.is_stale(&resealed));
        assert!(matches!(
            ring(&[1]).open(&resealed, PLACE),
            Err(KeyringError::UnknownKey(_))
        ));
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_text() {
        let ring = ring(&[1]);
        assert_ne!(ring.seal(&"s".into(), PLACE), ring.seal(&"s".into(), PLACE));
    }

    #[test]
    fn changed_text_does_not_open() {
        let ring = ring(&[1]);
        for text in ["", "v1|a|b", "plain", "v2|00000000|AA==|AA=="] {
            assert_eq!(
                ring.open(text, PLACE).unwrap_err(),
                KeyringError::Malformed,
                "{text:?}"
            );
        }
    }

    #[test]
    fn wrong_keys_are_refused_by_number() {
        assert_eq!(Keyring::parse(&" , ".into()).unwrap_err(), KeyringError::Empty);
        let good = BASE64.encode([1; 32]);
        let short = BASE64.encode([1; 31]);
        assert_eq!(
            Keyring::parse(&format!("{good},{short}").into()).unwrap_err(),
            KeyringError::BadKey(2)
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let key = BASE64.encode([7; 32]);
        assert!(!format!("{:?}", ring(&[7])).contains(&key));
    }
}
