-- Tokens, and the sessions of users, which are tokens too. Of a secret only its digest is here.
CREATE TABLE tokens (
    id                TEXT   NOT NULL PRIMARY KEY,
    name              TEXT   NOT NULL,
    -- SHA-256 of the secret, 64 hex digits.
    secret            TEXT   NOT NULL,
    -- The user whose session it is; empty for a token.
    login             TEXT   NOT NULL,
    -- What it may do, as JSON.
    rights            TEXT   NOT NULL,
    created_by        TEXT   NOT NULL,
    created_unix_ms   BIGINT NOT NULL,
    -- NULL for one that does not expire, was not used, is not revoked.
    expires_unix_ms   BIGINT,
    last_used_unix_ms BIGINT,
    revoked_unix_ms   BIGINT,
    -- 32 hex digits over all other columns: the database itself does not notice a flipped bit.
    checksum          TEXT   NOT NULL
);

CREATE INDEX tokens_of_login ON tokens (login);

CREATE TABLE users (
    name            TEXT   NOT NULL PRIMARY KEY,
    -- How the password is compared: algorithm, costs, salt and hash.
    password        TEXT   NOT NULL,
    rights          TEXT   NOT NULL,
    -- 1 for one who may not log in.
    disabled        BIGINT NOT NULL,
    created_unix_ms BIGINT NOT NULL,
    changed_unix_ms BIGINT NOT NULL,
    checksum        TEXT   NOT NULL
);
