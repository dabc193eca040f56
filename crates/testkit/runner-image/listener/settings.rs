//! The three files of a configured runner.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use crate::json::{base64_decode, text_field};

const FILES: [&str; 3] = [".runner", ".credentials", ".credentials_rsaparams"];

/// What a configured runner knows about itself.
pub struct Settings {
    pub name: String,
    pub root: String,
    pub ephemeral: bool,
    /// What it proves itself with.
    pub credential: String,
}

/// Whether the runner is configured already.
pub fn exist() -> bool {
    Path::new(".runner").exists()
}

/// Reads the files in the working directory; `None` = not configured.
pub fn load() -> Result<Option<Settings>, String> {
    if !exist() {
        return Ok(None);
    }
    let read =
        |name: &str| fs::read_to_string(name).map_err(|error| format!("An error occurred: {name}: {error}"));
    let (runner, _, secret) = (read(FILES[0])?, read(FILES[1])?, read(FILES[2])?);
    let field = |json: &str, key: &str| {
        text_field(json, key)
            .ok_or_else(|| format!("An error occurred: {key} is missing in the configuration."))
    };
    Ok(Some(Settings {
        name: field(&runner, "AgentName")?,
        root: crate::http::root_of(&field(&runner, "ServerUrl")?)?,
        ephemeral: field(&runner, "Ephemeral")?.eq_ignore_ascii_case("true"),
        credential: field(&secret, "d")?,
    }))
}

/// Unpacks a JIT blob into the working directory.
pub fn save(blob: &str) -> Result<(), String> {
    let wrong = || "An error occurred: the JIT configuration cannot be read.".to_owned();
    let decode = |text: &str| base64_decode(text).ok_or_else(wrong);
    let files = String::from_utf8(decode(blob)?).map_err(|_| wrong())?;
    for name in FILES {
        let content = decode(&text_field(&files, name).ok_or_else(wrong)?)?;
        let mut options = fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(name);
        file.and_then(|mut file| file.write_all(&content))
            .map_err(|error| format!("An error occurred: {name}: {error}"))?;
    }
    Ok(())
}

/// Removes the files; missing ones don't matter.
pub fn delete() {
    for name in FILES {
        let _ = fs::remove_file(name);
    }
}
