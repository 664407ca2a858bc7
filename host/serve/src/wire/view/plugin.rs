//! Plugins, as listed and shown.

use std::collections::BTreeMap;

use host_api as api;
use host_call::Phase;
use host_core::configuration::{Schema, mask_by_name};
use host_core::manifest::Placement;
use host_core::{Manifest, Pick};
use host_run::{FailedLoad, FirstLoad, PluginView};

use super::older::{six_states, status};
use super::update;
use crate::wire::PLUGIN_ENDPOINTS;

pub(crate) fn item(view: &PluginView) -> api::PluginItem {
    let metadata = view.manifest.as_deref().map(metadata).unwrap_or_default();
    let configuration = view.schema.mask(&metadata.configuration);
    let mut metadata = api::Metadata { configuration, ..metadata };
    let current = view.desired.as_ref().map(|desired| &desired.current);
    let mut source = current.map(|pick| pick.source.to_string()).unwrap_or_default();
    // During the first load, nothing else is known.
    if let (None, Some(first_load)) = (current, view.operation.as_ref().and_then(|now| now.first_load.as_ref())) {
        metadata.id = view.id.to_string();
        metadata.name.clone_from(&first_load.name);
        metadata.version.clone_from(&first_load.version);
        source.clone_from(&first_load.source);
    }
    api::PluginItem {
        upper_id: view.id.to_string(),
        upper_name: metadata.name.clone(),
        upper_version: metadata.version.clone(),
        upper_description: metadata.description.clone(),
        upper_author: metadata.author.clone(),
        upper_endpoints: metadata.endpoints.clone(),
        upper_permissions: metadata.permissions.clone(),
        upper_dependencies: metadata.dependencies.clone(),
        upper_compatibility: view.manifest.as_deref().map(compatibility).unwrap_or_default(),
        status: status(view),
        metadata,
        source,
        commit: current.and_then(|pick| pick.commit.clone()),
        reference: current.and_then(|pick| pick.reference.clone()),
        tag: current.and_then(|pick| pick.tag_name().map(str::to_owned)),
        loaded_at: current.map(|pick| pick.loaded_unix_ms),
        file_path: current.map(|pick| pick.artifact.to_string()).unwrap_or_default(),
        enabled: is_enabled(view),
        state: six_states(view.desired.as_ref().map(|desired| desired.goal), view.generation.is_some()).to_owned(),
        goal: view.desired.as_ref().map(|desired| desired.goal.as_str().to_owned()),
        revision: view.revision,
        kept: view.desired.iter().flat_map(|desired| &desired.rollback_versions).map(rollback_version).collect(),
        update: view.desired.as_ref().map(|desired| update::policy(&desired.update, &desired.blocked)),
        update_available: view.update_report.as_ref().and_then(|report| Some(update::newer(report.newest.as_ref()?))),
        quarantine: view.desired.as_ref().and_then(|desired| desired.quarantine.clone()),
        failures_in_a_row: view.failures_in_a_row,
        long_polls: view.long_polls,
        phase: view.phase.as_str().to_owned(),
        generation: view.generation,
        generations: view
            .generations
            .iter()
            .map(|generation| api::Generation {
                number: generation.number,
                version: generation.version.clone(),
                phase: generation.phase.as_str().to_owned(),
                in_flight: generation.in_flight,
                requests: generation.requests,
                held_by: generation.held_by.clone(),
                mapped_bytes: generation.mapped_bytes,
                live_bytes: generation.live_bytes,
                left_bytes: generation.left_bytes,
                unmapped_after_ms: generation.unmapped_after.map(|after| after.as_secs_f64() * 1e3),
            })
            .collect(),
        warnings: view.warnings.iter().map(ToString::to_string).collect(),
        last_error: view.last_error.as_ref().map(|(code, message, at_unix_ms)| api::LastError {
            code: (*code).to_owned(),
            message: message.clone(),
            at_unix_ms: *at_unix_ms,
        }),
        last_crash: view.last_crash.as_ref().map(|crash| api::LastCrash {
            generation: crash.generation(),
            activity: crash.activity().map(str::to_owned),
            cause: crash.cause().to_owned(),
            message: crash.message(),
            at_unix_ms: crash.at_unix_ms,
        }),
        operation: view.operation.as_ref().map(|now| api::CurrentOperation {
            job: now.job.clone(),
            operation: now.name.to_owned(),
            started_at: now.started_unix_ms,
        }),
    }
}

/// A plugin whose first installation failed.
pub(crate) fn failed_load(load: &FailedLoad) -> api::FailedLoad {
    let FirstLoad { name, version, source } = load.first_load.clone();
    api::FailedLoad {
        id: load.id.to_string(),
        name,
        version,
        source,
        state: Phase::Failed.as_str().to_owned(),
        job: load.job.clone(),
        code: load.failed.code.clone(),
        message: host_core::visible(&load.failed.message).into_owned(),
        fix: load.failed.fix.as_deref().map(|fix| host_core::visible(fix).into_owned()),
        started_at: load.started_unix_ms,
        failed_at: load.ended_unix_ms,
    }
}

pub(crate) fn plugin(view: &PluginView, stored_data: api::StoredData) -> api::Plugin {
    let item = item(view);
    let mount = format!("{PLUGIN_ENDPOINTS}{}", view.id);
    let route = |endpoint: &api::Endpoint| api::Route {
        method: endpoint.method.clone(),
        path: format!("{mount}{}", endpoint.path),
        handler: endpoint.handler.clone(),
    };
    let routes = item.metadata.endpoints.iter().map(route).collect();
    let plugin = api::PluginParts { metadata: item.metadata.clone(), status: item.status.clone(), routes };
    api::Plugin { plugin, stored_data, item }
}

/// The metadata with secrets masked: the values that the schema marks as secret and those with a key such as
/// `password`.
pub(crate) fn masked(manifest: &Manifest, schema: &Schema) -> api::Metadata {
    let metadata = metadata(manifest);
    let configuration = mask_by_name(&schema.mask(&metadata.configuration));
    api::Metadata { configuration, ..metadata }
}

pub(crate) fn metadata(manifest: &Manifest) -> api::Metadata {
    let endpoint = |endpoint: &host_core::manifest::Endpoint| api::Endpoint {
        path: endpoint.path.as_str().to_owned(),
        method: endpoint.method.as_str().to_owned(),
        handler: endpoint.handler.clone(),
        description: endpoint.description.clone(),
    };
    api::Metadata {
        id: manifest.id.to_string(),
        name: manifest.name.clone(),
        version: manifest.version.to_string(),
        description: manifest.description.clone(),
        author: manifest.author.clone(),
        endpoints: manifest.endpoints.iter().map(endpoint).collect(),
        permissions: manifest.permissions.clone(),
        dependencies: manifest.dependencies.iter().map(|dependency| dependency.id.to_string()).collect(),
        labels: manifest.labels.clone(),
        license: manifest.license.clone().unwrap_or_default(),
        homepage: manifest.homepage.clone().unwrap_or_default(),
        repository: manifest.repository.clone().unwrap_or_default(),
        documentation: manifest.documentation.clone().unwrap_or_default(),
        issues: manifest.issues.clone().unwrap_or_default(),
        category: manifest.category.clone().unwrap_or_default(),
        tags: manifest.tags.clone(),
        configuration: manifest.configuration.clone(),
        security: api::SecurityMetadata {
            network_access: manifest.security.network_access,
            filesystem_access: manifest.security.filesystem_access,
            sandboxed: manifest.security.placement == Placement::Isolated,
        },
        health: api::HealthMetadata {
            enabled: manifest.health.enabled,
            interval_seconds: manifest.health.interval.as_secs(),
        },
    }
}

fn compatibility(manifest: &Manifest) -> BTreeMap<String, String> {
    let compatibility = &manifest.compatibility;
    [("host", &compatibility.host), ("sdk", &compatibility.sdk), ("rust", &compatibility.rust)]
        .into_iter()
        .filter_map(|(name, wanted)| Some((name.to_owned(), wanted.as_ref()?.to_string())))
        .collect()
}

/// Returns whether other plugins may depend on the plugin.
fn is_enabled(view: &PluginView) -> bool {
    view.desired.as_ref().is_some_and(|desired| desired.goal.is_enabled())
}

fn rollback_version(pick: &Pick) -> api::RollbackVersion {
    api::RollbackVersion {
        version: pick.version.to_string(),
        source: pick.source.to_string(),
        commit: pick.commit.clone(),
        artifact: pick.artifact.to_string(),
        loaded_at: pick.loaded_unix_ms,
    }
}
