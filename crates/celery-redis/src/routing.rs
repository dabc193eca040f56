//! Where calls go that name no queue, and where an exchange leads to.

use std::collections::HashMap;

use regex::Regex;

use crate::{
    error::Error,
    keys::{DEFAULT_QUEUE, SEP},
};

/// Celery's `task_routes`: which queue a task's calls go to that name none themselves.
///
/// A name goes before all patterns, and of the patterns the first that matches decides.
#[derive(Debug, Clone, Default)]
pub struct TaskRoutes {
    names: HashMap<String, String>,
    patterns: Vec<(Regex, String)>,
}

impl TaskRoutes {
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends calls of a task to a queue; with a `*` in it the name is a shell pattern such as `feed.*`.
    #[must_use]
    pub fn route(mut self, task: impl Into<String>, queue: impl Into<String>) -> Self {
        let (task, queue) = (task.into(), queue.into());
        if task.contains('*') {
            // Only a set that nothing can be in, such as `[z-a]`, is no pattern; it matches nothing.
            if let Ok(pattern) = Regex::new(&format!("^(?s:{})$", regex_of_glob(&task))) {
                self.patterns.push((pattern, queue));
            }
        } else {
            self.names.insert(task, queue);
        }
        self
    }

    /// Sends calls of all tasks whose names begin with a match of a regular expression to a queue.
    pub fn regex(mut self, expression: &str, queue: impl Into<String>) -> Result<Self, Error> {
        let pattern = Regex::new(&format!("^(?:{expression})"))
            .map_err(|error| Error::Config(format!("a route is no regular expression: {error}")))?;
        self.patterns.push((pattern, queue.into()));
        Ok(self)
    }

    fn queue_of(&self, task: &str) -> Option<&str> {
        let by_pattern = || self.patterns.iter().find(|(pattern, _)| pattern.is_match(task));
        self.names
            .get(task)
            .or_else(|| by_pattern().map(|(_, queue)| queue))
            .map(String::as_str)
    }
}

/// The routes of one client, worker or beat.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    pub(crate) default_queue: String,
    pub(crate) tasks: TaskRoutes,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            default_queue: DEFAULT_QUEUE.to_owned(),
            tasks: TaskRoutes::default(),
        }
    }
}

impl Routes {
    /// Where a call of this task goes if it names no queue.
    pub(crate) fn queue_of(&self, task: &str) -> &str {
        self.tasks.queue_of(task).unwrap_or(&self.default_queue)
    }
}

/// The queue that a member of an exchange's binding set leads this routing key to, if it does. `settle.lua` knows it,
/// too.
pub(crate) fn bound_queue<'a>(member: &'a str, routing_key: &str) -> Option<&'a str> {
    let mut parts = member.split(SEP);
    let (bound, pattern, queue) = (parts.next()?, parts.next()?, parts.next()?);
    let leads = if pattern.is_empty() {
        bound == routing_key
    } else {
        // kombu's pattern, made anew: it is in Python's dialect.
        let words = bound.split('.').map(|word| match word {
            "*" => r"[^.]+".to_owned(),
            "#" => ".*".to_owned(),
            word => regex::escape(word),
        });
        let expression = words.collect::<Vec<_>>().join(r"\.");
        Regex::new(&format!("^{expression}$")).is_ok_and(|topic| topic.is_match(routing_key))
    };
    (leads && !queue.is_empty()).then_some(queue)
}

/// Turns a shell pattern (Python's `fnmatch`) into a regular expression.
pub(crate) fn regex_of_glob(pattern: &str) -> String {
    let mut expression = String::new();
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => {
                // A bracket right after the opening one, or after its negation, stands for itself.
                let skip = if rest.starts_with("!]") {
                    2
                } else {
                    usize::from(rest.starts_with([']', '!']))
                };
                match rest[skip..].find(']') {
                    Some(end) => {
                        let set = &rest[..skip + end];
                        rest = &rest[skip + end + 1..];
                        let (negated, members) = set.strip_prefix('!').map_or(("", set), |set| ("^", set));
                        let members = members
                            .replace('\\', r"\\")
                            .replace(['[', ']', '^', '&', '~'], "");
                        let members = if members.is_empty() {
                            regex::escape(set)
                        } else {
                            members
                        };
                        expression.extend(["[", negated, &members, "]"]);
                    }
                    None => expression.push_str(r"\["),
                }
            }
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_patterns_and_the_first_pattern_before_others() {
        let tasks = TaskRoutes::new()
            .route("feed.*", "feeds")
            .regex(r"(video|image)\.", "media")
            .unwrap()
            .route("*.resize", "sizes")
            .route("feed.import", "imports");
        let routes = Routes {
            default_queue: "rest".to_owned(),
            tasks,
        };
        for (task, queue) in [
            ("feed.import", "imports"),
            ("feed.imports", "feeds"),
            ("feed.resize", "feeds"),
            ("video.resize", "media"),
            ("my.video.x", "rest"),
            ("audio.resize", "sizes"),
            ("audio.resized", "rest"),
        ] {
            assert_eq!(routes.queue_of(task), queue, "{task}");
        }
        assert!(TaskRoutes::new().regex("(", "q").is_err());
    }

    #[test]
    fn an_exchange_leads_where_it_is_bound_to() {
        let member = |key: &str, pattern: &str| format!("{key}{SEP}{pattern}{SEP}q");
        for (bound, pattern, key, leads) in [
            ("video", "", "video", true),
            ("video", "", "videos", false),
            ("a.*", "p", "a.b", true),
            ("a.*", "p", "a.b.c", false),
            ("a.#", "p", "a.b.c", true),
            ("#", "p", "anything.at.all", true),
            ("a.b", "p", "a-b", false),
        ] {
            assert_eq!(
                bound_queue(&member(bound, pattern), key).is_some(),
                leads,
                "{bound} {key}"
            );
        }
        assert_eq!(bound_queue("torn", "torn"), None);
    }
}
