// What the build says of modules that are no plugins. None of it makes a component, so it is quick.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SDK = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Checks a module of this source; gives what is printed. */
function check(source, ...options) {
  const folder = mkdtempSync(join(SDK, 'test/.module-'));
  try {
    writeFileSync(join(folder, 'plugin.ts'), source);
    const arguments_ = ['build.mjs', join(folder, 'plugin.ts'), ...(options.length > 0 ? options : ['--check'])];
    const { status, stdout, stderr } = spawnSync(process.execPath, arguments_, { cwd: SDK, encoding: 'utf8' });
    assert.deepEqual(readdirSync(folder), ['plugin.ts'], 'nothing stays behind');
    return { status, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const DECLARED = `
  import { plugin, schema, task } from 'taskloom-sdk';
  const greet = task({ input: schema.any(), output: schema.any() }, (input: unknown) => input);
`;

test('a module is checked, and its manifest shown', () => {
  const { status, stdout } = check(`${DECLARED} export default plugin({ name: 'hello', version: '1.0.0', tasks: { greet } });`);
  assert.equal(status, 0);
  assert.deepEqual(Object.keys(JSON.parse(stdout).task_types), ['greet']);
});

test('what is wrong is said with what to do about it', () => {
  for (const [source, expected] of [
    ['export const a = 1;', 'has no default export (it exports "a"): write `export default plugin({ … })`'],
    ['export default { name: "x" };', 'has a default export that plugin(…) has not made'],
    [`${DECLARED} export default plugin({ name: 'hello', tasks: { greet } });`, 'version: is missing; it is a version such as "1.2.3"'],
    ['import fs from "node:fs"; export default fs;', 'there is no "fs" of Node in a plugin'],
    ['import x from "left-pad-of-nobody"; export default x;', 'there is no package "left-pad-of-nobody": is it installed'],
    ['export default (', 'plugin.ts:1:'],
    [`${DECLARED} throw new Error('at the top');`, 'at the top'],
    [`import { log } from 'taskloom-sdk'; log.info('too early');`, 'While a plugin is built, code outside of its handlers cannot ask the host'],
  ]) {
    const { status, stderr } = check(source, '--check');
    assert.equal(status, 1, source);
    assert.ok(stderr.includes(expected), `${expected}\nis not in\n${stderr}`);
  }
});

test('the file has the name of the plugin', () => {
  const source = `${DECLARED} export default plugin({ name: 'hello', version: '1.0.0', tasks: { greet } });`;
  const { status, stderr } = check(source, '--out', 'other.wasm');
  assert.equal(status, 1);
  assert.ok(stderr.includes('the plugin\'s name is "hello", so its file is hello.wasm and not other.wasm'), stderr);
});
