-- The journal of what happened: the newest events, oldest ones go.
CREATE TABLE events (
    seq        BIGINT NOT NULL PRIMARY KEY,
    at_unix_ms BIGINT NOT NULL,
    -- NULL for what concerns the host.
    plugin     TEXT,
    job        TEXT,
    kind       TEXT   NOT NULL,
    -- What belongs to the kind, as a JSON object.
    detail     TEXT   NOT NULL,
    -- 32 hex digits over all of the above: the database itself does not notice a flipped bit.
    checksum   TEXT   NOT NULL
);
