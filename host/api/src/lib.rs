//! Wire types: the JSON of the management API. Depends on serde and utoipa only.
//!
//! Responses are supersets: the fields that older clients read keep their names and places, all other fields are
//! specific to this host. Times are milliseconds since 1970, durations are seconds and sizes are bytes, unless
//! the name of the field contains another unit.

mod access;
mod audit;
mod cache;
mod catalog;
mod configuration;
mod event;
mod graph;
mod isolation;
mod job;
mod outcome;
mod plan;
mod plugin;
mod revision;
mod series;
mod stored;
mod system;
mod update;

pub use access::{
    BrowserSession, CreatedToken, Login, LoginRequest, LoginUser, Me, NewToken, NewUser, Rights, SessionRequest, Token,
    TokenList, User, UserChange, UserList,
};
pub use audit::{AuditBroken, AuditEntry, AuditHead, AuditPage, AuditReport};
pub use cache::{CacheCleared, CacheInfo};
pub use catalog::{
    Available, AvailableVersion, BuildReport, IndexList, IndexState, LibraryFacts, LocalLoad, LocalUnload,
    ValidateRequest, ValidationReport,
};
pub use configuration::SystemConfiguration;
pub use event::{Event, EventGap, EventPage};
pub use graph::{Graph, GraphEdge, GraphNode};
pub use isolation::{Isolation, IsolationLayer};
pub use job::{Job, JobEnd, JobList, LogLine, LogLines};
pub use outcome::{FieldError, GenerationRequests, JobStep, OperationPart, OperationResult, Problem};
pub use plan::{
    ApplyRequest, BatchMode, BatchOperation, BatchRequest, GoalChange, Plan, PlannedPlugin, PlannedVersion, RuleChange,
    SettingChange,
};
pub use plugin::{
    Configuration, ConfigurationCheck, CurrentOperation, Endpoint, FailedLoad, Generation, HealthMetadata, LastCrash,
    LastError, LoadRequest, Metadata, Plugin, PluginItem, PluginList, PluginParts, PluginState, PluginStateError,
    RollbackVersion, Route, SecurityMetadata, Status, StatusResponse, StoredData, UploadResponse, Validation,
};
pub use revision::{PastPlugin, PastPlugins, Revision, RevisionChange, RevisionDiff, RevisionList};
pub use series::{PluginSeries, SeriesPoint};
pub use stored::{StoredKey, StoredKeys, StoredValue};
pub use system::{
    HealthItem, HealthSummary, HealthTotals, MetricBucket, MetricFamily, MetricSeries, SystemMetrics,
    SystemMetricsResponse, Unloading,
};
pub use update::{
    GithubInstall, GithubInstalled, GithubUpdate, GithubUpdated, GithubUpdatedPlugin, HeldBack, IntervalText, Update,
    UpdateFailure, UpdatePolicy, UpdatePolicyRequest, UpdateReport, UpdateRequest, Updates,
};
