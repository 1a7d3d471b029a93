// Tests without a host: `npm test`, after `taskloom plugin build`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from 'taskloom-sdk/testing';
import plugin from './plugin.js';

test('a greeting names whom it greets', async () => {
  const host = new Host();
  const output = await host.execute(plugin, 'greet', { name: 'Ada', times: 2 });
  assert.deepEqual(output, { text: 'Hello, Ada! Hello, Ada!' });
  assert.equal(host.lines.length, 1);
});
