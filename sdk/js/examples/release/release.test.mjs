// Tests the plugin as its author would: handlers are called natively, by the stand-in for the host.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { build } from 'esbuild';
import { Host } from 'taskloom-sdk/testing';

const HERE = dirname(fileURLToPath(import.meta.url));
let folder;
let release;

// Node 20 reads no TypeScript by itself.
before(async () => {
  folder = mkdtempSync(join(HERE, '.test-'));
  const outfile = join(folder, 'release.mjs');
  await build({ entryPoints: [join(HERE, 'release.ts')], outfile, bundle: true, format: 'esm', platform: 'node', external: ['taskloom-sdk'], banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" } });
  release = (await import(pathToFileURL(outfile))).default;
});
after(() => rmSync(folder, { recursive: true }));

const run = (task, input) => new Host().execute(release, task, input);

test('the commits decide the next version', async () => {
  for (const [current, messages, prerelease, next, bump] of [
    ['1.4.2', ['docs: words'], undefined, '1.4.2', 'none'],
    ['v1.4.2', ['fix: a', 'docs: b'], undefined, '1.4.3', 'patch'],
    ['1.4.2', ['perf(core): a'], undefined, '1.4.3', 'patch'],
    ['1.4.2', ['fix: a', 'feat(api): b'], undefined, '1.5.0', 'minor'],
    ['1.4.2', ['feat!: b'], undefined, '2.0.0', 'major'],
    ['1.4.2', ['fix: a\n\nBREAKING CHANGE: gone'], undefined, '2.0.0', 'major'],
    ['0.4.2', ['feat!: b'], undefined, '0.5.0', 'minor'],
    ['1.4.2', ['feat: b'], 'rc', '1.5.0-rc.0', 'minor'],
    ['1.5.0-rc.0', ['fix: b'], 'rc', '1.5.0-rc.1', 'patch'],
    ['1.4.2', ['Merge branch x'], undefined, '1.4.2', 'none'],
  ]) {
    const commits = messages.map((message) => ({ message }));
    const plan = await run('plan', { current, commits, prerelease });
    assert.deepEqual([plan.next, plan.bump], [next, bump], `${current} ${messages}`);
  }
});

test('the notes list what changed', async () => {
  const commits = [
    { message: 'feat(api)!: drop v1\n\nBREAKING CHANGE: v1 is gone,\nuse v2\n\nRefs: #1', sha: 'abcdef0123456' },
    { message: 'fix: a leak' },
    { message: 'Merge branch x' },
  ];
  const { notes, breaking, counts } = await run('plan', { current: '1.0.0', commits });
  assert.deepEqual(breaking, ['v1 is gone, use v2']);
  assert.deepEqual(counts, { feat: 1, fix: 1, other: 1 });
  assert.equal(notes, `## 2.0.0

### Breaking changes

- **api:** v1 is gone, use v2 (abcdef0)

### Features

- **api:** drop v1 (abcdef0)

### Fixes

- a leak

### Other changes

- Merge branch x
`);
});

test('a version is checked against those that are released', async () => {
  const released = ['1.0.0', 'v1.1.0', '2.0.0-rc.1'];
  for (const [version, range, problems] of [
    ['1.1.1', undefined, []],
    ['1.2.0', '^1.1', []],
    ['2.0.0', undefined, []],
    ['1.1.0', undefined, ['1.1.0 is released already']],
    ['1.0.1', undefined, ['1.0.1 is older than 1.1.0']],
    ['1.3.0', '~1.1', ['1.3.0 skips a version after 1.1.0', '1.3.0 is not in ~1.1']],
  ]) {
    const found = await run('check', { version, released, range });
    assert.deepEqual([found.problems, found.ok, found.newest], [problems, problems.length === 0, '1.1.0'], version);
  }
});

test('what is no version or range is the input’s fault', async () => {
  await assert.rejects(run('check', { version: 'one' }), { class: 'invalid-input', code: 'bad-version' });
  await assert.rejects(run('check', { version: '1.0.0', range: 'about 1' }), { class: 'invalid-input', code: 'bad-range' });
});
