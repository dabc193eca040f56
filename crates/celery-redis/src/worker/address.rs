//! Whether a control request is for a worker: by name, by shell pattern, by regular expression, or for all.

use regex::RegexBuilder;

use crate::{pidbox::Request, routing::regex_of_glob};

/// Memory that a pattern may take once compiled, in bytes; there is no pattern that takes long to match.
const PATTERN_LIMIT: usize = 1 << 20;

/// Whether a request is for the worker of this name. An error names what is wrong with its pattern.
pub(crate) fn is_for(node: &str, request: &Request) -> Result<bool, String> {
    if !request.destination.is_empty() {
        return Ok(request.destination.iter().any(|name| name == node));
    }
    let Some((pattern, matcher)) = request
        .pattern
        .as_ref()
        .filter(|(pattern, _)| !pattern.is_empty())
    else {
        return Ok(true);
    };
    let expression = match matcher.as_str() {
        "glob" => format!("^(?s:{})$", regex_of_glob(pattern)),
        "pcre" => format!("^(?:{pattern})"),
        other => return Err(format!("No matcher installed for {other}")),
    };
    RegexBuilder::new(&expression)
        .size_limit(PATTERN_LIMIT)
        .build()
        .map(|expression| expression.is_match(node))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn pattern(pattern: &str, matcher: &str) -> Request {
        Request {
            method: "ping".into(),
            arguments: Map::new(),
            destination: Vec::new(),
            pattern: Some((pattern.into(), matcher.into())),
            reply_to: None,
        }
    }

    #[test]
    fn names_patterns_and_expressions_select_workers() {
        let named = |names: &[&str]| Request {
            destination: names.iter().map(|name| (*name).to_owned()).collect(),
            ..pattern("other*", "glob")
        };
        assert_eq!(is_for("w1@h", &named(&["w2@h", "w1@h"])), Ok(true));
        assert_eq!(is_for("w1@h", &named(&["w2@h"])), Ok(false));
        for (glob, matches) in [
            ("w*", true),
            ("w?@h", true),
            ("w[0-9]@*", true),
            ("w[!0-9]@*", false),
            ("w1", false),
            ("*@h", true),
            ("w1.h", false),
            ("[w", false),
            ("(", false),
            ("[!]]1@h", true),
            ("", true),
        ] {
            assert_eq!(is_for("w1@h", &pattern(glob, "glob")), Ok(matches), "{glob}");
        }
        for (pcre, matches) in [("w", true), ("w\\d@h$", true), ("h", false), ("x|w1", true)] {
            assert_eq!(is_for("w1@h", &pattern(pcre, "pcre")), Ok(matches), "{pcre}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_an_error() {
        assert!(is_for("w", &pattern("(", "pcre")).is_err());
        assert!(is_for("w", &pattern("w", "sql")).is_err());
        assert!(is_for("w", &pattern(&"(?:a{1000}){1000}".repeat(9), "pcre")).is_err());
    }
}
