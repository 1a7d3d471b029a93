// Tests handlers without a host: a stand-in answers what they ask and keeps what they say.

import { createHash } from 'node:crypto';

import { TaskError } from './error.js';
import { call } from './component.js';
import { connect } from './host.js';
import { manifest as manifestOf } from './plugin.js';

/** The stand-in for the host: the first of three attempts, ten seconds left, not cancelled, no request granted. */
export class Host {
  constructor(settings = {}) {
    const answered = { fetch: undefined, ai: undefined, secrets: [], context: {} };
    const defaults = { attempt: 1, maxAttempts: 3, remainingMs: 10_000, cancelled: false, ...answered };
    const unknown = Object.keys(settings).filter((key) => !(key in defaults));
    if (unknown.length > 0) throw new Error(`new Host(…) has no setting ${unknown.join(', ')}; there are ${Object.keys(defaults).join(', ')}`);
    this.settings = { ...defaults, ...settings };
    this.files = new Map();
    /** What the handler said. */
    this.lines = [];
    this.progress = [];
    this.requests = [];
    this.artefacts = [];
    this.metrics = {};
    /** What the handler finds and sets. */
    this.context = structuredClone(this.settings.context);
  }

  /** Gives a file that the handler may read: put the reference into its input. */
  file(name, mediaType, content) {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const reference = referenceTo(name, mediaType, bytes);
    this.files.set(reference.artefact, bytes);
    return reference;
  }

  /** Runs `test` with this host and gives what it returned. Not two at a time. */
  async run(test) {
    const before = connect(answers(this));
    try {
      return await test();
    } finally {
      connect(before);
    }
  }

  /** Calls a task type of `made` by its short name with an input, as a host does. */
  async execute(made, taskType, input) {
    return this.run(async () => JSON.parse(await call(made, taskType, JSON.stringify(input))));
  }
}

/** What the plugin's `describe` answers. */
export const manifest = (made) => manifestOf(made);

function answers(host) {
  const { settings } = host;
  return {
    runId: () => '00000000-0000-7000-8000-000000000000',
    workflowId: () => 'test',
    taskId: () => 'test',
    attempt: () => settings.attempt,
    maxAttempts: () => settings.maxAttempts,
    idempotencyKey: () => 'test-key',
    remainingMs: () => settings.remainingMs,
    traceparent: () => undefined,
    log(level, message, fields) {
      host.lines.push({ level, message, ...(fields === undefined ? {} : { fields }) });
    },
    progress: (fraction, note) => void host.progress.push([fraction, note]),
    isCancelled: () => settings.cancelled,
    metric: (name, value) => void (host.metrics[name] = value),
    placeholder(name) {
      if (!settings.secrets.includes(name)) throw TaskError.permanent('not-granted', `the secret \`${name}\` is not granted`);
      return `placeholder-of-${name}`;
    },
    complete(request) {
      if (settings.ai === undefined) throw TaskError.permanent('not-granted', 'models are not granted');
      return JSON.stringify(settings.ai(JSON.parse(request)));
    },
    contextGet: (name) => (Object.hasOwn(host.context, name) ? JSON.stringify(host.context[name]) : undefined),
    contextSet: (name, value) => void (host.context[name] = JSON.parse(value)),
    putArtefact(name, mediaType, content) {
      const reference = referenceTo(name, mediaType, content);
      host.files.set(reference.artefact, content);
      host.artefacts = host.artefacts.filter((left) => left.name !== name);
      host.artefacts.push({ ...reference, content });
      return reference;
    },
    readArtefact(digest) {
      const content = host.files.get(digest);
      if (content === undefined) throw TaskError.permanent('unknown-artefact', `the input refers to no artefact \`${digest}\``);
      return content;
    },
    async fetch(resource, init) {
      const request = new Request(resource, init);
      host.requests.push(request);
      if (settings.fetch === undefined) {
        const message = `${request.method} ${request.url} is not granted: see \`plugins/<name>.policy.toml\``;
        throw TaskError.permanent('http-denied', message);
      }
      return settings.fetch(request);
    },
  };
}

function referenceTo(name, mediaType, content) {
  const digest = createHash('sha256').update(content).digest('hex');
  return { artefact: `sha256:${digest}`, name, media_type: mediaType, bytes: content.length };
}
