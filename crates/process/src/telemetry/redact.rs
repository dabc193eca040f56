//! Finds what looks like a secret in text that is about to be shown.
//!
//! Code must not log secrets in the first place; this catches what an error message of a library or a
//! reply of a server carries in. It looks for forms that are secret wherever they stand, so it needs no
//! list of the secrets in use.

use std::borrow::Cow;

const MASK: &str = "[redacted]";

/// Prefixes of GitHub tokens: <https://github.blog/engineering/behind-githubs-new-authentication-token-formats/>
const GITHUB_PREFIXES: [&str; 6] = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"];

/// The shortest run after a prefix that counts as a token; real ones have 36 and more.
const MIN_TOKEN: usize = 16;

/// Characters of a runner registration token: an `A` and 28 upper-case letters or digits.
const REGISTRATION_TOKEN: usize = 29;

/// The text with tokens, JWTs, JIT configurations, bearer credentials, passwords in addresses and PEM
/// blocks masked; borrowed when there was nothing to mask.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut output: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        if let Some(secret) = secret_at(text, at) {
            let shown = output.get_or_insert_with(|| String::with_capacity(text.len()));
            shown.push_str(&text[copied..secret.start]);
            shown.push_str(MASK);
            copied = secret.end;
            at = secret.end;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    match output {
        None => Cow::Borrowed(text),
        Some(mut shown) => {
            shown.push_str(&text[copied..]);
            Cow::Owned(shown)
        }
    }
}

/// Where the secret part of what begins at `at` lies; what comes before `start` may be shown.
struct Secret {
    start: usize,
    end: usize,
}

fn secret_at(text: &str, at: usize) -> Option<Secret> {
    let rest = &text[at..];
    // Cheap first look: this runs for every character of every log line.
    match rest.as_bytes()[0] {
        b'g' => github_token(rest),
        b'e' => json_in_base64(rest),
        b'B' | b'b' => bearer(rest),
        b'-' => pem_block(rest),
        b':' => password_in_address(rest),
        b'A' if !text[..at].ends_with(is_word) => registration_token(rest),
        _ => None,
    }
    .map(|(start, end)| Secret {
        start: at + start,
        end: at + end,
    })
}

fn github_token(rest: &str) -> Option<(usize, usize)> {
    let prefix = GITHUB_PREFIXES.iter().find(|prefix| rest.starts_with(**prefix))?;
    let length = run(&rest[prefix.len()..], is_word);
    (length >= MIN_TOKEN).then_some((prefix.len(), prefix.len() + length))
}

/// `eyJ` is `{"` in base64: a JWT, or the encoded configuration of a just-in-time runner.
fn json_in_base64(rest: &str) -> Option<(usize, usize)> {
    let length = rest.starts_with("eyJ").then(|| run(rest, is_base64))?;
    (length >= MIN_TOKEN).then_some((0, length))
}

fn bearer(rest: &str) -> Option<(usize, usize)> {
    const WORD: &str = "bearer ";
    rest.get(..WORD.len())
        .filter(|word| word.eq_ignore_ascii_case(WORD))?;
    let length = run(&rest[WORD.len()..], |c| {
        !c.is_whitespace() && !matches!(c, '"' | '\'' | ',' | '\\')
    });
    // Shorter than that it is prose ("bearer of news").
    (length >= 8).then_some((WORD.len(), WORD.len() + length))
}

/// From the BEGIN line to the END line; to the end of the text when that was cut off.
fn pem_block(rest: &str) -> Option<(usize, usize)> {
    let label_end = rest.strip_prefix("-----BEGIN ")?.find("-----")? + "-----BEGIN -----".len();
    let end = rest[label_end..]
        .find("-----END ")
        .map(|found| label_end + found)
        .and_then(|found| Some(found + 5 + rest[found + 5..].find("-----")? + 5))
        .unwrap_or(rest.len());
    Some((label_end, end))
}

/// `://user:password@`: libraries put whole addresses into their messages.
fn password_in_address(rest: &str) -> Option<(usize, usize)> {
    let authority = rest.strip_prefix("://")?;
    let authority = &authority[..run(authority, |c| {
        !c.is_whitespace() && !matches!(c, '/' | '?' | '#' | '"')
    })];
    let (user_part, _) = authority.rsplit_once('@')?;
    let (user, password) = user_part.split_once(':')?;
    let start = "://".len() + user.len() + ":".len();
    // Asterisks are an address that was already masked.
    (!password.trim_matches('*').is_empty()).then_some((start, start + password.len()))
}

fn registration_token(rest: &str) -> Option<(usize, usize)> {
    let length = run(rest, is_word);
    let plain = rest[..length]
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    (length == REGISTRATION_TOKEN && plain).then_some((0, length))
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_base64(c: char) -> bool {
    is_word(c) || matches!(c, '-' | '.' | '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_secret_is_masked() {
        let body = "0123456789abcdefABCDEF0123456789abcd";
        let registration = format!("A{}", "7Z".repeat(14));
        let cases = [
            (format!("token ghp_{body}, next"), "token ghp_[redacted], next"),
            (format!("ghs_{body}"), "ghs_[redacted]"),
            (format!("github_pat_11AAAA_{body}"), "github_pat_[redacted]"),
            (
                format!("jwt eyJhbGciOiJIUzI1NiJ9.eyJz.{body} end"),
                "jwt [redacted] end",
            ),
            (
                format!("{{\"encoded_jit_config\":\"eyJ{body}+/==\"}}"),
                "{\"encoded_jit_config\":\"[redacted]\"}",
            ),
            (
                "Authorization: Bearer abc.def-123".to_owned(),
                "Authorization: Bearer [redacted]",
            ),
            (
                "a postgres://app:p@ss@db:5432/x b".to_owned(),
                "a postgres://app:[redacted]@db:5432/x b",
            ),
            (
                format!("--token {registration} --name x"),
                "--token [redacted] --name x",
            ),
            (
                "k -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- l".to_owned(),
                "k -----BEGIN PRIVATE KEY-----[redacted] l",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\\nMIIE".to_owned(),
                "-----BEGIN RSA PRIVATE KEY-----[redacted]",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(&text), expected);
        }
    }

    #[test]
    fn ordinary_text_is_borrowed_unchanged() {
        for text in [
            "GET https://api.github.com/repos/o/r: 404",
            "the bearer of news said eyJ",
            "redis://127.0.0.1:6379/0 and user@host",
            "redis://:***@127.0.0.1:6379/0",
            "id 01890a5d-ac96-774b-bcce-b302099a8057, ABCDEFGHIJ, ghp_short",
            "größer — schön",
            "---- BEGIN",
        ] {
            assert!(
                matches!(redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn two_secrets_in_a_line_are_both_masked() {
        let token = format!("gho_{}", "x".repeat(36));
        assert_eq!(
            redact(&format!("{token}{token} ü {token}")),
            "gho_[redacted] ü gho_[redacted]"
        );
    }
}
