//! Query parameters, read so that every invalid one is reported. The framework's own stop at the first.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromParameter;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;
use url::form_urlencoded;

use super::schema::faults;
use crate::error::FieldError;
use crate::fields::Fields;

/// An optional query parameter. What is wrong with it is noted when it is taken.
#[derive(Debug)]
pub struct Parameter<T>(Result<Option<T>, FieldError>);

/// An optional query parameter that may be given several times, or once with commas in it.
#[derive(Debug)]
pub struct Parameters<T>(Result<Vec<T>, FieldError>);

impl<T> Parameter<T> {
    /// A parameter with this value, or none.
    #[cfg(test)]
    pub fn of(value: Option<T>) -> Self {
        Self(Ok(value))
    }

    /// The value; `None` where it is absent, and where it is invalid, which is then noted.
    pub fn take(self, fields: &mut Fields) -> Option<T> {
        match self.0 {
            Ok(value) => value,
            Err(fault) => {
                fields.add(fault);
                None
            }
        }
    }
}

impl<T> From<Parameter<T>> for Parameters<T> {
    fn from(one: Parameter<T>) -> Self {
        Self(one.0.map(|value| value.into_iter().collect()))
    }
}

impl<T> Parameters<T> {
    /// The values; none where one of them is invalid, which is then noted.
    pub fn take<U: From<T>>(self, fields: &mut Fields) -> Vec<U> {
        match self.0 {
            Ok(values) => values.into_iter().map(U::from).collect(),
            Err(fault) => {
                fields.add(fault);
                Vec::new()
            }
        }
    }
}

impl<'a, T: ParseFromParameter> ApiExtractor<'a> for Parameter<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = T;
    type ParamRawType = T::RawValueType;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<T>,
    ) -> poem::Result<Self> {
        Ok(Self(match given(request, options.name).as_slice() {
            [] => Ok(None),
            [text] => parse(options.name, text).map(Some),
            // Of two values, a proxy and this server could each look at another one.
            [..] => Err(fault(
                options.name,
                "invalid",
                "must be given only once".to_owned(),
            )),
        }))
    }
}

impl<'a, T: ParseFromParameter> ApiExtractor<'a> for Parameters<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = Vec<T>;
    type ParamRawType = Vec<T>;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            items: Some(Box::new(T::schema_ref())),
            ..MetaSchema::new("array")
        })))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<Vec<T>>,
    ) -> poem::Result<Self> {
        let given = given(request, options.name);
        let texts = given.iter().flat_map(|text| text.split(',')).map(str::trim);
        Ok(Self(
            texts
                .filter(|text| !text.is_empty())
                .map(|text| parse(options.name, text))
                .collect(),
        ))
    }
}

/// Every value that the request gives for a name.
fn given(request: &Request, name: &str) -> Vec<String> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

fn parse<T: ParseFromParameter>(name: &'static str, text: &str) -> Result<T, FieldError> {
    T::parse_from_parameter(text).map_err(|_| explain::<T>(name, text))
}

/// What a text must be to become a `T`. The parser's own words name Rust's types.
fn explain<T: ParseFromParameter>(name: &'static str, text: &str) -> FieldError {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let schema = T::schema_ref();
    let (kind, format) = match &schema {
        MetaSchemaRef::Inline(schema) => (schema.ty, schema.format.unwrap_or_default()),
        MetaSchemaRef::Reference(_) => ("string", ""),
    };
    if format == "date-time" {
        return fault(
            name,
            "type",
            "must be a time such as 2026-01-31T12:00:00Z".to_owned(),
        );
    }
    let value = match kind {
        "string" => Value::from(text),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    };
    match faults(&registry.schemas, &schema, &value).into_iter().next() {
        Some(FieldError { message, code, .. }) => FieldError {
            field: name.to_owned(),
            message,
            code,
        },
        None => fault(name, "type", "does not fit the documented type".to_owned()),
    }
}

fn fault(name: &str, code: &str, message: String) -> FieldError {
    FieldError {
        field: name.to_owned(),
        message,
        code: Some(code.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::dto::words::InstanceState;

    fn message<T: ParseFromParameter>(text: &str) -> String {
        match parse::<T>("x", text) {
            Ok(_) => String::new(),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn an_invalid_parameter_is_told_what_it_must_be() {
        assert_eq!(message::<u32>("12"), "");
        assert_eq!(message::<u32>("many"), "must be a whole number");
        assert_eq!(message::<u32>("-1"), "must be 0 to 4294967295");
        assert_eq!(message::<u32>("99999999999"), "must be 0 to 4294967295");
        assert_eq!(
            message::<DateTime<Utc>>("yesterday"),
            "must be a time such as 2026-01-31T12:00:00Z"
        );
        assert_eq!(message::<InstanceState>("running"), "");
        assert!(message::<InstanceState>("asleep").starts_with("must be one of pending, creating"));
    }

    #[test]
    fn a_parameter_that_may_repeat_takes_commas_too() {
        let request = Request::builder()
            .uri_str("/?state=failed&state=running,%20draining&q=a")
            .finish();
        assert_eq!(given(&request, "state"), ["failed", "running, draining"]);
        assert_eq!(given(&request, "q"), ["a"]);
        assert!(given(&request, "status").is_empty());
    }
}
