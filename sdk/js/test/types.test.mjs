// The types of the SDK hold: TypeScript accepts its declarations, the example, and refuses what is wrong.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SDK = join(dirname(fileURLToPath(import.meta.url)), '..');

test('TypeScript accepts the declarations, the example and the table of what it must refuse', () => {
  const compiler = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  const { status, stdout } = spawnSync(process.execPath, [compiler], { cwd: SDK, encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});
