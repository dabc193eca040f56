//! Python's rules for calling a function, applied to a message's arguments.

use serde_json::{Map, Value};

/// Maps positional and keyword arguments to a task's parameters; the error is the text of a `TypeError`.
///
/// A parameter that was not given is left out: whether it may be is for its type to say (an `Option` may).
/// Parameters named `*args` and `**kwargs` collect what is left over, as fields `args` and `kwargs`.
pub(crate) fn bind(
    task: &str,
    parameters: &[&str],
    args: &[Value],
    kwargs: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let named: Vec<&str> = parameters
        .iter()
        .copied()
        .filter(|name| !name.starts_with('*'))
        .collect();
    let collects = |name: &str| parameters.contains(&name);
    if args.len() > named.len() && !collects("*args") {
        let plural = if named.len() == 1 { "" } else { "s" };
        let were = if args.len() == 1 { "was" } else { "were" };
        return Err(format!(
            "{task}() takes {} positional argument{plural} but {} {were} given",
            named.len(),
            args.len()
        ));
    }
    let mut bound: Map<String, Value> = named
        .iter()
        .zip(args)
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let mut rest = Map::new();
    for (name, value) in kwargs {
        if !named.contains(&name.as_str()) {
            if !collects("**kwargs") {
                return Err(format!("{task}() got an unexpected keyword argument '{name}'"));
            }
            rest.insert(name.clone(), value.clone());
        } else if bound.insert(name.clone(), value.clone()).is_some() {
            return Err(format!("{task}() got multiple values for argument '{name}'"));
        }
    }
    if collects("*args") {
        bound.insert(
            "args".to_owned(),
            args.iter().skip(named.len()).cloned().collect(),
        );
    }
    if collects("**kwargs") {
        bound.insert("kwargs".to_owned(), Value::Object(rest));
    }
    Ok(bound)
}

/// Words the refusal of a parameter's type as Python words a missing argument, if that is what it is.
pub(crate) fn explain(
    task: &str,
    parameters: &[&str],
    bound: &Map<String, Value>,
    error: &serde_json::Error,
) -> String {
    let text = error.to_string();
    let missing: Vec<String> = parameters
        .iter()
        .filter(|name| !bound.contains_key(**name) && text.starts_with(&format!("missing field `{name}`")))
        .map(|name| format!("'{name}'"))
        .collect();
    match missing.as_slice() {
        [] => format!("{task}() got an argument of the wrong type: {text}"),
        names => format!(
            "{task}() missing 1 required positional argument: {}",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(args: &[Value], kwargs: &Value) -> Result<Map<String, Value>, String> {
        bind("add", &["x", "y"], args, kwargs.as_object().unwrap())
    }

    #[test]
    fn positional_and_keyword_arguments_are_mixed_as_in_python() {
        let expected = json!({"x": 1, "y": 2});
        for (args, kwargs) in [
            (vec![json!(1), json!(2)], json!({})),
            (vec![json!(1)], json!({"y": 2})),
            (vec![], json!({"y": 2, "x": 1})),
        ] {
            assert_eq!(Value::Object(call(&args, &kwargs).unwrap()), expected);
        }
    }

    #[test]
    fn what_is_left_over_is_collected_where_a_task_asks_for_it() {
        let kwargs = json!({"k": 3});
        let bound = bind(
            "echo",
            &["x", "*args", "**kwargs"],
            &[json!(1), json!(2)],
            kwargs.as_object().unwrap(),
        );
        assert_eq!(
            Value::Object(bound.unwrap()),
            json!({"x": 1, "args": [2], "kwargs": {"k": 3}})
        );
    }

    #[test]
    fn a_wrong_call_is_refused_in_pythons_words() {
        let one = json!(1);
        assert_eq!(
            call(&[one.clone(), one.clone(), one.clone()], &json!({})).unwrap_err(),
            "add() takes 2 positional arguments but 3 were given"
        );
        assert_eq!(
            call(&[], &json!({"z": 1})).unwrap_err(),
            "add() got an unexpected keyword argument 'z'"
        );
        assert_eq!(
            call(&[one], &json!({"x": 1})).unwrap_err(),
            "add() got multiple values for argument 'x'"
        );
    }
}
