//! What reads and writes items without knowing any resource: single writes, transactions, items by their keys, and how
//! often a change is tried that others get in front of.

pub(crate) mod attempts;
pub(crate) mod entity;
pub(crate) mod read;
pub(crate) mod transaction;
pub(crate) mod write;
