//! Every operation that the template can route to.

use coaching_edge::Operation;

/// The operations, by the names of their functions.
pub static OPERATIONS: [&Operation; 5] = [
    &create_plan::OPERATION,
    &create_session::OPERATION,
    &get_plan::OPERATION,
    &list_sessions::OPERATION,
    &unknown_path::OPERATION,
];
