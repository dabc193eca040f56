//! GitHub credentials.

use chrono::{DateTime, Utc};
use domain::node::NodeHost;
use domain::org::ResourceName;
use entities::model::github_credentials::Model;
use entities::repo::credentials::CredentialSpec;
use poem_openapi::{Enum, Object};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::error::ApiError;
use crate::fields::Fields;

/// What sort of secret a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A personal access token, classic or fine-grained.
    Pat,
}

/// A credential to be added.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct CredentialCreate {
    /// Unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: String,
    /// What sort of secret it is; `pat` unless given.
    kind: Option<CredentialKind>,
    /// The token. Never shown again.
    #[oai(write_only, validator(max_length = 1024))]
    secret: String,
    /// Base of GitHub's REST API; this server's default unless given.
    #[oai(validator(max_length = 300))]
    api_url: Option<String>,
    /// Base of GitHub's web pages; this server's default unless given.
    #[oai(validator(max_length = 300))]
    web_url: Option<String>,
}

/// Changes of a credential; what is absent stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct CredentialUpdate {
    /// Unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: Option<String>,
    /// Replaces the token.
    #[oai(write_only, validator(max_length = 1024))]
    secret: Option<String>,
    /// Base of GitHub's REST API.
    #[oai(validator(max_length = 300))]
    api_url: Option<String>,
    /// Base of GitHub's web pages.
    #[oai(validator(max_length = 300))]
    web_url: Option<String>,
}

impl From<CredentialCreate> for CredentialUpdate {
    fn from(create: CredentialCreate) -> Self {
        let CredentialCreate {
            name,
            // There is only one so far.
            kind: None | Some(CredentialKind::Pat),
            secret,
            api_url,
            web_url,
        } = create;
        Self {
            name: Some(name),
            secret: Some(secret),
            api_url,
            web_url,
        }
    }
}

/// A checked credential.
pub struct CredentialWish {
    /// All but the secret.
    pub spec: CredentialSpec,
    /// The API's base, as parsed.
    pub api_url: Url,
    /// The new secret, if one is given.
    pub secret: Option<SecretString>,
}

impl CredentialUpdate {
    /// Checks the credential that results from these changes of `current`, or of nothing; `defaults` are
    /// the API's and the pages' base.
    pub fn parse(self, current: Option<&Model>, defaults: (&Url, &Url)) -> Result<CredentialWish, ApiError> {
        let mut fields = Fields::default();
        let name = match (self.name, current) {
            (Some(name), _) => fields
                .parse::<ResourceName>("name", &name)
                .map(|name| name.as_str().to_owned()),
            (None, current) => current.map(|row| row.name.clone()),
        };
        let api_url = self.api_url.or_else(|| current.map(|row| row.api_url.clone()));
        let api_url = base_url(&mut fields, "api_url", api_url.as_deref(), defaults.0);
        let web_url = self.web_url.or_else(|| current.map(|row| row.web_url.clone()));
        let web_url = base_url(&mut fields, "web_url", web_url.as_deref(), defaults.1);
        let secret = self.secret.map(SecretString::from);
        if let Some(secret) = &secret {
            check_token(&mut fields, "secret", secret);
        }
        let moved = |row: &Model| {
            let differs = |url: &Option<Url>, stored: &str| {
                url.as_ref()
                    .is_some_and(|url| !is_same_base(url.as_str(), stored))
            };
            differs(&api_url, &row.api_url) || differs(&web_url, &row.web_url)
        };
        if secret.is_none() && current.is_none_or(moved) {
            // Or whoever may change a credential could have the stored token sent to a server of theirs, or a
            // registration token that was made with it.
            fields.refuse_as(
                "secret",
                "required",
                "is required; when `api_url` or `web_url` changes, it has to be given again",
            );
        }
        let (Some(name), Some(api_url), Some(web_url), true) = (name, api_url, web_url, fields.is_clean())
        else {
            return Err(fields.into_error());
        };
        Ok(CredentialWish {
            spec: CredentialSpec {
                name,
                kind: "pat".to_owned(),
                api_url: api_url.to_string(),
                web_url: web_url.to_string(),
            },
            api_url,
            secret,
        })
    }
}

/// Whether two bases are one: a slash at the end makes no difference.
pub fn is_same_base(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Checks the shape of a token of GitHub's, which has no fixed length.
pub fn check_token(fields: &mut Fields, field: &str, token: &SecretString) {
    let text = token.expose_secret();
    if text.len() < 4 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        fields.refuse(
            field,
            "must be a token as GitHub shows it: at least 4 characters, without spaces",
        );
    }
}

/// What of a token may be shown: its last four characters, of a token long enough to spare them.
pub fn hint_of(token: &SecretString) -> String {
    let text = token.expose_secret();
    if text.len() < 12 {
        return String::new();
    }
    text.get(text.len() - 4..).unwrap_or_default().to_owned()
}

/// How a hint is shown.
pub fn masked(hint: &str) -> String {
    format!("****{hint}")
}

fn base_url(fields: &mut Fields, field: &str, given: Option<&str>, default: &Url) -> Option<Url> {
    let Some(text) = given else {
        return Some(default.clone());
    };
    let Ok(url) = text.trim_end_matches('/').parse::<Url>() else {
        fields.refuse(field, "must be an address such as https://github.example.org");
        return None;
    };
    if is_same_base(url.as_str(), default.as_str()) {
        return Some(url);
    }
    match check_base(&url) {
        Ok(()) => Some(url),
        Err(message) => {
            fields.refuse(field, message);
            None
        }
    }
}

fn check_base(url: &Url) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must be the base alone, without `?` and `#`".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.parse::<NodeHost>().map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if host.is_loopback() => Ok(()),
        _ => Err("must begin with https://, or a token would travel in clear text".to_owned()),
    }
}

/// A credential for GitHub; its secret is never shown.
#[derive(Debug, Object)]
pub struct CredentialView {
    /// Its id.
    pub uid: String,
    /// The organisation that owns it.
    pub org_id: String,
    /// Who added it.
    pub user_id: String,
    /// Its name.
    pub name: String,
    /// What sort of secret it is.
    pub kind: String,
    /// The last characters of the secret, as `****cdef`.
    pub secret: String,
    /// Base of GitHub's REST API.
    pub api_url: String,
    /// Base of GitHub's web pages.
    pub web_url: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Model> for CredentialView {
    fn from(row: Model) -> Self {
        let Model {
            uid,
            created_at,
            updated_at,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            org_id,
            user_id,
            name,
            kind,
            secret: _,
            hint,
            api_url,
            web_url,
        } = row;
        Self {
            uid,
            org_id,
            user_id,
            name,
            kind,
            secret: masked(&hint),
            api_url,
            web_url,
            created_at,
            updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(api_url: &str) -> Result<CredentialWish, ApiError> {
        let default: Url = "https://api.github.com".parse().unwrap();
        let update = CredentialUpdate {
            name: Some("a".into()),
            secret: Some("ghp_0123456789abcdef".into()),
            api_url: Some(api_url.into()),
            web_url: None,
        };
        update.parse(None, (&default, &default))
    }

    #[test]
    fn a_token_goes_by_https_or_to_loopback_only() {
        for good in [
            "https://api.github.com/",
            "https://git.example.org/api/v3",
            "http://127.0.0.1:9000/api/v3",
            "http://[::1]:1/",
        ] {
            assert!(parsed(good).is_ok(), "{good}");
        }
        for bad in [
            "http://git.example.org",
            "https://169.254.169.254/",
            "https://[fe80::1]/",
            "https://me:pw@git.example.org",
            "ftp://git.example.org",
            "https://git.example.org/?x=1",
            "nothing",
            "https://0x7f.1/latest",
            "file:///etc/passwd",
        ] {
            // Some spellings are normalised to loopback by the parser: those may stay on this machine only.
            let outcome = parsed(bad);
            let stays_here = outcome
                .as_ref()
                .is_ok_and(|wish| wish.api_url.host_str() == Some("127.0.0.1"));
            assert!(outcome.is_err() || stays_here, "{bad}");
        }
    }

    #[test]
    fn a_short_token_shows_nothing_of_itself() {
        assert_eq!(hint_of(&"ghp_0123456789abcdef".into()), "cdef");
        assert_eq!(hint_of(&"AAAA1234".into()), "");
    }
}
