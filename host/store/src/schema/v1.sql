-- The journal: the only truth.

-- A stream's name is a run's 16 bytes (a blob) or a plugin's name (a text).
CREATE TABLE stream (
    id   INTEGER PRIMARY KEY,
    name NOT NULL UNIQUE
);

-- One row per event. The key is the cursor: the order in which events were committed.
CREATE TABLE event (
    cursor INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    body   TEXT    NOT NULL
);
CREATE UNIQUE INDEX event_of_stream ON event (stream, seq);

-- Texts that events refer to, by the SHA-256 of their bytes.
CREATE TABLE payload (
    id         INTEGER PRIMARY KEY,
    digest     BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    body       TEXT    NOT NULL
);

-- Views: made from the journal, in the same transaction.

CREATE TABLE run (
    stream      INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL,
    workflow    TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    definition  BLOB    NOT NULL,
    status      TEXT    NOT NULL,
    outcome     TEXT,
    priority    INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    tasks_total INTEGER NOT NULL,
    tasks_ended INTEGER NOT NULL,
    wake_at     INTEGER,
    key         TEXT,
    request     BLOB,
    trigger     TEXT    NOT NULL
);
-- Each list is newest first and read from one index; the key, `stream`, is part of every index.
CREATE INDEX run_started ON run (started_at);
CREATE INDEX run_workflow ON run (workflow, started_at);
CREATE INDEX run_outcome ON run (outcome, started_at) WHERE outcome IS NOT NULL;
CREATE INDEX run_workflow_outcome ON run (workflow, outcome, started_at) WHERE outcome IS NOT NULL;
CREATE INDEX run_unfinished ON run (status, started_at) WHERE outcome IS NULL;

CREATE TABLE idempotency (
    workflow TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    run      INTEGER NOT NULL,
    request  BLOB    NOT NULL,
    PRIMARY KEY (workflow, key)
) WITHOUT ROWID;

CREATE TABLE attempt (
    run               INTEGER NOT NULL,
    task              TEXT    NOT NULL,
    number            INTEGER NOT NULL,
    task_type         TEXT    NOT NULL,
    outcome           TEXT    NOT NULL,
    class             TEXT    NOT NULL,
    ready_at          INTEGER NOT NULL,
    claimed_at        INTEGER NOT NULL,
    started_at        INTEGER,
    ended_at          INTEGER NOT NULL,
    cpu_ms            INTEGER NOT NULL,
    host_wait_ms      INTEGER NOT NULL,
    fuel_used         INTEGER NOT NULL,
    memory_peak_bytes INTEGER NOT NULL,
    input_bytes       INTEGER NOT NULL,
    output_bytes      INTEGER NOT NULL,
    plugin_digest     BLOB,
    PRIMARY KEY (run, task, number)
) WITHOUT ROWID;
CREATE INDEX attempt_type ON attempt (task_type, ended_at);

-- Not journaled: lines that handlers logged, in the order of their arrival.
CREATE TABLE log (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    task    TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    level   TEXT    NOT NULL,
    message TEXT    NOT NULL,
    fields  TEXT
);
CREATE INDEX log_of_run ON log (run);
CREATE INDEX log_of_task ON log (run, task);

-- Numbers of the host itself: `epoch`, the fencing epoch of the last start.
CREATE TABLE host (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO host (name, value) VALUES ('epoch', 0);
