-- Answers to requests that carried an `Idempotency-Key`, so that the same request gives the same answer. They go after a day.
CREATE TABLE answers (
    -- A digest of who asked and their key.
    key             TEXT   NOT NULL PRIMARY KEY,
    -- A digest of what was asked.
    request         TEXT   NOT NULL,
    created_unix_ms BIGINT NOT NULL,
    -- The job that it became, once it has.
    job             TEXT,
    -- What was answered, sealed; NULL while it is not, and for what is told by the job.
    answer          TEXT,
    -- 32 hex digits over all of the above: the database itself does not notice a flipped bit.
    checksum        TEXT   NOT NULL
);

CREATE INDEX answers_by_time ON answers (created_unix_ms, key);
