//! What it means when the server refuses something, or cannot be reached.

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

/// Whether the connection is of no more use.
pub(crate) fn is_connection_loss(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_timeout()
        || error.is_unrecoverable_error()
}

/// Whether the same call may succeed later without anyone changing it.
pub(crate) fn is_transient(error: &RedisError) -> bool {
    let server = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
        )
    );
    is_connection_loss(error) || server || error.code().is_some_and(is_transient_code)
}

/// Whether an error code of the server passes by itself: memory freed, disk writable, script ended.
pub(crate) fn is_transient_code(code: &str) -> bool {
    matches!(
        code,
        "OOM"
            | "MISCONF"
            | "BUSY"
            | "NOREPLICAS"
            | "LOADING"
            | "READONLY"
            | "MASTERDOWN"
            | "TRYAGAIN"
            | "CLUSTERDOWN"
    )
}

/// As `is_transient_code`, of an error as it is told.
pub(crate) fn passes(error: &str) -> bool {
    is_transient_code(error.split(' ').next().unwrap_or_default())
}

/// An error of a script as its command told it: before Redis 7 it comes with its place before it.
pub(crate) fn without_place(error: &str) -> &str {
    let Some((_, told)) = error.rsplit_once("@user_script: ") else {
        return error;
    };
    let told = told.split_once(": ").map_or(told, |(_, told)| told);
    told.strip_prefix('-').unwrap_or(told)
}

/// Whether a reply says that the script is unknown to the server.
pub(crate) fn is_no_script(value: &Value) -> bool {
    matches!(value, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_not_its_code() {
        for error in [
            "OOM it is full",
            "@user_script: 113: -OOM it is full",
            "ERR Error running script (call to f_1b): @user_script:7: @user_script: 7: -OOM it is full",
        ] {
            assert_eq!(without_place(error), "OOM it is full");
        }
        let newer = "WRONGTYPE no list script: f_1b, on @user_script:7.";
        assert_eq!(without_place(newer), newer);
    }
}
