//! Versions, revisions, digests and update policies as JSON.

use std::collections::BTreeSet;
use std::time::Duration;

use host_core::tag::TagPattern;
use host_core::update::{UpdateError, UpdateInterval, UpdatePolicy};
use host_core::{Digest, Revision};
use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A branch, tag or commit as text.
pub(super) mod revision {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(to: &Option<Revision>, serializer: S) -> Result<S::Ok, S::Error> {
        to.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Revision>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// A new pattern of release tags; an empty text removes the pattern.
pub(super) mod tags {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        tags: &Option<Option<TagPattern>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        tags.as_ref().map(|tags| tags.as_ref().map(ToString::to_string).unwrap_or_default()).serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<TagPattern>>, D::Error> {
        let text = String::deserialize(from)?;
        let tags = if text.is_empty() { None } else { Some(text.parse().map_err(D::Error::custom)?) };
        Ok(Some(tags))
    }
}

/// An update policy as an object.
pub(super) mod policy {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Parts {
        policy: String,
        automatic: bool,
        interval_seconds: u64,
    }

    pub(in super::super) fn serialize<S: Serializer>(policy: &UpdatePolicy, serializer: S) -> Result<S::Ok, S::Error> {
        let interval_seconds = policy.interval().duration().as_secs();
        let parts =
            Parts { policy: policy.level().as_str().to_owned(), automatic: policy.automatic(), interval_seconds };
        parts.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UpdatePolicy, D::Error> {
        let parts = Parts::deserialize(deserializer)?;
        let read = || -> Result<UpdatePolicy, UpdateError> {
            let interval = UpdateInterval::new(Duration::from_secs(parts.interval_seconds))?;
            UpdatePolicy::new(parts.policy.parse()?, parts.automatic, interval)
        };
        read().map_err(D::Error::custom)
    }
}

/// An optional update policy.
pub(super) mod policy_if_any {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        policy: &Option<UpdatePolicy>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match policy {
            Some(policy) => super::policy::serialize(policy, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<UpdatePolicy>, D::Error> {
        super::policy::deserialize(deserializer).map(Some)
    }
}

/// Versions as texts.
pub(super) mod versions {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        versions: &BTreeSet<Version>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(versions.iter().map(ToString::to_string))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<Version>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// Optional versions.
pub(super) mod versions_if_any {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        versions: &Option<BTreeSet<Version>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match versions {
            Some(versions) => super::versions::serialize(versions, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<BTreeSet<Version>>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(deserializer)?;
        let versions = |texts: Vec<String>| texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect();
        texts.map(versions).transpose()
    }
}

/// A version as text.
pub(super) mod version {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(version)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A digest as text.
pub(super) mod digest {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An optional digest.
pub(super) mod digest_if_any {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        digest: &Option<Digest>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        digest.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Digest>, D::Error> {
        super::digest::deserialize(deserializer).map(Some)
    }
}
