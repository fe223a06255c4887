//! Every operation that the template can route to.

use coaching_edge::Operation;

/// The operations, by the names of their functions.
pub static OPERATIONS: [&Operation; 26] = [
    &change_scorecard_state::OPERATION,
    &create_plan::OPERATION,
    &create_scorecard::OPERATION,
    &create_session::OPERATION,
    &create_target::OPERATION,
    &create_template::OPERATION,
    &delete_target::OPERATION,
    &get_group::OPERATION,
    &get_plan::OPERATION,
    &get_scorecard::OPERATION,
    &get_target::OPERATION,
    &get_template::OPERATION,
    &get_user::OPERATION,
    &list_scorecards::OPERATION,
    &list_sessions::OPERATION,
    &list_targets::OPERATION,
    &list_templates::OPERATION,
    &retrieve_progress::OPERATION,
    &unknown_path::OPERATION,
    &update_scorecard::OPERATION,
    &update_target::OPERATION,
    &update_template::OPERATION,
    &upsert_groups::OPERATION,
    &upsert_scorecards::OPERATION,
    &upsert_usecases::OPERATION,
    &upsert_users::OPERATION,
];
