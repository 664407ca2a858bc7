//! JSON types of the management API. Depends on serde and utoipa only.
//!
//! Responses are supersets: the fields that older clients read keep their names and places, all other fields are
//! specific to this host. Times are milliseconds since 1970, durations are seconds and sizes are bytes unless the
//! field name says otherwise.

mod access;
mod audit;
mod catalog;
mod event;
mod graph;
mod job;
mod plan;
mod plugin;
mod problem;
mod revision;
mod system;
mod update;
mod upkeep;

pub use access::{
    Login, LoginRequest, LoginUser, Me, NewToken, NewUser, Rights, Token, TokenList, TokenMade, User, UserChange,
    UserList,
};
pub use audit::{AuditBroken, AuditEntry, AuditHead, AuditPage, AuditReport};
pub use catalog::{
    Available, AvailableVersion, IndexList, IndexState, LocalLoad, LocalUnload, ValidateRequest, Validated,
};
pub use event::{Event, EventGap, EventPage};
pub use graph::{Graph, GraphEdge, GraphNode};
pub use job::{Asked, Job, JobEnd, JobList, LogLine, LogLines, Served, Step};
pub use plan::{
    ApplyRequest, BatchMode, BatchOperation, BatchRequest, GoalChange, Part, Plan, PlannedPlugin, PlannedVersion,
    RuleChange, SettingChange,
};
pub use plugin::{
    Configuration, Endpoint, Generation, HealthMetadata, Item, Kept, LastError, LoadRequest, Metadata, Plugin,
    PluginList, PluginParts, Route, SecurityMetadata, State, StateError, Status, StatusAnswer, UploadAnswer,
    Validation,
};
pub use problem::{FieldError, Problem};
pub use revision::{AskedPlugin, AskedPlugins, Change, Revision, RevisionDiff, RevisionList};
pub use system::{
    HealthItem, HealthSummary, HealthTotals, MetricBucket, MetricFamily, MetricSeries, SystemMetrics,
    SystemMetricsAnswer, Unloading,
};
pub use update::{
    GithubInstall, GithubInstalled, GithubUpdate, GithubUpdated, GithubUpdatedPlugin, HeldBack, IntervalText, Update,
    UpdateFailure, UpdateReport, UpdateRequest, UpdateRule, UpdateRuleRequest, Updates,
};
pub use upkeep::{CacheCleared, CacheInfo, Isolation, IsolationLayer, SystemConfiguration};
