// A plugin that plans releases from conventional commits and checks versions.

import semver from 'semver';
import { TaskError, log, plugin, schema, task } from 'taskloom-sdk';

import { type Commit, parse } from './commits.ts';
import { notes } from './notes.ts';

const version = schema.string({ description: 'A semantic version, such as `1.4.2` or `v1.4.2`.' });

const plan = task(
  {
    summary: 'Plans the next release: its version and its notes, from the messages of commits.',
    docs:
      'Messages follow Conventional Commits: `feat:` makes a minor version, `fix:` and `perf:` a patch, `!` or ' +
      '`BREAKING CHANGE:` a major one (below 1.0.0: a minor one). Other messages are listed as they are.',
    effects: 'pure',
    input: schema.object({
      current: version,
      commits: schema.array(
        schema.object({
          message: schema.string({ description: 'The whole message.' }),
          sha: schema.optional(schema.string()),
        }),
      ),
      prerelease: schema.optional(schema.string({ pattern: '^[0-9A-Za-z-]+$', description: 'Such as `rc`, for `1.5.0-rc.0`.' })),
    }),
    output: schema.object({
      next: schema.string({ description: 'The next version; the current one when nothing is to be released.' }),
      bump: schema.enum(['major', 'minor', 'patch', 'none']),
      breaking: schema.array(schema.string()),
      notes: schema.string({ description: 'The notes, in Markdown.' }),
      counts: schema.record(schema.integer()),
    }),
  },
  (input) => {
    const current = read(input.current);
    const commits = input.commits.map(({ message, sha }) => parse(message, sha));
    const bump = bumpOf(commits, current);
    const next = nextOf(current, bump, input.prerelease);
    log.info(`${current} → ${next}`, { bump, commits: commits.length });
    return {
      next,
      bump,
      breaking: commits.flatMap((commit) => commit.breaking ?? []),
      notes: notes(next, commits),
      counts: counts(commits),
    };
  },
);

const check = task(
  {
    summary: 'Checks a version that is about to be released against those that are.',
    effects: 'pure',
    input: schema.object({
      version,
      released: schema.optional(schema.array(schema.string()), []),
      range: schema.optional(schema.string({ description: 'A range that it has to satisfy, such as `^1.2`.' })),
    }),
    output: schema.object({
      ok: schema.boolean(),
      problems: schema.array(schema.string()),
      newest: schema.union([schema.string(), schema.null()], { description: 'The newest released version that is no prerelease.' }),
    }),
  },
  (input) => {
    const released = input.released.map(read);
    const candidate = read(input.version);
    const newest = semver.rsort(released.filter((one) => semver.prerelease(one) === null))[0] ?? null;
    const problems: string[] = [];
    if (released.some((one) => semver.eq(one, candidate))) problems.push(`${candidate} is released already`);
    if (newest !== null && semver.lt(candidate, newest)) problems.push(`${candidate} is older than ${newest}`);
    if (newest !== null && skips(newest, candidate)) problems.push(`${candidate} skips a version after ${newest}`);
    if (input.range !== undefined && !semver.satisfies(candidate, range(input.range), { includePrerelease: true })) {
      problems.push(`${candidate} is not in ${input.range}`);
    }
    return { ok: problems.length === 0, problems, newest };
  },
);

export default plugin({
  name: 'release',
  version: '0.1.0',
  summary: 'Plans and checks releases',
  tasks: { plan, check },
});

function read(text: string): string {
  const found = semver.valid(text);
  if (found === null) throw TaskError.invalidInput('bad-version', `\`${text}\` is no semantic version such as 1.4.2`);
  return found;
}

function range(text: string): string {
  const found = semver.validRange(text);
  if (found === null) throw TaskError.invalidInput('bad-range', `\`${text}\` is no range of versions such as ^1.2`);
  return found;
}

type Bump = 'major' | 'minor' | 'patch' | 'none';

function bumpOf(commits: Commit[], current: string): Bump {
  const young = semver.major(current) === 0;
  if (commits.some((commit) => commit.breaking !== undefined)) return young ? 'minor' : 'major';
  if (commits.some((commit) => commit.type === 'feat')) return 'minor';
  return commits.some((commit) => commit.type === 'fix' || commit.type === 'perf') ? 'patch' : 'none';
}

function nextOf(current: string, bump: Bump, prerelease: string | undefined): string {
  if (bump === 'none') return current;
  // A further prerelease of the same version keeps it.
  if (prerelease !== undefined && semver.prerelease(current)?.[0] === prerelease) return semver.inc(current, 'prerelease', prerelease)!;
  return prerelease === undefined ? semver.inc(current, bump)! : semver.inc(current, `pre${bump}`, prerelease)!;
}

/** Whether a version lies between two that should follow each other. */
function skips(newest: string, candidate: string): boolean {
  if (semver.lte(candidate, newest)) return false;
  const base = `${semver.major(candidate)}.${semver.minor(candidate)}.${semver.patch(candidate)}`;
  return !(['major', 'minor', 'patch'] as const).some((bump) => semver.inc(newest, bump) === base);
}

function counts(commits: Commit[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { type } of commits) found[type ?? 'other'] = (found[type ?? 'other'] ?? 0) + 1;
  return found;
}
