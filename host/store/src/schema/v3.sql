-- What plugins were refused: made from the results of attempts, in their transaction. An attempt keeps its
-- first refusals whole, a row each; `refused` is how many it had.
CREATE TABLE refusal (
    id         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL,
    plugin     TEXT    NOT NULL,
    task       TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    capability TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    refused    INTEGER NOT NULL
);
CREATE INDEX refusal_of_plugin ON refusal (plugin, at);
CREATE INDEX refusal_of_attempt ON refusal (run, task, attempt);

-- An attempt names the version that ran; which plugin that is, say the pins of the runs. A version is one
-- plugin's alone, since a component names its plugin.
INSERT INTO refusal (run, plugin, task, attempt, at, capability, message, refused)
WITH
    version (digest, plugin) AS MATERIALIZED (
        SELECT pin.value, pin.key
        FROM event, json_each(event.body, '$.RunStarted.pins') AS pin
        WHERE kind = 'run-started'
        UNION
        SELECT json_extract(body, '$.PluginPinned.digest'), json_extract(body, '$.PluginPinned.plugin')
        FROM event WHERE kind = 'plugin-pinned'
        UNION
        SELECT json_extract(body, '$.PluginRepinned.to'), json_extract(body, '$.PluginRepinned.plugin')
        FROM event WHERE kind = 'plugin-repinned'
    ),
    -- The text is looked at first: few results have refusals, and only those need to be read as JSON.
    result (cursor, run, at, body) AS (
        SELECT event.cursor, run.stream, event.at, ended.value
        FROM event
        JOIN run ON run.stream = event.stream
        JOIN json_each(event.body) AS ended
        WHERE kind IN ('attempt-succeeded', 'attempt-failed', 'attempt-cancelled', 'attempt-released')
            AND instr(event.body, '"refusals":') > 0
    )
SELECT
    result.run,
    version.plugin,
    json_extract(result.body, '$.task'),
    json_extract(result.body, '$.number'),
    result.at,
    json_extract(refusal.value, '$.capability'),
    json_extract(refusal.value, '$.message'),
    json_extract(result.body, '$.usage.capabilities.refused')
FROM result
JOIN json_each(result.body, '$.usage.capabilities.refusals') AS refusal
JOIN version ON version.digest = json_extract(result.body, '$.usage.plugin_digest')
ORDER BY result.cursor, refusal.key;
