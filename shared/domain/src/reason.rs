//! The reasons for which requests are refused, for programs to read.

use std::fmt;

use crate::Code;

/// Each reason with its code. Its doc comment is also its text in the API's document.
macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident => $text:literal, $code:ident;)+) => {
        /// Why a request is refused: the `reason` of `google.rpc.ErrorInfo`, `[A-Z][A-Z0-9_]+[A-Z0-9]` of at most 63
        /// characters (AIP-193).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The text that programs read.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The code that it belongs to.
            pub fn code(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)+
                }
            }

            /// Its meaning, as a text for callers.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// the request is wrong; each bad field is named
    InvalidFields => "INVALID_FIELDS", InvalidArgument;

    /// there is no token, or it is not valid
    TokenRequired => "TOKEN_REQUIRED", Unauthenticated;
    /// the caller's claims do not allow it, or the resource does not exist
    PermissionDenied => "PERMISSION_DENIED", PermissionDenied;
    /// the caller's role may not do this; the metadata has the roles that may
    RoleNotAllowed => "ROLE_NOT_ALLOWED", PermissionDenied;
    /// a claim of the token is absent or unusable
    ClaimUnusable => "CLAIM_UNUSABLE", PermissionDenied;

    /// the resource does not exist
    ResourceNotFound => "RESOURCE_NOT_FOUND", NotFound;
    /// there is no operation at the path
    PathNotFound => "PATH_NOT_FOUND", NotFound;
    /// the profile has no data
    ProfileNotFound => "PROFILE_NOT_FOUND", NotFound;

    /// the plan in the body does not exist
    CoachingPlanNotFound => "COACHING_PLAN_NOT_FOUND", FailedPrecondition;
    /// the plan is not the agent's
    CoachingPlanNotTheAgents => "COACHING_PLAN_NOT_THE_AGENTS", FailedPrecondition;
    /// a plan of that name was deleted within five minutes
    CoachingPlanDeletedMomentsAgo => "COACHING_PLAN_DELETED_MOMENTS_AGO", FailedPrecondition;
    /// the plan has sessions, comments or targets
    CoachingPlanNotEmpty => "COACHING_PLAN_NOT_EMPTY", FailedPrecondition;
    /// a manager submits a session only with its notes
    MeetingNotesMissing => "MEETING_NOTES_MISSING", FailedPrecondition;
    /// a submitted session cannot be moved
    SessionSubmitted => "SESSION_SUBMITTED", FailedPrecondition;
    /// the agent has acknowledged the session
    SessionAcknowledged => "SESSION_ACKNOWLEDGED", FailedPrecondition;
    /// the manager has not submitted the session
    SessionNotSubmitted => "SESSION_NOT_SUBMITTED", FailedPrecondition;
    /// the scorecard was made after the template went out of use
    ScorecardTemplateDeactivated => "SCORECARD_TEMPLATE_DEACTIVATED", FailedPrecondition;
    /// the template was deleted: it takes no new scorecards and targets
    TemplateDeleted => "TEMPLATE_DELETED", FailedPrecondition;
    /// the scorecard is a draft
    ScorecardNotSubmitted => "SCORECARD_NOT_SUBMITTED", FailedPrecondition;
    /// the scorecard and the plan are of different agents
    ScorecardNotTheAgents => "SCORECARD_NOT_THE_AGENTS", FailedPrecondition;
    /// the scorecard in the body does not exist
    ScorecardNotFound => "SCORECARD_NOT_FOUND", FailedPrecondition;
    /// only a service or an admin deletes a submitted scorecard
    ScorecardSubmitted => "SCORECARD_SUBMITTED", FailedPrecondition;
    /// the scorecard has calibrations, which are deleted first
    ScorecardCalibrated => "SCORECARD_CALIBRATED", FailedPrecondition;
    /// a calibration is neither acknowledged nor calibrated
    ScorecardIsCalibration => "SCORECARD_IS_CALIBRATION", FailedPrecondition;
    /// the calibrated scorecard is no longer of the same conversation and template revision
    CalibratedScorecardChanged => "CALIBRATED_SCORECARD_CHANGED", FailedPrecondition;
    /// the scorecard is linked to 20 plans
    ScorecardPlansFull => "SCORECARD_PLANS_FULL", FailedPrecondition;
    /// the agent has 50 active plans
    AgentPlansFull => "AGENT_PLANS_FULL", FailedPrecondition;
    /// the agent's active plans have 200 targets
    AgentTargetsFull => "AGENT_TARGETS_FULL", FailedPrecondition;
    /// the plan has 50 targets
    PlanTargetsFull => "PLAN_TARGETS_FULL", FailedPrecondition;
    /// the target already has 1000 values in its history
    TargetHistoryFull => "TARGET_HISTORY_FULL", FailedPrecondition;
    /// the template has 750 chapters and criteria in all its revisions
    TemplateFull => "TEMPLATE_FULL", FailedPrecondition;
    /// the template sets no evaluation periods, or not how many conversations are evaluated
    NoQaTaskConfig => "NO_QA_TASK_CONFIG", FailedPrecondition;
    /// another job re-scores the scorecards of the template; the metadata has its name
    BackfillRunning => "BACKFILL_RUNNING", FailedPrecondition;
    /// callers do not erase themselves
    OwnErasure => "OWN_ERASURE", FailedPrecondition;
    /// the job has ended
    JobFinished => "JOB_FINISHED", FailedPrecondition;
    /// the request is for more agents than it may be; name groups of fewer
    ScopeTooLarge => "SCOPE_TOO_LARGE", FailedPrecondition;
    /// the quota of all agents together is more than 2,147,483,647
    QuotaTooLarge => "QUOTA_TOO_LARGE", FailedPrecondition;
    /// the template's audience, evaluations and own objects take 40 KiB together
    TemplateSettingsFull => "TEMPLATE_SETTINGS_FULL", FailedPrecondition;

    /// others kept changing the same records
    ConcurrentChanges => "CONCURRENT_CHANGES", Aborted;
    /// the resource has another etag than was expected
    EtagMismatch => "ETAG_MISMATCH", Aborted;
    /// a resource of that name exists
    ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS", AlreadyExists;
    /// there is a target for the same plan (or the organisation), usecase, template, and criterion or chapter
    TargetExists => "TARGET_EXISTS", AlreadyExists;

    /// 60 plans with children were deleted within five minutes
    DeletionsFull => "DELETIONS_FULL", ResourceExhausted;
    /// the statistics of one agent, usecase and two months take 256 KiB
    StatisticsFull => "STATISTICS_FULL", ResourceExhausted;
    /// the profile has 5 unfinished jobs
    JobsFull => "JOBS_FULL", ResourceExhausted;

    /// the service failed
    InternalError => "INTERNAL_ERROR", Internal;
    /// the stored form of the resource in `metadata`, or of another that it needs, cannot be read; an agent gets PERMISSION_DENIED instead, as for another's resource
    RecordUnreadable => "RECORD_UNREADABLE", Internal;

    /// the table does not answer or throttles
    TableUnavailable => "TABLE_UNAVAILABLE", Unavailable;
    /// the request took too long, and may have taken effect
    OutOfTime => "OUT_OF_TIME", Unavailable;
    /// the deletion is not finished: nobody sees the resource any more, and a repeat deletes the rest
    DeletionUnderWay => "DELETION_UNDER_WAY", Unavailable;
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_as_aip_193_has_them_and_each_once() {
        let is_reason = |text: &str| {
            let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            text.len() <= 63
                && text.bytes().all(legal)
                && text.starts_with(|letter: char| letter.is_ascii_uppercase())
                && !text.ends_with('_')
        };
        let mut texts: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(texts.iter().all(|text| is_reason(text)), "{texts:?}");
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Reason::ALL.len());
    }
}
