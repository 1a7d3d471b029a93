// Reads messages of commits: https://www.conventionalcommits.org.

/** A message, taken apart. */
export interface Commit {
  /** `feat`, `fix`, …; missing when the message follows no convention. */
  type?: string;
  scope?: string;
  subject: string;
  /** What breaks, if anything does. */
  breaking?: string;
  sha?: string;
}

const HEADER = /^(?<type>[A-Za-z]+)(?:\((?<scope>[^()\r\n]+)\))?(?<mark>!)?:\s+(?<subject>.+)$/;
const FOOTER = /^BREAKING[ -]CHANGE:\s*(?<text>[\s\S]+?)(?=\n\n|\n[A-Za-z-]+(?:: | #)|(?![\s\S]))/m;

export function parse(message: string, sha?: string): Commit {
  const [header = '', ...rest] = message.trim().split(/\r?\n/);
  const found = HEADER.exec(header)?.groups;
  const footer = FOOTER.exec(rest.join('\n'))?.groups?.text?.trim().replace(/\s+/g, ' ');
  if (found === undefined) return { subject: header, breaking: footer, sha };
  const { type, scope, mark, subject } = found;
  const breaking = footer ?? (mark === undefined ? undefined : subject);
  return { type: type!.toLowerCase(), scope, subject: subject!.trim(), breaking, sha };
}
