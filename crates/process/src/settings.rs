//! The only place that reads the environment.
//!
//! A [`Variables`] is read once in `main`. Its getters never fail: each notes what is wrong and hands
//! back a stand-in, so that one start reports every problem. [`Variables::finish`] tells whether the
//! values may be used at all. What all processes need is in the structs of this module.

mod problems;
mod shared;
mod shown;
mod variables;

pub use problems::{Problem, Problems};
pub use shared::{
    DatabaseSettings, EncryptionSettings, GithubSettings, LogFormat, LogSettings, RedisSettings,
};
pub use shown::without_password;
pub use variables::Variables;
