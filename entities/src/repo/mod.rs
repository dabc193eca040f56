//! Every query, as named functions, one file per subject. Lists are limited; transitions are
//! compare-and-set; what belongs to an organisation is always looked up together with its id.

pub mod fleet;
pub mod installation;
pub mod lifecycle;
pub mod samples;
