//! Reads and writes items of any resource: single writes, transactions, items by their keys, and repeated attempts at a
//! change that conflicts with others.

pub(crate) mod attempts;
pub(crate) mod entity;
pub(crate) mod read;
pub(crate) mod transaction;
pub(crate) mod write;
