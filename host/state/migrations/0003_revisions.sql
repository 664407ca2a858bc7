-- Every change of what the operator asked for, in the order in which they were made. Rows are added, never edited: the newest of a
-- plugin says what is asked for now.
CREATE TABLE revisions (
    number     BIGINT NOT NULL PRIMARY KEY,
    plugin     TEXT   NOT NULL,
    at_unix_ms BIGINT NOT NULL,
    -- Who asked, for what, and why; the reason is empty when none was given.
    actor      TEXT   NOT NULL,
    operation  TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    -- What is asked for from then on, as JSON; empty when the plugin is gone.
    document   TEXT   NOT NULL,
    -- 32 hex digits over all the other fields.
    checksum   TEXT   NOT NULL
);
CREATE INDEX revisions_of_plugin ON revisions (plugin, number);
