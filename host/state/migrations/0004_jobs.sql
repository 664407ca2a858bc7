-- Operations: those under way, so that the next host takes up what this one did not end, and the newest that have ended.
CREATE TABLE jobs (
    id              TEXT   NOT NULL PRIMARY KEY,
    -- With the id the order of a list.
    created_unix_ms BIGINT NOT NULL,
    -- `queued` and `running` are those under way.
    state           TEXT   NOT NULL,
    operation       TEXT   NOT NULL,
    -- Empty until it is known.
    plugin          TEXT   NOT NULL,
    subject         TEXT   NOT NULL,
    actor           TEXT   NOT NULL,
    reason          TEXT,
    on_conflict     TEXT   NOT NULL,
    timeout_ms      BIGINT,
    attempt         BIGINT NOT NULL,
    retry_of        TEXT,
    started_unix_ms BIGINT,
    ended_unix_ms   BIGINT,
    step            TEXT   NOT NULL,
    steps           TEXT   NOT NULL,
    n_lines         BIGINT NOT NULL,
    -- What was asked, in the words of whoever runs it; NULL when nobody needs it any more.
    request         TEXT,
    -- How it ended, likewise.
    outcome         TEXT,
    -- 32 hex digits over all other columns: the database itself does not notice a flipped bit.
    checksum        TEXT   NOT NULL
);

CREATE INDEX jobs_by_time ON jobs (created_unix_ms, id);

-- The end of what each job has written. A row is there once the job has ended or its host was told to stop.
CREATE TABLE job_logs (
    job        TEXT   NOT NULL PRIMARY KEY,
    -- The number of the first line that is kept.
    first_line BIGINT NOT NULL,
    -- Each line ends with a line feed.
    text       TEXT   NOT NULL,
    checksum   TEXT   NOT NULL
);
