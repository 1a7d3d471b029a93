// Declares plugins and task types, and checks what was declared: everything that is wrong is said at once.

import { isObject, kind, problems as schemaProblems } from './schema.js';

/** The version of the contract that components made with this SDK speak. */
export const CONTRACT = '1.0.0';

const NAME = /^[a-z][a-z0-9_-]*$/;
const VERSION = /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/;
const EFFECTS = ['pure', 'reads', 'writes'];
const CLASSES = ['cpu', 'io', 'ai', 'github'];
const LIMITS = { fuel: 'fuel', memoryBytes: 'memory_bytes', timeoutMs: 'timeout_ms', outputBytes: 'output_bytes' };
const PLUGIN_KEYS = ['name', 'version', 'summary', 'http', 'secrets', 'ai', 'reuse', 'context', 'tasks'];
const TASK_KEYS = ['summary', 'docs', 'input', 'output', 'effects', 'resourceClass', 'idempotent', 'limits'];

const TASK = Symbol.for('taskloom.task');
const PLUGIN = Symbol.for('taskloom.plugin');

/** Declares a task type: what it is, and the function that performs it. */
export function task(declared, handler) {
  return { [TASK]: true, declared, handler };
}

/** Declares a plugin. A module exports it as its default. */
export function plugin(declared) {
  const found = pluginProblems(declared);
  if (found.length > 0) throw new Error(`the plugin is declared wrongly:\n  ${found.join('\n  ')}`);
  return { [PLUGIN]: true, ...declared };
}

/** Whether `value` was made by `plugin`. */
export const isPlugin = (value) => value?.[PLUGIN] === true;

/** What `describe` answers, as an object. */
export function manifest(made) {
  const tasks = Object.entries(made.tasks).map(([name, { declared }]) => [name, taskManifest(declared)]);
  const asked = capabilities(made);
  return {
    name: made.name,
    version: made.version,
    summary: made.summary ?? '',
    contract: CONTRACT,
    ...(Object.keys(asked).length > 0 ? { capabilities: asked } : {}),
    task_types: Object.fromEntries(tasks),
  };
}

/** What the plugin asks for; nothing that is empty. */
function capabilities({ http = [], secrets = [], ai = false, reuse = false, context = {} }) {
  const names = Object.entries(context).filter(([, listed]) => listed.length > 0);
  return {
    ...(http.length > 0 ? { http } : {}),
    ...(secrets.length > 0 ? { secrets } : {}),
    ...(ai ? { ai } : {}),
    ...(reuse ? { reuse } : {}),
    ...(names.length > 0 ? { context: Object.fromEntries(names) } : {}),
  };
}

function taskManifest(declared) {
  const { summary = '', docs = '', input, output, effects = 'writes', limits = {} } = declared;
  const wished = Object.entries(limits).map(([name, value]) => [LIMITS[name], value]);
  return {
    summary,
    ...(docs === '' ? {} : { docs }),
    input_schema: input,
    output_schema: output,
    effects,
    resource_class: declared.resourceClass ?? 'cpu',
    idempotent: declared.idempotent ?? effects === 'pure',
    ...(wished.length > 0 ? { limits: Object.fromEntries(wished) } : {}),
  };
}

function pluginProblems(declared) {
  if (!isObject(declared)) return [`plugin(…) takes an object, not ${kind(declared)}`];
  const found = unknownKeys(declared, PLUGIN_KEYS, '');
  const { name, version, summary, tasks } = declared;
  if (typeof name !== 'string' || !NAME.test(name)) {
    found.push(`name: ${said(name)}; it is the stem of the file, of lower-case letters, digits, "-" and "_"`);
  }
  if (typeof version !== 'string' || !VERSION.test(version)) {
    found.push(`version: ${said(version)}; it is a version such as "1.2.3"`);
  }
  if (summary !== undefined && typeof summary !== 'string') found.push(`summary: ${said(summary)}; it is a text`);
  found.push(...capabilityProblems(declared));
  if (!isObject(tasks) || Object.keys(tasks).length === 0) {
    found.push(`tasks: ${said(tasks)}; it has a task type at least: { greet: task({ … }, (input) => …) }`);
    return found;
  }
  return found.concat(...Object.entries(tasks).map(([short, made]) => taskProblems(short, made)));
}

function capabilityProblems({ http, secrets, ai, reuse, context }) {
  const found = [];
  const texts = (value) => value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
  if (!texts(http)) found.push(`http: ${said(http)}; it is a list of hosts such as ["api.example.org"]`);
  if (!texts(secrets)) found.push(`secrets: ${said(secrets)}; it is a list of names such as ["github-token"]`);
  if (ai !== undefined && typeof ai !== 'boolean') found.push(`ai: ${said(ai)}; it is true or false`);
  if (reuse !== undefined && typeof reuse !== 'boolean') found.push(`reuse: ${said(reuse)}; it is true or false`);
  if (context === undefined) return found;
  if (!isObject(context)) return [...found, `context: ${said(context)}; it is an object such as { read: ["team"], write: [] }`];
  found.push(...unknownKeys(context, ['read', 'write'], 'context.'));
  for (const [key, names] of Object.entries(context)) {
    if (!texts(names)) found.push(`context.${key}: ${said(names)}; it is a list of names`);
  }
  return found;
}

function taskProblems(short, made) {
  const place = `tasks.${short}`;
  const found = [];
  if (!NAME.test(short)) {
    found.push(`${place}: the name of a task type has lower-case letters, digits, "-" and "_", and begins with a letter`);
  }
  if (typeof made === 'function') {
    return [...found, `${place}: is a function without a declaration: write task({ input: …, output: … }, ${made.name || 'handler'})`];
  }
  if (made?.[TASK] !== true) return [...found, `${place}: ${said(made)}; it is made by task({ … }, handler)`];
  const { declared, handler } = made;
  if (typeof handler !== 'function') {
    found.push(`${place}: the handler is ${kind(handler)}, not a function: task({ … }, (input) => …)`);
  }
  if (!isObject(declared)) return [...found, `${place}: its declaration is ${kind(declared)}, not an object`];
  return found.concat(declarationProblems(declared, place));
}

function declarationProblems(declared, place) {
  const found = unknownKeys(declared, TASK_KEYS, `${place}.`);
  const oneOf = (key, words) => {
    if (declared[key] !== undefined && !words.includes(declared[key])) {
      found.push(`${place}.${key}: ${said(declared[key])}; it is one of ${words.map((word) => `"${word}"`).join(', ')}`);
    }
  };
  oneOf('effects', EFFECTS);
  oneOf('resourceClass', CLASSES);
  oneOf('idempotent', [true, false]);
  for (const key of ['summary', 'docs']) {
    if (declared[key] !== undefined && typeof declared[key] !== 'string') found.push(`${place}.${key}: ${said(declared[key])}; it is a text`);
  }
  for (const key of ['input', 'output']) {
    if (declared[key] === undefined) found.push(`${place}.${key}: the schema is missing; schema.any() accepts everything`);
    else found.push(...schemaProblems(declared[key], `${place}.${key}`));
  }
  const limits = declared.limits ?? {};
  if (!isObject(limits)) return [...found, `${place}.limits: ${said(limits)}; it is an object`];
  found.push(...unknownKeys(limits, Object.keys(LIMITS), `${place}.limits.`));
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isInteger(value) && value >= 0)) found.push(`${place}.limits.${name}: ${said(value)}; it is a whole number`);
  }
  return found;
}

function unknownKeys(object, known, place) {
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => `${place}${key}: there is no such key; there are ${known.join(', ')}`);
}

function said(value) {
  return value === undefined ? 'is missing' : `is ${typeof value === 'string' ? JSON.stringify(value) : kind(value)}`;
}
