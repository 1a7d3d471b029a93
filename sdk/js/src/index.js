// Write a Taskloom plugin in JavaScript. The guide is README.md, the types are in index.d.ts.

export { plugin, task } from './plugin.js';
export { schema } from './schema.js';
export { TaskError } from './error.js';
export { artefact, attempt, checkCancelled, isCancelled, log, metric, progress } from './attempt.js';
export { ai, context, secret } from './granted.js';
export { fetch, fetchJson, ok } from './http.js';
