//! The containers of a simulated engine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::fault::Planned;

/// A container of a simulated engine.
#[derive(Debug, Clone)]
pub struct SimContainer {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The body it was created with.
    pub config: Value,
    /// What was written to its standard input.
    pub input: Vec<u8>,
    /// What it has written.
    pub log: String,
    /// Whether it runs.
    pub running: bool,
    /// Whether it was started.
    pub started: bool,
    /// The exit code of its last run.
    pub exit_code: i64,
    /// Whether it ended for want of memory.
    pub oom_killed: bool,
    /// CPU time it has used, in nanoseconds.
    pub cpu_ns: u64,
    created: u64,
}

impl SimContainer {
    /// The value of one of its labels.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config["Labels"][name].as_str()
    }

    fn state(&self) -> &'static str {
        match (self.running, self.started) {
            (true, _) => "running",
            (false, true) => "exited",
            (false, false) => "created",
        }
    }

    pub(super) fn summary(&self) -> Value {
        json!({
            "Id": self.id, "Names": [format!("/{}", self.name)], "Image": self.config["Image"],
            "ImageID": image_id(self.config["Image"].as_str().unwrap_or_default()),
            "Labels": self.config["Labels"], "State": self.state(), "Created": self.created,
        })
    }

    pub(super) fn inspection(&self) -> Value {
        let at = |happened: bool| {
            if happened {
                "2026-01-01T00:00:00Z"
            } else {
                "0001-01-01T00:00:00Z"
            }
        };
        json!({
            "Id": self.id, "Name": format!("/{}", self.name),
            "Image": image_id(self.config["Image"].as_str().unwrap_or_default()),
            "Config": {"Labels": self.config["Labels"], "Env": self.config["Env"], "Cmd": self.config["Cmd"],
                       "Image": self.config["Image"]},
            "HostConfig": self.config["HostConfig"],
            "State": {"Status": self.state(), "Running": self.running, "ExitCode": self.exit_code,
                      "OOMKilled": self.oom_killed, "Error": "", "StartedAt": at(self.started),
                      "FinishedAt": at(self.started && !self.running)},
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) containers: BTreeMap<String, SimContainer>,
    pub(super) images: BTreeSet<String>,
    pub(super) pullable: BTreeSet<String>,
    pub(super) execs: HashMap<String, (i64, String)>,
    pub(super) exec_result: (i64, String),
    pub(super) faults: Vec<Planned>,
    pub(super) requests: Vec<String>,
    pub(super) api_version: Option<String>,
    made: u64,
}

impl State {
    pub(super) fn next_id(&mut self) -> String {
        self.made += 1;
        hex_id(self.made)
    }

    /// Adds a container; an error is the status and message of the refusal.
    pub(super) fn create(&mut self, name: &str, config: Value) -> Result<String, (u16, String)> {
        let image = config["Image"].as_str().unwrap_or_default();
        if !self.images.contains(image) {
            return Err((404, format!("No such image: {image}")));
        }
        if let Some(other) = self.containers.values().find(|other| other.name == name) {
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\".",
                other.id
            );
            return Err((409, message));
        }
        let id = self.next_id();
        let container = SimContainer {
            id: id.clone(),
            name: name.to_owned(),
            config,
            input: Vec::new(),
            log: String::new(),
            running: false,
            started: false,
            exit_code: 0,
            oom_killed: false,
            cpu_ns: 0,
            created: 1_700_000_000 + self.made,
        };
        self.containers.insert(id.clone(), container);
        Ok(id)
    }
}

pub(super) fn image_id(name: &str) -> String {
    // Any function of the name does; this one is FNV-1a.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("sha256:{}", hex_id(hash))
}

fn hex_id(number: u64) -> String {
    format!("{number:016x}").repeat(4)
}
