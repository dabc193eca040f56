//! A running job: a worker process of its own, as in the official image.

use std::{
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use crate::json::text_field;

/// A job and the process that runs it.
pub struct Job {
    pub id: String,
    pub name: String,
    pub result: String,
    pub ends: Instant,
    worker: Option<Child>,
}

impl Job {
    /// Starts the job in `message`.
    pub fn start(message: &str) -> Result<Self, String> {
        let field = |key| text_field(message, key).ok_or_else(|| format!("The job has no {key}."));
        let seconds: u64 = field("duration_secs")?
            .parse()
            .map_err(|_| "The job has no duration.")?;
        let worker = Command::new("./bin/Runner.Worker")
            .args(["spawnclient", &seconds.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Ok(Self {
            id: field("job_id")?,
            name: field("name")?,
            result: field("result")?,
            ends: Instant::now() + Duration::from_secs(seconds),
            worker: worker.ok(),
        })
    }

    /// Ends the worker, which may be over already.
    pub fn end(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// What the worker process does: it is there for as long as the job.
pub fn work(arguments: &[String]) -> ExitCode {
    let seconds = arguments
        .last()
        .and_then(|argument| argument.parse().ok())
        .unwrap_or(0);
    std::thread::sleep(Duration::from_secs(seconds));
    ExitCode::SUCCESS
}
