//! Addresses as they may be shown: with the password masked.

use url::Url;

const MASK: &str = "***";

/// Query parameters that carry a password in addresses we accept: `redis+unix:///path?pass=…`.
const SECRET_PARAMETERS: [&str; 2] = ["pass", "password"];

/// The address with its password masked, in the user part or in the query. Text that is no address is
/// masked whole, as nobody can tell where the secret in it begins.
pub fn without_password(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return MASK.to_owned();
    };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    if url
        .query_pairs()
        .any(|(name, _)| SECRET_PARAMETERS.contains(&name.as_ref()))
    {
        let masked: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let shown = if SECRET_PARAMETERS.contains(&name.as_ref()) {
                    MASK.into()
                } else {
                    value
                };
                (name.into_owned(), shown.into_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(masked);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_wherever_the_address_carries_it() {
        assert_eq!(without_password("redis://:hunter2@h:1/0"), "redis://:***@h:1/0");
        assert_eq!(
            without_password("postgres://app:hunter2@h/db"),
            "postgres://app:***@h/db"
        );
        assert_eq!(
            without_password("redis+unix:///run/r?pass=hunter2&db=1"),
            "redis+unix:///run/r?pass=***&db=1"
        );
        assert_eq!(without_password("hunter2 is no address"), "***");
    }

    #[test]
    fn an_address_without_a_password_is_shown_as_it_is() {
        let address = "sqlite://var/runner-pilot.db?mode=rwc";
        assert_eq!(without_password(address), address);
    }
}
