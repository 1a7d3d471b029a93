// What plugin(…) makes of a declaration, and what it says of a wrong one.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TaskError, ai, artefact, attempt, checkCancelled, context, fetch, fetchJson, log, metric, ok, plugin, progress, schema, secret, task } from '../src/index.js';
import { Host, manifest } from '../src/testing.js';

const parrot = plugin({
  name: 'parrot',
  version: '0.1.0',
  summary: 'Repeats.',
  http: ['a.example', '*'],
  tasks: {
    repeat: task(
      {
        summary: 'Repeats a word.',
        docs: 'As often as it is told.',
        effects: 'pure',
        input: schema.object({ word: schema.string(), times: schema.optional(schema.integer({ minimum: 0 }), 1) }),
        output: schema.object({ words: schema.array(schema.string()) }),
        limits: { fuel: 1000, timeoutMs: 50 },
      },
      ({ word, times }) => {
        const words = [];
        for (let turn = 1; turn <= times; turn += 1) {
          checkCancelled();
          progress(turn / times, 'repeating');
          words.push(word);
        }
        log.info(`repeated ${word}`, { times, attempt: attempt.number });
        return { words };
      },
    ),
    bare: task({ input: schema.any(), output: true, resourceClass: 'github' }, async () => undefined),
  },
});

test('the manifest says what the declaration says', () => {
  const { task_types: types, ...head } = manifest(parrot);
  assert.deepEqual(head, {
    name: 'parrot',
    version: '0.1.0',
    summary: 'Repeats.',
    contract: '1.0.0',
    capabilities: { http: ['a.example', '*'] },
  });
  assert.deepEqual(types.repeat, {
    summary: 'Repeats a word.',
    docs: 'As often as it is told.',
    input_schema: {
      type: 'object',
      properties: { word: { type: 'string' }, times: { type: 'integer', minimum: 0, default: 1 } },
      required: ['word'],
      additionalProperties: false,
    },
    output_schema: {
      type: 'object',
      properties: { words: { type: 'array', items: { type: 'string' } } },
      required: ['words'],
      additionalProperties: false,
    },
    effects: 'pure',
    resource_class: 'cpu',
    idempotent: true,
    limits: { fuel: 1000, timeout_ms: 50 },
  });
  assert.deepEqual(types.bare, {
    summary: '',
    input_schema: {},
    output_schema: true,
    effects: 'writes',
    resource_class: 'github',
    idempotent: false,
  });
});

test('a handler is called with JSON, and what it says is kept', async () => {
  const host = new Host({ attempt: 2 });
  assert.deepEqual(await host.execute(parrot, 'repeat', { word: 'hi' }), { words: ['hi'] });
  assert.deepEqual(host.progress, [[1, 'repeating']]);
  assert.deepEqual(host.lines, [{ level: 'info', message: 'repeated hi', fields: { times: 1, attempt: 2 } }]);
});

test('a cancelled handler stops', async () => {
  const host = new Host({ cancelled: true });
  await assert.rejects(host.execute(parrot, 'repeat', { word: 'hi' }), { class: 'cancelled' });
});

test('an unknown task type and an output that is no JSON are failures that say so', async () => {
  const host = new Host();
  await assert.rejects(host.execute(parrot, 'reptile', {}), {
    code: 'unknown-task-type',
    message: 'unknown task type `reptile`; this plugin has `repeat`, `bare`',
  });
  await assert.rejects(host.execute(parrot, 'bare', {}), {
    class: 'permanent',
    code: 'invalid-output',
    message: "the handler returned undefined: return a value that fits the output's schema",
  });
});

test('everything that is wrong with a declaration is said at once', () => {
  const wrong = () =>
    plugin({
      name: 'Parrot',
      version: 1,
      sumary: 'Repeats.',
      tasks: {
        repeat: task({ input: { type: 'strng', properties: { a: () => {} } }, effects: 'none', limits: { time: 1 } }),
        'Say It': () => {},
        zod: task({ input: { _zod: {}, parse() {} }, output: schema.any }, () => {}),
      },
    });
  assert.throws(wrong, (error) => {
    for (const expected of [
      'sumary: there is no such key; there are name, version, summary, http, secrets, ai, reuse, context, tasks',
      'name: is "Parrot"; it is the stem of the file',
      'version: is the number 1; it is a version such as "1.2.3"',
      'tasks.repeat: the handler is undefined, not a function',
      'tasks.repeat.effects: is "none"; it is one of "pure", "reads", "writes"',
      'tasks.repeat.input.type: "strng" is none of string, number',
      'tasks.repeat.input.properties.a: a schema is an object of JSON Schema or a boolean, not a function; was it meant to be called?',
      'tasks.repeat.output: the schema is missing; schema.any() accepts everything',
      'tasks.repeat.limits.time: there is no such key; there are fuel, memoryBytes, timeoutMs, outputBytes',
      'tasks.Say It: the name of a task type has lower-case letters',
      'tasks.Say It: is a function without a declaration: write task({ input: …, output: … }',
      'tasks.zod.input.parse: a function is no JSON',
      'tasks.zod.output: a schema is an object of JSON Schema or a boolean, not a function',
    ]) {
      assert.ok(error.message.includes(expected), `${expected}\nis not in\n${error.message}`);
    }
    return true;
  });
  assert.throws(() => plugin({ name: 'a', version: '1.0.0', tasks: {} }), /tasks: is an empty object; it has a task type at least/);
});

test('files are left and read', async () => {
  const host = new Host();
  const given = host.file('in.csv', 'text/csv', 'a,b');
  const read = await host.run(() => {
    artefact.put('a.txt', 'text/plain', 'one');
    artefact.put('a.txt', 'text/plain', 'twö');
    return artefact.readText(given);
  });
  assert.equal(read, 'a,b');
  assert.deepEqual(host.artefacts.map(({ name, bytes }) => [name, bytes]), [['a.txt', 4]]);
  await assert.rejects(host.run(() => artefact.read('sha256:0')), { code: 'unknown-artefact' });
});

test('what a plugin asks for is declared, and what is not there is told', async () => {
  const made = plugin({
    ...parrot,
    secrets: ['token'],
    ai: true,
    reuse: true,
    context: { read: ['team'], write: [] },
    tasks: {
      ask: task({ input: true, output: true }, () => {
        metric('rows', 1200);
        context.set('team', { name: 'docs' });
        return { token: secret('token'), team: context.get('team'), none: context.get('other') ?? null, answer: ai.complete({ messages: [{ role: 'user', content: 'hi' }] }).text };
      }),
    },
  });
  assert.deepEqual(manifest(made).capabilities, { http: ['a.example', '*'], secrets: ['token'], ai: true, reuse: true, context: { read: ['team'] } });
  const host = new Host({
    secrets: ['token'],
    ai: (request) => ({ text: request.messages[0].content.toUpperCase(), model: 'fake', usage: { input_tokens: 1, output_tokens: 1 } }),
  });
  const output = await host.execute(made, 'ask', {});
  assert.deepEqual(output, { token: 'placeholder-of-token', team: { name: 'docs' }, none: null, answer: 'HI' });
  assert.deepEqual([host.metrics, host.context], [{ rows: 1200 }, { team: { name: 'docs' } }]);
  await assert.rejects(new Host().execute(made, 'ask', {}), { class: 'permanent', code: 'not-granted' });
  assert.throws(() => plugin({ ...parrot, secrets: 'token', ai: 1, context: { raed: [] } }), (error) => {
    for (const expected of ['secrets: is "token"; it is a list', 'ai: is the number 1', 'context.raed: there is no such key; there are read, write']) {
      assert.ok(error.message.includes(expected), error.message);
    }
    return true;
  });
});

test('basic credentials are in base64', () => {
  for (const [user, password, expected] of [
    ['Aladdin', 'open sesame', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    ['', '', 'Basic Og=='],
    ['é', 'ü', 'Basic w6k6w7w='],
  ]) {
    assert.equal(secret.basic(user, password), expected);
  }
});

test('the status of an answer decides the class', async () => {
  for (const [status, headers, expected] of [
    [429, {}, 'retryable'],
    [429, { 'retry-after': '5' }, 'retry-after'],
    [403, { 'retry-after': '5' }, 'retry-after'],
    [503, { 'retry-after': 'Sun, 06 Nov 1994 08:50:37 GMT', date: 'Sun, 06 Nov 1994 08:50:32 GMT' }, 'retry-after'],
    [500, {}, 'retryable'],
    [408, {}, 'retryable'],
    [403, {}, 'permanent'],
    [404, { 'retry-after': '5' }, 'permanent'],
    [501, {}, 'permanent'],
    [301, { location: '/x' }, 'permanent'],
  ]) {
    const host = new Host({ fetch: () => new Response('why', { status, headers }) });
    const error = await host.run(() => fetch('https://a.example/').then(ok)).then(() => undefined, (thrown) => thrown);
    assert.equal(error?.class, expected, `${status}`);
    assert.equal(error.code, `http-${status}`);
    assert.equal(error.retryAfterMs, expected === 'retry-after' ? 5000 : undefined);
    assert.equal(error.details.body, 'why');
  }
});

test('requests are answered by the test, or not granted', async () => {
  const host = new Host({ fetch: async (request) => Response.json({ asked: new URL(request.url).pathname, by: request.method }) });
  assert.deepEqual(await host.run(() => fetchJson('https://a.example/x', { method: 'POST' })), { asked: '/x', by: 'POST' });
  assert.equal(host.requests.length, 1);
  await assert.rejects(new Host().run(() => fetch('https://a.example/')), { class: 'permanent', code: 'http-denied' });
  const broken = new Host({ fetch: () => { throw new TypeError('no route'); } });
  await assert.rejects(broken.run(() => fetch('https://a.example/')), { class: 'retryable', code: 'http-failed' });
});

test('an error says what was being done, and keeps its class', () => {
  const error = TaskError.retryAfter(1.5, 'rate-limited', 'too many requests', { details: { left: 0 } }).context('listing labels');
  assert.deepEqual(
    [error.class, error.retryAfterMs, error.message, error.details],
    ['retry-after', 2, 'listing labels: too many requests', { left: 0 }],
  );
});

test('outside of a component and of a test nobody answers, and the message says what to do', () => {
  assert.throws(() => log.info('hello'), /new Host\(\)\.run/);
});
