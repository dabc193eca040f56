//! Opaque tokens: 256 random bits, of which only a hash is stored. The hash needs no salt and no work
//! factor, as nobody can guess the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Longer than any token we made; nothing longer is hashed.
const MAX_CHARS: usize = 128;

/// A fresh token.
pub fn generate() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// The hash that is stored; `None` for what can't be one of our tokens.
pub fn hash(token: &SecretString) -> Option<String> {
    let token = token.expose_secret();
    if token.is_empty() || token.len() > MAX_CHARS {
        return None;
    }
    Some(hex(&Sha256::digest(token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_their_hashes_are_stable() {
        let (one, other) = (generate(), generate());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), 43);
        assert_eq!(hash(&one), hash(&one));
        assert_eq!(hash(&one).unwrap().len(), 64);
    }
}
