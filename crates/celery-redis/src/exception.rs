//! Exceptions as Celery stores them.

use serde_json::{Value, json};

use crate::json;

/// An exception: a class by name and module, and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exception {
    pub exc_type: String,
    pub module: String,
    pub args: Vec<Value>,
    pub traceback: Option<String>,
}

impl Exception {
    /// An exception of Celery itself; these have no traceback.
    pub(crate) fn celery(exc_type: &str, args: Vec<Value>) -> Self {
        Self::bare("celery.exceptions", exc_type, args)
    }

    /// An exception without a traceback.
    pub(crate) fn bare(module: &str, exc_type: &str, args: Vec<Value>) -> Self {
        Self {
            exc_type: exc_type.to_owned(),
            module: module.to_owned(),
            args,
            traceback: None,
        }
    }

    /// An exception that a task ended with.
    pub(crate) fn raised(module: &str, exc_type: &str, task: &str, message: &str) -> Self {
        let traceback =
            format!("Traceback (most recent call last):\n  In task {task:?}\n{exc_type}: {message}\n");
        Self {
            traceback: Some(traceback),
            ..Self::bare(module, exc_type, vec![json!(message)])
        }
    }

    /// The value of `result` in the stored meta.
    pub(crate) fn encode(&self) -> Value {
        json!({"exc_type": self.exc_type, "exc_message": self.args, "exc_module": self.module})
    }
}

/// Shows an encoded exception as Python's `repr` shows the exception, e.g. `ValueError('bad', 3)`.
pub(crate) fn repr_encoded(encoded: &Value) -> String {
    let mut out = encoded
        .get("exc_type")
        .and_then(Value::as_str)
        .unwrap_or("Exception")
        .to_owned();
    match encoded.get("exc_message") {
        Some(Value::Array(args)) => {
            let shown: Vec<String> = args.iter().map(json::repr).collect();
            out.extend(["(", &shown.join(", "), ")"]);
        }
        Some(Value::Null) | None => out.push_str("()"),
        Some(single) => out.extend(["(", &json::repr(single), ")"]),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_shown_as_python_shows_it() {
        let exception = Exception::bare("builtins", "ValueError", vec![json!("bad"), json!(3)]);
        assert_eq!(repr_encoded(&exception.encode()), "ValueError('bad', 3)");
    }
}
