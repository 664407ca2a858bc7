-- What was asked, changed and refused. Rows are added, never edited; the oldest go when there are too many.
CREATE TABLE audit (
    -- Without a gap.
    seq        BIGINT NOT NULL PRIMARY KEY,
    at_unix_ms BIGINT NOT NULL,
    actor      TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    object     TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    code       TEXT   NOT NULL,
    job        TEXT   NOT NULL,
    request    TEXT   NOT NULL,
    -- The entry that says that it was asked; 0 for none.
    of_seq     BIGINT NOT NULL,
    times      BIGINT NOT NULL,
    -- The hash of the row before; of the anchor for the first one; zeros for the first of all.
    previous   TEXT   NOT NULL,
    -- SHA-256 over all of the above, 64 hex digits.
    hash       TEXT   NOT NULL
);

-- The last row that was let go, so that those after it can still be verified. At most one row, with id 1.
CREATE TABLE audit_anchor (
    id       BIGINT NOT NULL PRIMARY KEY,
    seq      BIGINT NOT NULL,
    hash     TEXT   NOT NULL,
    checksum TEXT   NOT NULL
);
