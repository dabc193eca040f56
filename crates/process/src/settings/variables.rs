//! Where settings come from, and the typed getters.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::problems::{Problem, Problems};
use super::shown::without_password;

/// A secret shorter than this can be guessed: 32 bytes is what HMAC-SHA-256 can use.
const MIN_SECRET_BYTES: usize = 32;

/// Values that were copied from documentation rather than generated.
const KNOWN_DEFAULTS: [&str; 6] = [
    "changeme",
    "changethis",
    "secret",
    "password",
    "example",
    "insecure",
];

/// The variables of one process, and what was found wrong with them so far.
///
/// An empty value counts as unset, as Compose passes `${NAME:-}` on as an empty string.
#[derive(Debug)]
pub struct Variables {
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
    shown: BTreeMap<&'static str, String>,
}

impl Variables {
    /// The environment of this process.
    pub fn from_process() -> Self {
        let mut variables = Self::from_pairs(Vec::<(String, String)>::new());
        for (name, value) in std::env::vars_os() {
            // A name that is no text is none of ours.
            let Some(name) = name.to_str() else { continue };
            match value.into_string() {
                Ok(value) => {
                    variables.values.insert(name.to_owned(), value);
                }
                // Only ours matter, but which are ours is known when they are asked for.
                Err(_) => {
                    variables.values.insert(name.to_owned(), NOT_TEXT.to_owned());
                }
            }
        }
        variables
    }

    /// Variables given by the caller, for tests and for tools that build settings.
    pub fn from_pairs<Name: Into<String>, Value: Into<String>>(
        pairs: impl IntoIterator<Item = (Name, Value)>,
    ) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            values,
            problems: Vec::new(),
            shown: BTreeMap::new(),
        }
    }

    /// The value, if it is set.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        let value = self.raw(name);
        self.show(name, value.clone().unwrap_or_else(|| "unset".to_owned()));
        value
    }

    /// The value, or `default`.
    pub fn text(&mut self, name: &'static str, default: &str) -> String {
        let value = self.raw(name).unwrap_or_else(|| default.to_owned());
        self.show(name, value.clone());
        value
    }

    /// The value, which must be set; `fix` tells the reader how. Empty after a problem.
    pub fn required(&mut self, name: &'static str, fix: &str) -> String {
        let value = self.optional(name);
        if value.is_none() {
            self.problem(name, "is not set", fix);
        }
        value.unwrap_or_default()
    }

    /// The value as `T`, or `default`; also the default after a problem.
    pub fn parsed<T>(&mut self, name: &'static str, default: T) -> T
    where
        T: FromStr<Err: Display> + Display,
    {
        let Some(value) = self.raw(name) else {
            self.show(name, default.to_string());
            return default;
        };
        self.show(name, value.clone());
        value.parse().unwrap_or_else(|error| {
            self.problem(
                name,
                &format!("is {value:?}: {error}"),
                &format!("The default is {default}."),
            );
            default
        })
    }

    /// The value as `T`, which must lie in `range`, or `default`; also the default after a problem.
    pub fn parsed_in<T>(&mut self, name: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr<Err: Display> + Display + PartialOrd + Copy,
    {
        let value = self.parsed(name, default);
        if range.contains(&value) {
            return value;
        }
        let fix = format!(
            "Set it between {} and {} (default {default}).",
            range.start(),
            range.end()
        );
        self.problem(name, &format!("is {value}"), &fix);
        default
    }

    /// A whole number of seconds, at least one and at most a day.
    pub fn duration_secs(&mut self, name: &'static str, default_secs: u64) -> Duration {
        Duration::from_secs(self.parsed_in(name, default_secs, 1..=86_400))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.parsed(name, default)
    }

    /// A comma-separated list without empty entries, or `default`; never empty.
    pub fn list(&mut self, name: &'static str, default: &[&str]) -> Vec<String> {
        let fallback = || default.iter().map(ToString::to_string).collect::<Vec<String>>();
        let Some(value) = self.raw(name) else {
            self.show(name, default.join(","));
            return fallback();
        };
        let entries: Vec<String> = value
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect();
        self.show(name, entries.join(","));
        if entries.is_empty() {
            self.problem(
                name,
                "names nothing",
                &format!("Set it like {}.", default.join(",")),
            );
            return fallback();
        }
        entries
    }

    /// An address with one of `schemes`, or `default`; also the default after a problem.
    ///
    /// # Panics
    /// When `default` is no address, which is an error in the calling code.
    #[expect(clippy::expect_used, reason = "the default is a literal in the calling code")]
    pub fn url(&mut self, name: &'static str, default: &str, schemes: &[&str]) -> Url {
        let given = self.url_optional(name, schemes);
        given.unwrap_or_else(|| {
            self.show(name, default.to_owned());
            Url::parse(default).expect("the default address is valid")
        })
    }

    /// An address with one of `schemes`, if it is set and valid.
    pub fn url_optional(&mut self, name: &'static str, schemes: &[&str]) -> Option<Url> {
        let value = self.raw(name);
        self.show(
            name,
            value
                .as_deref()
                .map_or_else(|| "unset".to_owned(), without_password),
        );
        let fix = format!(
            "Set it to a full address, beginning with {}://.",
            schemes.join(":// or ")
        );
        let fault = match Url::parse(&value?) {
            Ok(url) if !url.has_host() => "names no host".to_owned(),
            Ok(url) if schemes.contains(&url.scheme()) => return Some(url),
            Ok(url) => format!("has the scheme {:?}", url.scheme()),
            Err(error) => format!("is no address ({error})"),
        };
        self.problem(name, &fault, &fix);
        None
    }

    /// A secret, from the variable or from the file that `<name>_FILE` names, if either is set. The
    /// file's content is taken without surrounding white space.
    pub fn secret_optional(&mut self, name: &'static str) -> Option<SecretString> {
        let value = self.value_or_file(name);
        self.show(name, if value.is_some() { "set" } else { "unset" }.to_owned());
        value.map(SecretString::from)
    }

    /// A secret that must be set; `fix` tells the reader how. Empty after a problem.
    pub fn secret(&mut self, name: &'static str, fix: &str) -> SecretString {
        let before = self.problems.len();
        let value = self.secret_optional(name);
        if value.is_none() && self.problems.len() == before {
            self.problem(
                name,
                "is not set",
                &format!("{fix} {name}_FILE may name a file that holds it."),
            );
        }
        value.unwrap_or_default()
    }

    /// A secret that must be set, be at least 32 bytes long and not come from documentation.
    pub fn strong_secret(&mut self, name: &'static str) -> SecretString {
        let fix = format!("Generate one: openssl rand -base64 {MIN_SECRET_BYTES}.");
        let secret = self.secret(name, &fix);
        let value = secret.expose_secret();
        if value.is_empty() {
            return secret;
        }
        let lower = value.to_ascii_lowercase();
        if value.len() < MIN_SECRET_BYTES {
            self.problem(name, &format!("is shorter than {MIN_SECRET_BYTES} bytes"), &fix);
        } else if KNOWN_DEFAULTS.iter().any(|known| lower.contains(known)) || is_monotonous(value.as_bytes())
        {
            self.problem(name, "was not generated, anyone can guess it", &fix);
        }
        secret
    }

    /// Address that may hold a password: a secret with a default, shown without its password.
    pub(super) fn secret_url(&mut self, name: &'static str, default: &str) -> SecretString {
        let value = self.value_or_file(name).unwrap_or_else(|| default.to_owned());
        self.show(name, without_password(&value));
        value.into()
    }

    /// Notes a problem that the caller found with a value. `fault` continues "NAME …".
    pub fn problem(&mut self, name: &str, fault: &str, fix: &str) {
        self.problems.push(Problem {
            variable: name.to_owned(),
            fault: fault.to_owned(),
            fix: fix.to_owned(),
        });
    }

    /// Every variable read so far with its effective value, for the log line at start. Secrets show as
    /// `set` or `unset`, addresses without their password.
    pub fn sanitized(&self) -> String {
        self.shown.iter().fold(String::new(), |mut line, (name, value)| {
            let separator = if line.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(line, "{separator}{name}={value}");
            line
        })
    }

    /// Whether the values handed out may be used.
    pub fn finish(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(self.problems))
        }
    }

    fn raw(&mut self, name: &str) -> Option<String> {
        let value = self
            .values
            .get(name)
            .filter(|value| !value.trim().is_empty())?
            .trim()
            .to_owned();
        if value == NOT_TEXT {
            self.problem(name, "is not valid UTF-8", "Set it to plain text.");
            return None;
        }
        Some(value)
    }

    fn value_or_file(&mut self, name: &'static str) -> Option<String> {
        let file_variable = format!("{name}_FILE");
        let value = self.raw(name);
        let Some(path) = self.raw(&file_variable) else {
            return value;
        };
        if value.is_some() {
            self.problem(
                name,
                &format!("and {file_variable} are both set"),
                "Set only one of them.",
            );
            return None;
        }
        match std::fs::read_to_string(Path::new(&path)) {
            Ok(content) if content.trim().is_empty() => {
                self.problem(
                    &file_variable,
                    &format!("names an empty file, {path}"),
                    "Write the secret into it.",
                );
                None
            }
            Ok(content) => Some(content.trim().to_owned()),
            Err(error) => {
                let fault = format!("names {path}, which cannot be read ({error})");
                self.problem(
                    &file_variable,
                    &fault,
                    "Check the path and that this user may read it.",
                );
                None
            }
        }
    }

    fn show(&mut self, name: &'static str, value: String) {
        self.shown.insert(name, value);
    }
}

/// Stands for a value that is no text until it is asked for; a real value cannot hold a NUL.
const NOT_TEXT: &str = "\0";

/// Whether the bytes repeat so much that nobody generated them: 32 random bytes with fewer than eight
/// different values do not happen.
pub(super) fn is_monotonous(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count() < 8
}

#[cfg(test)]
mod tests;
