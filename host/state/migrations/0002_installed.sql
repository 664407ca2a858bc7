-- Which version of each plugin has run its `install` or `upgrade` hook.
CREATE TABLE installed (
    plugin TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL
);
