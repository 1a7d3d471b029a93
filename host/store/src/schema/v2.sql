-- What led to a run, for lists; and the concurrency key under which it counts.
ALTER TABLE run ADD COLUMN parent BLOB;
ALTER TABLE run ADD COLUMN rerun_of BLOB;
ALTER TABLE run ADD COLUMN concurrency_key TEXT;
ALTER TABLE run ADD COLUMN trigger_name TEXT;
CREATE INDEX run_trigger ON run (trigger, started_at);
CREATE INDEX run_parent ON run (parent, started_at) WHERE parent IS NOT NULL;
CREATE INDEX run_rerun_of ON run (rerun_of, started_at) WHERE rerun_of IS NOT NULL;
CREATE INDEX run_live_of_key ON run (workflow, concurrency_key, started_at)
    WHERE outcome IS NULL AND concurrency_key IS NOT NULL;

UPDATE run SET
    parent = (
        SELECT unhex(replace(json_extract(body, '$.RunStarted.parent.run'), '-', ''))
        FROM event WHERE event.stream = run.stream AND seq = 1
    ),
    rerun_of = (
        SELECT unhex(replace(json_extract(body, '$.RunStarted.rerun.run'), '-', ''))
        FROM event WHERE event.stream = run.stream AND seq = 1
    )
WHERE trigger IN ('workflow', 'rerun');

-- Files that attempts left, by the SHA-256 of their bytes; the bytes lie in the data folder.
CREATE TABLE artefact (
    run        INTEGER NOT NULL,
    task       TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    PRIMARY KEY (run, task, attempt, name)
) WITHOUT ROWID;
CREATE INDEX artefact_digest ON artefact (digest);

-- Outputs that a later attempt with the same key may take over. `output` is a reference to a
-- payload, as events have it. Not journaled: losing a row costs a call, nothing else.
CREATE TABLE cached_result (
    key     BLOB    PRIMARY KEY,
    output  TEXT    NOT NULL,
    run     BLOB    NOT NULL,
    task    TEXT    NOT NULL,
    made_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX cached_result_made ON cached_result (made_at);

-- How many runs and cached results were deleted since payloads were swept the last time.
INSERT INTO host (name, value) VALUES ('garbage', 0);
