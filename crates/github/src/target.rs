//! Which repository or organisation a call is about.

use std::{fmt, str::FromStr};

use url::Url;

/// Longest owner, organisation or repository name that is accepted.
const MAX_NAME_LEN: usize = 100;

/// The owner of runners at GitHub: one repository or one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Runners of one repository, under `/repos/{owner}/{name}`.
    Repository {
        /// The user or organisation that owns the repository.
        owner: String,
        /// The repository's name, without the owner.
        name: String,
    },
    /// Runners of a whole organisation, under `/orgs/{login}`.
    Organization {
        /// The organisation's login name.
        login: String,
    },
}

/// Why a text isn't a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is more than one slash.
    #[error("expected `owner/name` for a repository or `login` for an organisation")]
    Shape,
    /// One part is empty, too long, starts with `-` or `.`, or has a character GitHub doesn't allow.
    #[error(
        "`{0}` is no GitHub name: 1 to 100 letters, digits, `-`, `_` or `.`, not starting with `-` or `.`"
    )]
    Name(String),
}

impl Target {
    /// A repository target, or the reason why `owner` or `name` can't be one.
    pub fn repository(owner: &str, name: &str) -> Result<Self, TargetError> {
        Ok(Self::Repository {
            owner: checked(owner)?,
            name: checked(name)?,
        })
    }

    /// An organisation target, or the reason why `login` can't be one.
    pub fn organization(login: &str) -> Result<Self, TargetError> {
        Ok(Self::Organization {
            login: checked(login)?,
        })
    }

    /// The REST path of the target: `/repos/{owner}/{name}` or `/orgs/{login}`.
    pub fn rest_path(&self) -> String {
        match self {
            Self::Repository { owner, name } => format!("/repos/{owner}/{name}"),
            Self::Organization { login } => format!("/orgs/{login}"),
        }
    }

    /// The target's page under a GitHub web address (`https://github.com` or a GHES host), as `config.sh --url` wants it.
    pub fn html_url(&self, web_url: &Url) -> Url {
        with_path(web_url, &self.to_string())
    }

    /// Says whether the parts are valid names; a `Target` built by hand has not been checked.
    pub(crate) fn validate(&self) -> Result<(), TargetError> {
        match self {
            Self::Repository { owner, name } => checked(owner).and_then(|_| checked(name)).map(drop),
            Self::Organization { login } => checked(login).map(drop),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { owner, name } => write!(f, "{owner}/{name}"),
            Self::Organization { login } => f.write_str(login),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            None => Self::organization(text),
            Some((_, name)) if name.contains('/') => Err(TargetError::Shape),
            Some((owner, name)) => Self::repository(owner, name),
        }
    }
}

/// `base` with `path` (no leading slash) appended to its own path, and no query or fragment.
pub(crate) fn with_path(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn checked(name: &str) -> Result<String, TargetError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let valid = (1..=MAX_NAME_LEN).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with(['-', '.']);
    if valid {
        Ok(name.to_owned())
    } else {
        Err(TargetError::Name(name.chars().take(MAX_NAME_LEN).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_and_an_organisation_round_trip_through_text() {
        for (text, path) in [
            ("acme/web.site", "/repos/acme/web.site"),
            ("acme-inc", "/orgs/acme-inc"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
            assert_eq!(target.rest_path(), path);
        }
    }

    #[test]
    fn names_that_could_leave_their_path_are_refused() {
        for text in [
            "", "/", "a/", "/b", "a/b/c", "../x", "a/..", "-a/b", "a b", "a/b?x", "a%2fb", "a/é",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text} was accepted");
        }
        assert!("x".repeat(101).parse::<Target>().is_err());
    }

    #[test]
    fn a_hand_built_target_is_checked_before_use() {
        let target = Target::Repository {
            owner: "a".into(),
            name: "../../user".into(),
        };
        assert!(target.validate().is_err());
    }

    #[test]
    fn the_page_of_a_target_keeps_the_web_path_prefix() {
        let target = Target::repository("acme", "web").unwrap();
        let page = |base: &str| target.html_url(&base.parse().unwrap()).to_string();
        assert_eq!(page("https://github.com"), "https://github.com/acme/web");
        assert_eq!(
            page("http://127.0.0.1:8/gh/?a=b"),
            "http://127.0.0.1:8/gh/acme/web"
        );
    }
}
