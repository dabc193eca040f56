//! Logging to stderr, as text or JSON, with the last guard against secrets in a log line.

mod redact;
mod writer;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

pub use redact::redact;
pub use writer::RedactingStderr;

/// Sets up logging for the whole process; to be called once, before anything is logged.
///
/// Errors when the filter cannot be parsed or a subscriber is already installed.
pub fn init(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(RedactingStderr);
    let installed = match settings.format {
        // Colours only where a person looks; a log file stays plain.
        LogFormat::Text => subscriber
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
    };
    installed.map_err(anyhow::Error::from_boxed)
}
