//! The writer that every log line passes.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::redact::redact;

/// Writes to stderr what [`redact`] leaves of a log line.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedactingStderr;

/// Redacts each write and hands it on. The formatter writes a whole event at once, so a secret is never
/// split between two writes.
struct Redacting<Inner>(Inner);

impl<'writer> MakeWriter<'writer> for RedactingStderr {
    type Writer = Box<dyn Write + 'writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Box::new(Redacting(io::stderr().lock()))
    }
}

impl<Inner: Write> Write for Redacting<Inner> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        self.0.write_all(redact(&line).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_token_in_a_message_a_field_or_a_span_never_reaches_the_log() {
        let token = format!("ghp_{}", "c4n4ry".repeat(6));
        for json in [false, true] {
            let captured = Captured::default();
            let target = captured.clone();
            let builder = tracing_subscriber::fmt()
                .with_ansi(true)
                .with_writer(move || Redacting(target.clone()));
            let run = || {
                let span = tracing::info_span!("call", authorization = %token);
                let _entered = span.enter();
                tracing::error!(token = %token, "refused {token}");
            };
            if json {
                tracing::subscriber::with_default(builder.json().finish(), run);
            } else {
                tracing::subscriber::with_default(builder.finish(), run);
            }
            let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
            assert!(text.matches("ghp_[redacted]").count() >= 3, "{text}");
            assert!(!text.contains("c4n4ry"), "{text}");
        }
    }
}
