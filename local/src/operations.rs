//! Every operation that the template can route to, every task, and every website.

use coaching_edge::{Operation, Task, Website};

macro_rules! operations {
    ($($function:ident,)+) => {
        /// The operations, by the names of their functions.
        pub static OPERATIONS: [&Operation; [$(stringify!($function)),+].len()] = [$(&$function::OPERATION),+];
    };
}

macro_rules! tasks {
    ($($function:ident,)+) => {
        /// The tasks, by the names of their functions.
        pub static TASKS: [&Task; [$(stringify!($function)),+].len()] = [$(&::$function::TASK),+];
    };
}

macro_rules! websites {
    ($($function:ident,)+) => {
        /// The websites, by the names of their functions.
        pub static WEBSITES: [&Website; [$(stringify!($function)),+].len()] = [$(&::$function::WEBSITE),+];
    };
}

// generated: functions
operations! {
    acknowledge_session,
    cancel_job,
    change_scorecard_state,
    create_comment,
    create_plan,
    create_scorecard,
    create_session,
    create_target,
    create_template,
    delete_plan,
    delete_scorecard,
    delete_session,
    delete_target,
    delete_template,
    erase_user,
    export_overviews,
    export_progresses,
    export_scorecards,
    export_sessions,
    get_comment,
    get_group,
    get_job,
    get_plan,
    get_scorecard,
    get_session,
    get_target,
    get_template,
    get_usecase,
    get_user,
    link_scorecard,
    list_changes,
    list_comments,
    list_groups,
    list_jobs,
    list_plans,
    list_scorecards,
    list_sessions,
    list_targets,
    list_templates,
    list_usecases,
    list_users,
    retrieve_coach_overviews,
    retrieve_effects,
    retrieve_overviews,
    retrieve_progress,
    retrieve_quota,
    retrieve_series,
    start_backfill,
    suggest_opportunities,
    unknown_path,
    update_comment,
    update_plan,
    update_scorecard,
    update_session,
    update_target,
    update_template,
    upsert_groups,
    upsert_plans,
    upsert_scorecards,
    upsert_usecases,
    upsert_users,
    validate_backfill,
    whoami,
}

tasks! {
    rebuild_statistics,
    run_job,
}

websites! {
    console,
}
// end
