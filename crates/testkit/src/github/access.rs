//! Personal access tokens and what each may do.

/// What a token may do at the targets it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Everything that this simulation has.
    Admin,
    /// See the target and read its runners; writing answers 403, as to a fine-grained token with `read` only.
    ReadRunners,
    /// See the target; runner paths answer 404, as to a collaborator without administration right.
    See,
    /// Blocked by the organisation's single sign-on: everything answers 403.
    SingleSignOn,
}

/// A personal access token known to the simulation.
#[derive(Debug, Clone)]
pub struct Pat {
    pub(super) token: String,
    pub(super) login: String,
    pub(super) scopes: Option<String>,
    pub(super) grants: Vec<(String, Level)>,
}

impl Pat {
    /// A fine-grained token of user `octocat` that may do nothing yet.
    pub fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            login: "octocat".to_owned(),
            scopes: None,
            grants: Vec::new(),
        }
    }

    /// A classic token that administers every repository and organisation.
    pub fn admin(token: &str) -> Self {
        Self::new(token)
            .with_scopes("admin:org, repo")
            .with_grant("*", Level::Admin)
    }

    /// The same token with `level` at `pattern`: `*`, `owner/*`, `owner/name` or a login. Later grants win.
    #[must_use]
    pub fn with_grant(mut self, pattern: &str, level: Level) -> Self {
        self.grants.push((pattern.to_owned(), level));
        self
    }

    /// The same token as a classic one with these scopes (`x-oauth-scopes`).
    #[must_use]
    pub fn with_scopes(mut self, scopes: &str) -> Self {
        self.scopes = Some(scopes.to_owned());
        self
    }

    /// What the token may do at `target`; `None` = it can't even see it.
    pub(super) fn level_at(&self, target: &str) -> Option<Level> {
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => target.starts_with(prefix),
            None => pattern.eq_ignore_ascii_case(target),
        };
        self.grants
            .iter()
            .rev()
            .find(|(pattern, _)| matches(pattern))
            .map(|(_, level)| *level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_matching_grant_decides() {
        let pat = Pat::new("t")
            .with_grant("*", Level::See)
            .with_grant("acme/*", Level::Admin);
        assert_eq!(pat.level_at("acme/web"), Some(Level::Admin));
        assert_eq!(pat.level_at("acme"), Some(Level::See));
        assert_eq!(Pat::new("t").level_at("acme"), None);
    }
}
