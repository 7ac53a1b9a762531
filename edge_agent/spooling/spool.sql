-- A message's place n counts over all epochs of the spool, so that "oldest first" is "by n". Each epoch owns the places
-- above its base: n = base + seq. The rows of message are never changed; the newest row of all is never deleted, so the
-- count goes on where it was after everything acknowledged has been dropped.
CREATE TABLE IF NOT EXISTS epoch (
    base       INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,          -- ms since 1970 UTC
    last       INTEGER                    -- highest place; NULL in the current epoch
) STRICT;

CREATE TABLE IF NOT EXISTS message (
    n    INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,                -- when it was appended, ms since 1970 UTC
    line BLOB    NOT NULL                 -- the message as it is published
) STRICT;

-- What is known of the messages' fate: JSON lists of [lo, hi], both places included; and counters.
CREATE TABLE IF NOT EXISTS note (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Records made before the clock could be believed: no time, so no seq yet.
CREATE TABLE IF NOT EXISTS undated (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    boot      TEXT    NOT NULL,           -- start of the machine: its monotonic time means nothing in another
    offset_ms INTEGER NOT NULL,           -- what the wall clock showed, minus the time since the machine started
    body      BLOB    NOT NULL            -- JSON: [what the wall clock showed at the slot's end, readings, events]
) STRICT;
