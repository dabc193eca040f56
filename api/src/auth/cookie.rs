//! The cookie that carries the refresh token: out of reach of scripts, never sent by other sites.

use poem::Request;
use poem::http::header;
use secrecy::{ExposeSecret, SecretString};

use crate::error::ApiError;
use crate::settings::Settings;

/// With TLS, the prefix makes browsers insist on `Secure`, this very host and `Path=/`.
fn name(settings: &Settings) -> &'static str {
    if settings.is_https() {
        "__Host-rp_refresh"
    } else {
        "rp_refresh"
    }
}

/// `Set-Cookie` that stores the token for this long.
pub fn set(settings: &Settings, token: &SecretString, max_age_secs: i64) -> String {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let name = name(settings);
    let token = token.expose_secret();
    format!("{name}={token}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite=Strict{secure}")
}

/// `Set-Cookie` that removes it.
pub fn clear(settings: &Settings) -> String {
    set(settings, &SecretString::default(), 0)
}

/// The token that the request's cookie carries.
pub fn read(settings: &Settings, request: &Request) -> Option<SecretString> {
    let name = name(settings);
    let lines = request
        .headers()
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(key, value)| *key == name && !value.is_empty())?;
    Some(token.to_owned().into())
}

/// 403 when a page of another site made the request. Programs send no `Origin`; browsers always do on
/// requests that could be forged.
pub fn require_same_origin(settings: &Settings, request: &Request) -> Result<(), ApiError> {
    let text = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or(""))
    };
    if matches!(text("sec-fetch-site"), Some("cross-site" | "same-site")) {
        return Err(another_site());
    }
    let Some(origin) = text("origin") else {
        return Ok(());
    };
    let is_public = origin == settings.public_url.origin().ascii_serialization();
    // Behind a development proxy, or under another name of this host.
    let is_host = text("host")
        .is_some_and(|host| origin.strip_prefix("http://").or(origin.strip_prefix("https://")) == Some(host));
    if is_public || is_host {
        Ok(())
    } else {
        Err(another_site())
    }
}

fn another_site() -> ApiError {
    ApiError::forbidden("Another site made this request. Open Runner Pilot at its PUBLIC_URL.").about(
        "Origin",
        "invalid",
        "must be the address in PUBLIC_URL",
    )
}
