//! E-mail addresses, as accounts are known by.

use std::str::FromStr;

use domain::Invalid;

/// An address in lower case, as two spellings of it reach the same mailbox nearly everywhere. Its shape
/// is checked loosely: whether it works only a mail can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WRONG: Invalid = Invalid("must be an e-mail address, such as ada@example.org");
        let text = text.trim().to_lowercase();
        let (local, domain) = text.rsplit_once('@').ok_or(WRONG)?;
        let local_is_fine = (1..=64).contains(&local.len())
            && !local.contains(|c: char| {
                c == '@' || c.is_whitespace() || c.is_control() || "\"<>()[],;:\\".contains(c)
            });
        let domain_is_fine = !domain.is_empty()
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        if local_is_fine && domain_is_fine && text.len() <= 254 {
            Ok(Self(text))
        } else {
            Err(WRONG)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        assert_eq!(
            " Ada@Example.ORG ".parse::<EmailAddress>().unwrap().as_str(),
            "ada@example.org"
        );
        assert!("ada+ci@localhost".parse::<EmailAddress>().is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "", "ada", "@b", "a@", "a b@c.d", "a@b@c", "a\0@b.c", "a@b..c", "a@-b.c", "<a>@b.c", &long,
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
    }
}
