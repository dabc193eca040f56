//! Options from the command line and from `ACTIONS_RUNNER_INPUT_<NAME>`; the command line wins.

use std::collections::HashMap;

const FLAGS: [&str; 6] = [
    "unattended",
    "replace",
    "ephemeral",
    "no-default-labels",
    "disableupdate",
    "once",
];
const VALUES: [&str; 9] = [
    "url",
    "token",
    "name",
    "labels",
    "work",
    "runnergroup",
    "jitconfig",
    "startuptype",
    "pat",
];
const PREFIX: &str = "ACTIONS_RUNNER_INPUT_";

/// The options given; flags have the value `true`.
pub struct Options(HashMap<String, String>);

impl Options {
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options: HashMap<String, String> = std::env::vars()
            .filter_map(|(key, value)| Some((canonical(key.strip_prefix(PREFIX)?)?.to_owned(), value)))
            .collect();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").and_then(canonical);
            let Some(name) = name else {
                return Err(format!(
                    "Unrecognized command-line input arguments: '{argument}'. For usage refer to: .\\config.cmd --help or ./config.sh --help"
                ));
            };
            let value = if FLAGS.contains(&name) {
                Some("true".to_owned())
            } else {
                arguments.next().cloned()
            };
            options.insert(
                name.to_owned(),
                value.ok_or_else(|| format!("{argument} needs a value"))?,
            );
        }
        Ok(Self(options))
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.value(name).is_some_and(is_true)
    }

    /// A value without which an unattended configuration ends.
    pub fn required(&self, name: &str) -> Result<&str, String> {
        self.value(name).ok_or_else(|| {
            format!("Invalid configuration provided for {name}. Terminating unattended configuration.")
        })
    }
}

/// The option of that name, in any case and with `_` for `-`, as environment variables need it.
fn canonical(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "-");
    FLAGS
        .iter()
        .chain(&VALUES)
        .copied()
        .find(|known| known.eq_ignore_ascii_case(&name) || known.replace('-', "").eq_ignore_ascii_case(&name))
}

/// What the official runner takes for "yes".
pub fn is_true(value: &str) -> bool {
    ["1", "true", "$true"]
        .iter()
        .any(|yes| yes.eq_ignore_ascii_case(value))
}
