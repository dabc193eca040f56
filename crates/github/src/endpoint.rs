//! Addresses: where the REST API of a GitHub host is, and which addresses may carry a token.

use url::{Host, Url};

use crate::target::with_path;

/// Why an address can't be used for GitHub calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A token would travel in clear text: plain `http` is only allowed to a loopback address.
    #[error("`{0}` isn't https; plain http is only allowed to a loopback address")]
    Insecure(String),
    /// The address holds a user name or password.
    #[error("the address must not hold a user name or password")]
    Credentials,
    /// The address has no host, or a scheme other than http and https.
    #[error("the address must be https://HOST")]
    Unsupported,
}

/// The REST base of a GitHub host's web address: `api.github.com`, `api.NAME.ghe.com`, or `/api/v3` on GHES.
pub fn api_url_for_host(web_url: &Url) -> Result<Url, EndpointError> {
    check(web_url)?;
    let domain = web_url.domain().unwrap_or_default();
    if domain == "github.com" || domain.ends_with(".ghe.com") {
        let mut url = with_path(web_url, "");
        url.set_host(Some(&format!("api.{domain}")))
            .map_err(|_| EndpointError::Unsupported)?;
        return Ok(url);
    }
    Ok(with_path(web_url, "api/v3"))
}

/// Refuses an address to which a token must not be sent.
pub(crate) fn check(url: &Url) -> Result<(), EndpointError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointError::Credentials);
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_loopback(&host) => Ok(()),
        ("http", Some(host)) => Err(EndpointError::Insecure(host.to_string())),
        _ => Err(EndpointError::Unsupported),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(web: &str) -> Result<String, EndpointError> {
        api_url_for_host(&web.parse().unwrap()).map(|url| url.to_string())
    }

    #[test]
    fn each_kind_of_github_host_has_its_own_api_address() {
        assert_eq!(api("https://github.com/").unwrap(), "https://api.github.com/");
        assert_eq!(api("https://octo.ghe.com").unwrap(), "https://api.octo.ghe.com/");
        assert_eq!(
            api("https://git.example.org:8443/x").unwrap(),
            "https://git.example.org:8443/x/api/v3"
        );
        assert_eq!(
            api("http://127.0.0.1:9000").unwrap(),
            "http://127.0.0.1:9000/api/v3"
        );
    }

    #[test]
    fn a_token_is_never_sent_in_clear_text_to_another_machine() {
        assert_eq!(
            api("http://git.example.org"),
            Err(EndpointError::Insecure("git.example.org".into()))
        );
        assert_eq!(
            api("https://me:pw@git.example.org"),
            Err(EndpointError::Credentials)
        );
        assert_eq!(api("ftp://git.example.org"), Err(EndpointError::Unsupported));
    }
}
