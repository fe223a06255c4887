//! The rights to the table, as operations declare them.

use crate::Partition;
use crate::keys::ListIndex;

/// An action of DynamoDB and the kinds of partitions that it is used on: an access pattern, and the right to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads one item.
    GetItem(&'static [Partition]),
    /// Reads up to 100 items.
    BatchGetItem(&'static [Partition]),
    /// Reads a range of a partition of the table.
    Query(&'static [Partition]),
    /// Reads a range of a partition of an index.
    QueryIndex(ListIndex, &'static [Partition]),
    /// Reads the whole table.
    Scan,
    /// Writes a whole item.
    PutItem(&'static [Partition]),
    /// Changes attributes of an item.
    UpdateItem(&'static [Partition]),
    /// Deletes an item.
    DeleteItem(&'static [Partition]),
    /// Has a transaction fail unless an item is as expected.
    ConditionCheckItem(&'static [Partition]),
}

impl Access {
    /// The names of the actions, in the order in which policies list them.
    pub const ACTIONS: [&'static str; 8] =
        ["GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"];

    /// The action's name.
    pub fn action(self) -> &'static str {
        match self {
            Self::GetItem(_) => "GetItem",
            Self::BatchGetItem(_) => "BatchGetItem",
            Self::Query(_) | Self::QueryIndex(..) => "Query",
            Self::Scan => "Scan",
            Self::PutItem(_) => "PutItem",
            Self::UpdateItem(_) => "UpdateItem",
            Self::DeleteItem(_) => "DeleteItem",
            Self::ConditionCheckItem(_) => "ConditionCheckItem",
        }
    }

    /// The index that it reads; `None` for the table itself.
    pub fn index(self) -> Option<ListIndex> {
        match self {
            Self::QueryIndex(index, _) => Some(index),
            _ => None,
        }
    }

    /// The kinds of partitions; none, if it reads the whole table.
    pub fn partitions(self) -> &'static [Partition] {
        match self {
            Self::Scan => &[],
            Self::GetItem(partitions)
            | Self::BatchGetItem(partitions)
            | Self::Query(partitions)
            | Self::QueryIndex(_, partitions)
            | Self::PutItem(partitions)
            | Self::UpdateItem(partitions)
            | Self::DeleteItem(partitions)
            | Self::ConditionCheckItem(partitions) => partitions,
        }
    }
}
