//! `run.sh`: a session, a poll that is always open, one job at a time.

use std::{
    io::BufRead,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use crate::{
    VERSION, http,
    job::Job,
    json::{quoted, text_field},
    options::{Options, is_true},
    settings::{self, Settings},
    terminal::{line, timed},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the server keeps a poll open.
const POLL_PATIENCE: Duration = Duration::from_secs(70);
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// The official runner gives up a contested session after this time.
const CONFLICT_PATIENCE: Duration = Duration::from_secs(240);
const DELETED: &str = "Failed to create a session. The runner registration has been deleted from the server, please re-configure. Runner registrations are automatically deleted for runners that have not connected to the service recently.";

/// What the listener waits for.
enum Event {
    Job(String),
    Lost(String),
    Back,
    Gone,
    Stop,
}

/// How opening a session ended without one.
enum NoSession {
    Stopped,
    Code(u8),
}

/// Runs until the end; the official exit code, or a sentence for code 1.
pub fn run(options: &Options) -> Result<u8, String> {
    if let Some(blob) = options.value("jitconfig") {
        settings::save(blob)?;
    }
    let Some(known) = settings::load()? else {
        return Err("Not configured. Run config.(sh/cmd) to configure the runner.".to_owned());
    };
    let (sender, events) = mpsc::channel();
    listen_to_run_sh(sender.clone());
    match std::env::var("SIM_RUNNER_FAULT").as_deref() {
        Ok("deprecated") => return Ok(deprecated()),
        Ok("never-connects") => {
            timed(
                "Runner connect error: The HTTP request timed out after 00:01:40.. Retrying until reconnected.",
            );
            wait_for_stop(&events);
            return Ok(0);
        }
        _ => {}
    }
    line("\n√ Connected to GitHub\n");
    let session = match open_session(&known, &events) {
        Ok(session) => format!("{}/_runner/sessions/{session}", known.root),
        Err(NoSession::Stopped) => return Ok(0),
        Err(NoSession::Code(code)) => return Ok(code),
    };
    line(&format!("Current runner version: '{VERSION}'"));
    timed("Listening for Jobs");
    poll_for_ever(session.clone(), sender);
    Ok(listen(&known, &session, &events))
}

/// Handles events until the runner ends.
fn listen(known: &Settings, session: &str, events: &Receiver<Event>) -> u8 {
    let mut current: Option<Job> = None;
    loop {
        let event = match &current {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(job) => events.recv_timeout(job.ends.saturating_duration_since(Instant::now())),
        };
        match event {
            Ok(Event::Job(message)) => match Job::start(&message) {
                Ok(job) => {
                    timed(&format!("Running job: {}", job.name));
                    current = Some(job);
                }
                Err(sentence) => line(&format!("An error occurred: {sentence}")),
            },
            Ok(Event::Lost(reason)) => {
                timed(&format!(
                    "Runner connect error: {reason}. Retrying until reconnected."
                ));
            }
            Ok(Event::Back) => timed("Runner reconnected."),
            Ok(Event::Gone) => {
                if let Some(mut job) = current.take() {
                    job.end();
                }
                line(DELETED);
                return 1;
            }
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => {
                line("Exiting...");
                if let Some(job) = current.take() {
                    finish(session, job, "Canceled");
                }
                close(session);
                return 0;
            }
            Err(RecvTimeoutError::Timeout) => {
                let Some(job) = current.take() else { continue };
                let result = job.result.clone();
                finish(session, job, &result);
                if known.ephemeral {
                    close(session);
                    settings::delete();
                    return 0;
                }
            }
        }
    }
}

/// Ends the worker and tells the result; the server may have to be asked more than once.
fn finish(session: &str, mut job: Job, result: &str) {
    job.end();
    let url = format!("{session}/jobs/{}/complete", job.id);
    let body = format!("{{\"result\":{}}}", quoted(result));
    for _ in 0..10 {
        if http::send("POST", &url, &[], &body, PATIENCE).is_ok_and(|answer| answer.status < 500) {
            break;
        }
        thread::sleep(RECONNECT_PAUSE);
    }
    timed(&format!("Job {} completed with result: {result}", job.name));
}

fn close(session: &str) {
    // The session of an ephemeral runner is gone with it already.
    let _ = http::send("DELETE", session, &[], "", PATIENCE);
}

fn open_session(known: &Settings, events: &Receiver<Event>) -> Result<String, NoSession> {
    let headers = [format!("Authorization: Bearer {}", known.credential)];
    let body = format!("{{\"version\":{}}}", quoted(VERSION));
    let retry = std::env::var("SIM_RUNNER_SESSION_RETRY_SECS")
        .ok()
        .and_then(|secs| secs.parse().ok());
    let retry = Duration::from_secs(retry.unwrap_or(30));
    let started = Instant::now();
    let (mut contested, mut complained) = (0, false);
    loop {
        let url = format!("{}/_runner/sessions", known.root);
        let pause = match http::send("POST", &url, &headers, &body, PATIENCE) {
            Ok(answer) if answer.status == 201 => {
                if let Some(id) = text_field(&answer.body, "session_id") {
                    return Ok(id);
                }
                RECONNECT_PAUSE
            }
            Ok(answer) if answer.status == 409 => {
                line("A session for this runner already exists.");
                contested += 1;
                if started.elapsed() >= CONFLICT_PATIENCE
                    || contested * retry >= CONFLICT_PATIENCE
                    || contested > 8
                {
                    return Err(NoSession::Code(5));
                }
                retry
            }
            Ok(answer) if answer.status < 500 => {
                line(DELETED);
                return Err(NoSession::Code(1));
            }
            Ok(_) | Err(_) => {
                if !complained {
                    timed("Runner connect error: The service is unavailable. Retrying until reconnected.");
                    complained = true;
                }
                RECONNECT_PAUSE
            }
        };
        if matches!(events.recv_timeout(pause), Ok(Event::Stop)) {
            line("Exiting...");
            return Err(NoSession::Stopped);
        }
    }
}

/// Keeps a poll open on a thread of its own; the open poll is what makes the runner online.
fn poll_for_ever(session: String, events: Sender<Event>) {
    thread::spawn(move || {
        let url = format!("{session}/message");
        let mut lost = false;
        loop {
            let answer = http::send("GET", &url, &[], "", POLL_PATIENCE);
            if lost && answer.is_ok() {
                lost = false;
                let _ = events.send(Event::Back);
            }
            let told = match answer {
                Ok(answer) => match answer.status {
                    200 => events.send(Event::Job(answer.body)),
                    202 => Ok(()),
                    500.. => {
                        thread::sleep(RECONNECT_PAUSE);
                        Ok(())
                    }
                    _ => {
                        let _ = events.send(Event::Gone);
                        return;
                    }
                },
                Err(reason) => {
                    let told = if lost {
                        Ok(())
                    } else {
                        events.send(Event::Lost(reason))
                    };
                    lost = true;
                    thread::sleep(RECONNECT_PAUSE);
                    told
                }
            };
            if told.is_err() {
                return;
            }
        }
    });
}

/// `run.sh` writes `stop` when it gets a signal; a closed pipe says nothing (the listener was started by hand).
fn listen_to_run_sh(events: Sender<Event>) {
    thread::spawn(move || {
        let lines = std::io::stdin().lock().lines();
        if lines.map_while(Result::ok).any(|line| line == "stop") {
            let _ = events.send(Event::Stop);
        }
    });
}

fn wait_for_stop(events: &Receiver<Event>) {
    loop {
        match events.recv() {
            Ok(Event::Stop) => return line("Exiting..."),
            Ok(_) => {}
            // Nobody can say stop any more: only a signal ends this.
            Err(_) => thread::park(),
        }
    }
}

fn deprecated() -> u8 {
    line("\n√ Connected to GitHub\n");
    line(&format!("Current runner version: '{VERSION}'"));
    line(&format!(
        "An error occurred: Runner version v{VERSION} is deprecated and cannot receive messages."
    ));
    let told = std::env::var("ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE");
    if told.is_ok_and(|value| is_true(&value)) {
        7
    } else {
        1
    }
}
