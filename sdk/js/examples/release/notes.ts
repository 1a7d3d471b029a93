// Writes notes of a release in Markdown.

import type { Commit } from './commits.ts';

const SECTIONS: [title: string, types: string[]][] = [
  ['Features', ['feat']],
  ['Fixes', ['fix']],
  ['Faster', ['perf']],
];

export function notes(version: string, commits: Commit[]): string {
  const breaking = commits.filter((commit) => commit.breaking !== undefined);
  const parts = [`## ${version}`, section('Breaking changes', breaking, (commit) => commit.breaking!)];
  const shown = SECTIONS.flatMap(([, types]) => types);
  for (const [title, types] of SECTIONS) {
    parts.push(section(title, commits.filter(({ type }) => types.includes(type ?? '')), (commit) => commit.subject));
  }
  parts.push(section('Other changes', commits.filter(({ type }) => type === undefined || !shown.includes(type)), (commit) => commit.subject));
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function section(title: string, commits: Commit[], text: (commit: Commit) => string): string {
  if (commits.length === 0) return '';
  const lines = commits.map((commit) => {
    const scope = commit.scope === undefined ? '' : `**${commit.scope}:** `;
    const sha = commit.sha === undefined ? '' : ` (${commit.sha.slice(0, 7)})`;
    return `- ${scope}${text(commit)}${sha}`;
  });
  return `### ${title}\n\n${lines.join('\n')}`;
}
