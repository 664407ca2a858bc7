-- The key-value store of plugins. Keys are compared byte by byte (SQLite's BINARY; "C" elsewhere).
CREATE TABLE kv (
    plugin   TEXT   NOT NULL,
    key      TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    -- Of the value, so that a list does not read values.
    n_bytes  BIGINT NOT NULL,
    -- 32 hex digits over plugin, key, version and value: the database itself does not notice a flipped bit.
    checksum TEXT   NOT NULL,
    value    BLOB   NOT NULL,
    PRIMARY KEY (plugin, key)
);

-- What each plugin holds, changed together with its keys. A row stays when the keys are cleared, because
-- `last_version` must never go back.
CREATE TABLE kv_usage (
    plugin       TEXT   NOT NULL PRIMARY KEY,
    n_keys       BIGINT NOT NULL,
    -- Keys and values.
    n_bytes      BIGINT NOT NULL,
    last_version BIGINT NOT NULL
);
