//! The whole system where its parts meet others: Python's Celery at both ends of the queue, and the life of an
//! ephemeral runner that is replaced.

mod ephemeral;
mod nodes;
mod python;
mod support;
