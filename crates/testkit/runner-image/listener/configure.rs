//! `config.sh` and `config.sh remove`.

use std::time::Duration;

use crate::{
    http,
    json::{quoted, text_field},
    options::Options,
    settings, terminal,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Registers the runner; 0 or a sentence.
pub fn configure(options: &Options) -> Result<u8, String> {
    if settings::exist() {
        return Err("Cannot configure the runner because it is already configured. To reconfigure the runner, run 'config.cmd remove' or './config.sh remove' first.".to_owned());
    }
    let (url, token) = (options.required("url")?, options.required("token")?);
    let host_name = || {
        std::fs::read_to_string("/etc/hostname")
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let name = options.value("name").map_or_else(host_name, ToOwned::to_owned);
    let labels: Vec<String> = options
        .value("labels")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .map(quoted)
        .collect();
    let default_labels = !options.flag("no-default-labels");
    if labels.is_empty() && !default_labels {
        return Err(
            "Invalid configuration provided for labels. Terminating unattended configuration.".to_owned(),
        );
    }
    terminal::line("\n# Authentication\n");
    let body = format!(
        "{{\"url\":{},\"name\":{},\"labels\":[{}],\"default_labels\":{default_labels},\"ephemeral\":{},\"replace\":{},\"work_folder\":{}}}",
        quoted(url),
        quoted(&name),
        labels.join(","),
        options.flag("ephemeral"),
        options.flag("replace"),
        quoted(options.value("work").unwrap_or("_work")),
    );
    let address = format!("{}/_runner/register", http::root_of(url)?);
    let answer = http::send(
        "POST",
        &address,
        &[format!("Authorization: RemoteAuth {token}")],
        &body,
        PATIENCE,
    )?;
    match answer.status {
        201 => {}
        409 => {
            terminal::line("\n√ Connected to GitHub\n\n# Runner Registration\n");
            return Err(format!("A runner exists with the same name {name}."));
        }
        status => return Err(refused("registration", status)),
    }
    let blob = text_field(&answer.body, "encoded_jit_config").ok_or("The answer makes no sense.")?;
    settings::save(&blob)?;
    terminal::line("\n√ Connected to GitHub\n\n# Runner Registration\n");
    if options.flag("replace") {
        terminal::line("√ Successfully replaced the runner");
    } else {
        terminal::line("√ Runner successfully added");
    }
    terminal::line("√ Runner connection is good\n\n# Runner settings\n\n√ Settings Saved.\n");
    Ok(0)
}

/// Deregisters the runner; 0 or a sentence.
pub fn remove(options: &Options) -> Result<u8, String> {
    terminal::line("\n# Runner removal\n");
    let token = options.required("token")?;
    let Some(known) = settings::load()? else {
        terminal::line("Does not exist. Skipping Removing runner from the server");
        return Ok(0);
    };
    let headers = [
        format!("Authorization: RemoteAuth {token}"),
        format!("X-Runner-Credential: {}", known.credential),
    ];
    let answer = http::send(
        "POST",
        &format!("{}/_runner/remove", known.root),
        &headers,
        "",
        PATIENCE,
    )?;
    match answer.status {
        204 => {}
        422 => {
            return Err(format!(
                "Failed: Removing runner from the server\nRunner \"{}\" is running a job currently",
                known.name
            ));
        }
        status => return Err(refused("removal", status)),
    }
    settings::delete();
    terminal::line("√ Runner removed successfully\n√ Removed .credentials\n√ Removed .runner\n");
    Ok(0)
}

fn refused(what: &str, status: u16) -> String {
    let (code, reason) = match status {
        404 => ("NotFound", "Not Found"),
        422 => ("UnprocessableEntity", "Unprocessable Entity"),
        _ => ("InternalServerError", "Internal Server Error"),
    };
    format!(
        "Http response code: {code} from 'POST runner-{what}'\nResponse status code does not indicate success: {status} ({reason})."
    )
}
