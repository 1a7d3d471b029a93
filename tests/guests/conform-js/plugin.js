// Does in JavaScript what the guest `hostile` does in Rust, so that the same table of behaviours runs over both.

import {
  TaskError, ai, artefact, attempt, checkCancelled, context, fetch, log, metric, plugin, progress, schema, secret, task,
} from 'taskloom-sdk';

const anything = schema.any();
const nothing = schema.object({});

/** A task type by its effects, handler and what its input is. */
const of = (effects, handler, { input = anything, output = anything, ...more } = {}) =>
  task({ effects, input, output, ...more }, handler);

const FAIL = schema.object({
  class: schema.enum(['retryable', 'retry-after', 'invalid-input', 'permanent', 'cancelled']),
  code: schema.optional(schema.string(), 'asked-to-fail'),
  message: schema.optional(schema.string(), 'the input asks for a failure'),
  delay_ms: schema.optional(schema.integer(), 1000),
  details: schema.optional(schema.any()),
});

const OPEN = schema.object({
  url: schema.string(),
  method: schema.optional(schema.string(), 'GET'),
  body: schema.optional(schema.string()),
});

function fail({ class: errorClass, code, message, delay_ms: delay, details }) {
  switch (errorClass) {
    case 'retryable': throw TaskError.retryable(code, message, { details });
    case 'retry-after': throw TaskError.retryAfter(delay, code, message, { details });
    case 'invalid-input': throw TaskError.invalidInput(code, message, { details });
    case 'permanent': throw TaskError.permanent(code, message, { details });
    default: throw TaskError.cancelled();
  }
}

async function open({ url, method, body }) {
  const response = await fetch(url, { method, body });
  return { status: response.status, body: await response.text() };
}

function talk({ lines }) {
  const levels = ['trace', 'debug', 'info', 'warn', 'error'];
  for (let line = 1; line <= lines; line += 1) {
    log[levels[(line - 1) % levels.length]](`line ${line}`, { line });
    progress(line / lines, `line ${line}`);
  }
  return {};
}

function identity() {
  return {
    run_id: attempt.runId,
    workflow_id: attempt.workflowId,
    task_id: attempt.taskId,
    attempt: attempt.number,
    max_attempts: attempt.max,
    idempotency_key: attempt.idempotencyKey,
    remaining_ms: attempt.remainingMs,
    traceparent: attempt.traceparent ?? null,
  };
}

function leave({ files, media_type: mediaType = 'text/plain' }) {
  return { left: files.map(([name, text]) => artefact.put(name, mediaType, text)) };
}

function obeyCancel() {
  progress(0, 'waiting for the end');
  for (;;) checkCancelled();
}

function deep(value) {
  return value.missing.property;
}

/** Sends a request whose header has the secret `token` where it says `{token}`. */
async function sendSecret({ url, headers = {} }) {
  const withSecret = (text) => (text.includes('{token}') ? text.replaceAll('{token}', secret('token')) : text);
  const sent = Object.entries(headers).map(([name, value]) => [name, withSecret(value)]);
  const response = await fetch(url, { headers: Object.fromEntries(sent) });
  return { status: response.status, body: await response.text() };
}

function askModel({ prompt, schema: wanted }) {
  const messages = [{ role: 'user', content: prompt }];
  const { text, value = null, model } = ai.complete({ messages, ...(wanted ? { schema: wanted } : {}) });
  return { text, value, model };
}

function useContext({ set = {}, get = [] }) {
  Object.entries(set).forEach(([name, value]) => context.set(name, value));
  return { got: Object.fromEntries(get.map((name) => [name, context.get(name) ?? null])) };
}

function measure({ values }) {
  values.forEach(([name, value]) => metric(name, value));
  return {};
}

/** What a call finds that an earlier one has left in the instance. */
let calls = 0;

export default plugin({
  name: 'conform-js',
  version: '0.1.0',
  summary: 'Does in JavaScript what guests of the tests do',
  http: ['*'],
  secrets: ['token'],
  ai: true,
  reuse: true,
  context: { read: ['*'], write: ['*'] },
  tasks: {
    noop: of('pure', () => ({}), { output: nothing }),
    echo: of('pure', (input) => input),
    'count-calls': of('reads', () => (calls += 1)),
    panic: of('pure', function panic(input) { return deep(input); }),
    fail: of('reads', fail, { input: FAIL }),
    talk: of('reads', talk),
    identity: of('reads', identity),
    leave: of('reads', leave),
    'read-file': of('reads', ({ wanted }) => ({ text: artefact.readText(wanted) })),
    'open-url': of('writes', open, { input: OPEN, resourceClass: 'io' }),
    'open-url-reads': of('reads', open, { input: OPEN, resourceClass: 'io' }),
    'open-url-pure': of('pure', open, { input: OPEN, resourceClass: 'io' }),
    'send-secret': of('writes', sendSecret, { resourceClass: 'io' }),
    'ask-model': of('reads', askModel, { resourceClass: 'io' }),
    'use-context': of('writes', useContext),
    measure: of('pure', measure),
    'obey-cancel': of('reads', obeyCancel),
    spin: of('pure', () => { for (;;); }),
    allocate: of('pure', () => { const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1)); }),
    recurse: of('pure', function recurse() { return 1 + recurse(); }),
    'wrong-output': of('pure', () => ({ text: 5 }), { output: schema.object({ text: schema.string() }) }),
    'flood-output': of('pure', ({ bytes }) => ({ text: 'x'.repeat(bytes) })),
    print: of('pure', () => { console.log('to the log'); return {}; }),
    count: of('writes', () => ({ calls: (calls += 1) })),
    chance: of('pure', () => ({ random: Math.random(), now: Date.now() })),
    'chance-writes': of('writes', () => ({ random: Math.random(), now: Date.now() })),
  },
});
