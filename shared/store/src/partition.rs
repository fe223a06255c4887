//! Every kind of partition of the table and its indexes: the shape of its key, and its contents.
//!
//! A partition key begins with the customer's id and `#`, which no id may contain. So a leading-key condition can
//! confine access to one tenant's data, and no two keys of different meaning can be equal. Keys of what a customer's
//! profiles share have an empty profile.

/// The kinds, each with the shape of its key and its sort keys. A shape has the ids of a key in braces.
macro_rules! partitions {
    ($($(#[doc = $doc:literal])+ $name:ident = $shape:literal [$(($sort:literal, $item:literal)),*];)+) => {
        /// A kind of partition, of the table or of an index.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Partition {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Partition {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The shape of its key, such as `{customer}#{profile}#plan#{plan}`.
            pub fn shape(self) -> &'static str {
                match self {
                    $(Self::$name => $shape,)+
                }
            }

            /// A description of its contents.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }

            /// The sort keys in it, each with a description of its item; empty for a partition of an index.
            pub fn items(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$name => &[$(($sort, $item)),*],)+
                }
            }
        }
    };
}

partitions! {
    /// A plan.
    Plan = "{customer}#{profile}#plan#{plan}" [
        ("plan", "the plan"),
        ("dependents", "what hangs on it, counted"),
        ("change#{time}#{version}#{uuid}", "a change of it"),
        ("change#{time}#{version}#{uuid}#{number}", "what of a change does not fit into its item")
    ];
    /// Which plans of a profile are being deleted.
    Deletions = "{customer}#{profile}#deletions" [("deletions", "their ids")];
    /// A session.
    Session = "{customer}#{profile}#session#{session}" [
        ("session", "the session"),
        ("change#{time}#{version}#{uuid}", "a change of it"),
        ("change#{time}#{version}#{uuid}#{number}", "what of a change does not fit into its item")
    ];
    /// A comment.
    Comment = "{customer}#{profile}#comment#{comment}" [
        ("comment", "the comment"),
        ("change#{time}#{version}#{uuid}", "a change of it"),
        ("change#{time}#{version}#{uuid}#{number}", "what of a change does not fit into its item")
    ];
    /// A scorecard.
    Scorecard = "{customer}#{profile}#scorecard#{scorecard}" [
        ("scorecard", "the scorecard"),
        ("change#{time}#{version}#{uuid}", "a change of it"),
        ("change#{time}#{version}#{uuid}#{number}", "what of a change does not fit into its item")
    ];
    /// A scorecard template.
    Template = "{customer}#{profile}#template#{template}" [
        ("current", "its current revision"),
        ("revision#{number}", "one revision")
    ];
    /// A target.
    Target = "{customer}#{profile}#target#{target}" [
        ("target", "the target"),
        ("past#{until}", "what it was, if it was the organisation's")
    ];
    /// Which targets there are for a usecase and a template.
    TargetPlace = "{customer}#{profile}#target-place#{usecase}#{template}" [
        ("{plan}#{criterion or chapter}", "which target has this place, of a plan or of the organisation")
    ];
    /// What progress and coaching need to know of an agent in a profile.
    Agent = "{customer}#{profile}#agent#{user}" [
        ("agent", "who they are, their active plans and the targets of those"),
        ("past#{until}#plan#{plan}", "what a plan of theirs was"),
        ("past#{until}#target#{target}", "what a target of theirs was")
    ];
    /// A usecase.
    Usecase = "{customer}#{profile}#usecase#{usecase}" [("usecase", "the usecase")];
    /// The statistics of a share of a usecase's agents.
    Statistics = "{customer}#{profile}#statistics#{usecase}#{bucket}" [
        ("{period}#{user}", "an agent's statistics of two months"),
        ("{period}#{user}#{session}", "a session that was held, beyond the first of them")
    ];
    /// The activity of a share of a usecase's agents: a mark of each session, and of each scorecard that is an
    /// evaluation or linked to plans.
    Activity = "{customer}#{profile}#activity#{usecase}#{bucket}" [
        ("{period}#{user}#session#{session}", "what overviews need to know of a session"),
        ("{period}#{user}#scorecard#{scorecard}", "what overviews and quotas need to know of a submitted scorecard")
    ];
    /// The benchmark of a usecase: the statistics of all its agents, added up. It is made anew when it is out of date.
    Benchmark = "{customer}#{profile}#benchmark#{usecase}" [
        ("made#{period}", "when the benchmark of two months was made"),
        ("{period}#{template}#{place}", "everyone's scores by a template"),
        ("range#{periods}#{bucket}", "when a share of the agents was added up, until all are"),
        ("range#{periods}#{bucket}#{period}#{template}#{place}", "the scores of these")
    ];
    /// A part of an order of agents that progress is paged by; it expires.
    Order = "{customer}#{profile}#order#{uuid}#{number}" [("chunk", "the agents' ids")];
    /// How far a rebuild of a profile's statistics came.
    Rebuild = "{customer}#{profile}#rebuild" [("rebuild", "the last agent")];
    /// What a caller was first answered under a `requestId`; it expires.
    Request = "{customer}#{profile}#request#{user}#{operation}#{requestId}" [("request", "the answer's values")];
    /// A user of the directory.
    User = "{customer}##user#{user}" [
        ("user", "the user"),
        ("past#{until}", "what they were")
    ];
    /// A group of the directory.
    Group = "{customer}##group#{group}" [("group", "the group")];
    /// How often a customer's groups changed.
    Groups = "{customer}##groups" [("groups", "the number")];
    /// The list of a customer's groups, by display name and by every word of it.
    GroupNames = "{customer}##group-names" [
        ("name#{words}#{place}#{display name}#{group}", "a group by its name"),
        ("word#{words}#{place}#{display name}#{group}", "a group by a further word of its name, and those after it")
    ];
    /// The list of the groups that somebody leads, by display name.
    GroupsOfManager = "{customer}##groups-of#{user}" [
        ("name#{words}#{place}#{display name}#{group}", "a group by its name")
    ];
    /// The list of a customer's users, by display name and by every word of it.
    UserNames = "{customer}##user-names" [
        ("name#{words}#{place}#{display name}#{user}", "a user by their name"),
        ("word#{words}#{place}#{display name}#{user}", "a user by a further word of their name, and those after it")
    ];
    /// How many active agents a customer has, by shares of their ids.
    AgentCounts = "{customer}##agent-counts" [("{bucket}", "of all profiles, and of each")];

    /// Work beside requests.
    Job = "{customer}#{profile}#job#{job}" [("job", "the job; it expires once it has ended")];
    /// A template whose scorecards a job re-scores.
    Backfill = "{customer}#{profile}#backfill#{template}" [("backfill", "the job, while it is unfinished")];
    /// A user whom a job erases.
    Erasure = "{customer}##erasure#{user}" [("erasure", "the job, while it is unfinished")];
    /// How many jobs of a profile are unfinished.
    UnfinishedJobs = "{customer}#{profile}#unfinished-jobs" [("unfinished-jobs", "the number")];

    /// The sessions of a profile; in `open-list`, those that are not acknowledged.
    Sessions = "{customer}#{profile}#sessions" [];
    /// The sessions of an agent.
    SessionsOfAgent = "{customer}#{profile}#agent#{user}#sessions" [];
    /// The sessions of a plan.
    SessionsOfPlan = "{customer}#{profile}#plan#{plan}#sessions" [];
    /// The sessions of a usecase.
    SessionsOfUsecase = "{customer}#{profile}#usecase#{usecase}#sessions" [];
    /// The plans of a profile.
    Plans = "{customer}#{profile}#plans" [];
    /// The plans of an agent.
    PlansOfAgent = "{customer}#{profile}#agent#{user}#plans" [];
    /// The plans of a usecase.
    PlansOfUsecase = "{customer}#{profile}#usecase#{usecase}#plans" [];
    /// The comments of a profile.
    Comments = "{customer}#{profile}#comments" [];
    /// The comments on plans of an agent.
    CommentsOfAgent = "{customer}#{profile}#agent#{user}#comments" [];
    /// The comments on a plan.
    CommentsOfPlan = "{customer}#{profile}#plan#{plan}#comments" [];
    /// The comments of a usecase.
    CommentsOfUsecase = "{customer}#{profile}#usecase#{usecase}#comments" [];
    /// The scorecards of a profile.
    Scorecards = "{customer}#{profile}#scorecards" [];
    /// The scorecards of an agent.
    ScorecardsOfAgent = "{customer}#{profile}#agent#{user}#scorecards" [];
    /// The current templates of a profile.
    Templates = "{customer}#{profile}#templates" [];
    /// The jobs of a profile.
    Jobs = "{customer}#{profile}#jobs" [];
    /// The targets of a profile.
    Targets = "{customer}#{profile}#targets" [];
    /// The targets of a plan.
    TargetsOfPlan = "{customer}#{profile}#plan#{plan}#targets" [];
    /// The organisation's targets for a usecase.
    TargetsOfUsecase = "{customer}#{profile}#usecase#{usecase}#targets" [];
    /// Targets for a usecase that were the organisation's, the latest end first.
    PastTargetsOfUsecase = "{customer}#{profile}#usecase#{usecase}#past-targets" [];
    /// The usecases of a profile, by display name.
    Usecases = "{customer}#{profile}#usecases" [];
    /// The agents of a profile, by display name.
    Agents = "{customer}#{profile}#agents" [];
    /// Plans and targets that were agents', the latest end first.
    PastCoaching = "{customer}#{profile}#past-coaching" [];
    /// The agents of all profiles of a customer, by display name.
    AgentsOfCustomer = "{customer}##agents" [];
    /// What users of a customer were, the latest end first.
    PastUsers = "{customer}##past-users" [];
}

impl Partition {
    /// The key of the partition of this kind that holds `ids`, in the order in which its shape names them.
    pub(crate) fn key<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> String {
        let mut ids = ids.into_iter();
        let mut key = String::with_capacity(2 * self.shape().len());
        for (number, part) in self.shape().split('#').enumerate() {
            if number > 0 {
                key.push('#');
            }
            key.push_str(if part.starts_with('{') { ids.next().unwrap_or_default() } else { part });
        }
        key
    }

    /// The kind of `key`.
    pub fn of(key: &str) -> Option<Self> {
        let is_of = |kind: &&Self| {
            let shape = kind.shape().split('#');
            let matches = |(part, shape): (&str, &str)| {
                if shape.starts_with('{') { !part.is_empty() } else { part == shape }
            };
            shape.clone().count() == key.split('#').count() && key.split('#').zip(shape).all(matches)
        };
        Self::ALL.iter().find(is_of).copied()
    }

    /// The pattern of every key of this kind, as policies name them, with `*` for any ids; of the keys of requests,
    /// only those for `operation`. A task, which has no requests of its own, has those of every operation, `*`.
    pub fn pattern(self, operation: &str) -> String {
        let parts = self.shape().split('#').map(|part| match part {
            "{operation}" => operation,
            part if part.starts_with('{') => "*",
            part => part,
        });
        let mut pattern = parts.collect::<Vec<_>>().join("#");
        // One asterisk matches several ids too.
        while let Some(shorter) = pattern.strip_suffix("#*#*") {
            pattern = format!("{shorter}#*");
        }
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_kind_that_made_it_and_of_no_other() {
        for kind in Partition::ALL {
            let key = kind.key(["acme", "support", "a", "b", "c"]);
            assert_eq!(Partition::of(&key), Some(*kind), "{key}");
        }
        for of_none in ["", "acme", "acme#support#plan", "acme##plan#a", "#support#plan#a", "acme#support#plan#a#b"] {
            assert_eq!(Partition::of(of_none), None, "{of_none}");
        }
    }

    #[test]
    fn a_pattern_has_asterisks_for_ids() {
        assert_eq!(Partition::Plan.pattern("create-plan"), "*#*#plan#*");
        assert_eq!(Partition::SessionsOfPlan.pattern("get-plan"), "*#*#plan#*#sessions");
        assert_eq!(Partition::Statistics.pattern("create-scorecard"), "*#*#statistics#*");
        assert_eq!(Partition::Request.pattern("create-plan"), "*#*#request#*#create-plan#*");
        assert_eq!(Partition::Request.pattern("*"), "*#*#request#*");
        assert_eq!(Partition::User.pattern("get-user"), "*##user#*");
        assert_eq!(Partition::Groups.pattern("upsert-groups"), "*##groups");
    }
}
