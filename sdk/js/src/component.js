// The way from the contract's exports to a handler and back.

import { TaskError, fromContract, refused, toContract } from './error.js';
import { connect } from './host.js';
import { manifest } from './plugin.js';
import { readable } from './positions.js';
import { kind, withDefaults } from './schema.js';

/** The exports of a component; `imports` are the interfaces that it imports, `made` is the author's plugin. */
export function component(made, imports) {
  connect(realHost(imports));
  return {
    describe: () => JSON.stringify(manifest(made)),
    async execute(taskType, input) {
      try {
        return await call(made, taskType, input);
      } catch (error) {
        throw ending(error, imports.runtime);
      }
    },
  };
}

/** Calls a task type by its short name with JSON text, as a host does. */
export async function call(made, taskType, input) {
  const found = Object.hasOwn(made.tasks, taskType) ? made.tasks[taskType] : undefined;
  if (found === undefined) {
    const known = Object.keys(made.tasks).join('`, `');
    throw TaskError.permanent('unknown-task-type', `unknown task type \`${taskType}\`; this plugin has \`${known}\``);
  }
  const value = withDefaults(found.declared.input, parsed(input));
  const output = await found.handler(value);
  return written(output);
}

function parsed(input) {
  try {
    return JSON.parse(input);
  } catch (error) {
    throw TaskError.invalidInput('invalid-input', error.message);
  }
}

function written(output) {
  let why;
  try {
    const text = JSON.stringify(output);
    if (text !== undefined) return text;
    why = `the handler returned ${kind(output)}: return a value that fits the output's schema`;
  } catch (error) {
    // What is thrown where memory runs out is no Error.
    if (!(error instanceof Error)) throw error;
    why = `the handler's output is no JSON: ${error.message}`;
  }
  throw TaskError.permanent('invalid-output', why);
}

/** What `execute` throws: an error of the contract as its payload, or what ends the call as a crash. */
function ending(error, runtime) {
  if (error instanceof TaskError) return { payload: toContract(error) };
  const { message, stack } = told(error);
  // The host takes message and stack for the failure. Where memory runs out it knows better.
  if (error !== 'out of memory') runtime.log('error', message, JSON.stringify({ code: 'panic', stack }));
  return new Error(message);
}

/** An exception that nobody caught, for people. */
function told(error) {
  if (!(error instanceof Error)) return { message: `threw ${kind(error)}, which is no Error`, stack: '' };
  const stack = stackOf(error);
  const [place = ''] = stack.split('\n');
  return { message: `${error.name}: ${error.message}${place === '' ? '' : `, ${place}`}`, stack };
}

/** The stack of an error and of what caused it. */
function stackOf(error) {
  const own = readable(error.stack ?? '');
  const { cause } = error;
  return cause instanceof Error ? `${own}\ncaused by ${cause.name}: ${cause.message}\n${stackOf(cause)}` : own;
}

/** The functions of the contract in the terms of JavaScript. */
function realHost({ runtime, artefacts, secrets, ai, context }) {
  return {
    metric: (name, value) => there(runtime.metric, 'runtime.metric')(name, value),
    placeholder: (name) => asked(() => there(secrets, 'secrets').placeholder(name)),
    complete: (request) => asked(() => there(ai, 'ai').complete(request)),
    contextGet: (name) => asked(() => there(context, 'context').get(name)),
    contextSet: (name, value) => asked(() => there(context, 'context').set(name, value)),
    runId: runtime.runId,
    workflowId: runtime.workflowId,
    taskId: runtime.taskId,
    attempt: runtime.attempt,
    maxAttempts: runtime.maxAttempts,
    idempotencyKey: runtime.idempotencyKey,
    remainingMs: () => Number(runtime.remainingMs()),
    traceparent: runtime.traceparent,
    log: (level, message, fields) => runtime.log(level, message, fields === undefined ? undefined : JSON.stringify(fields)),
    progress: runtime.progress,
    isCancelled: runtime.isCancelled,
    putArtefact(name, mediaType, content) {
      const left = asked(() => artefacts.put(name, mediaType, content));
      return { artefact: left.digest, name: left.name, media_type: left.mediaType, bytes: Number(left.bytes) };
    },
    readArtefact: (digest) => asked(() => artefacts.read(digest)),
    fetch: (resource, init) => globalThis.fetch(resource, init),
  };
}

/** A part of the contract that an earlier one may not have. */
function there(part, name) {
  if (part === undefined) throw TaskError.permanent('not-in-contract', `the contract of this component has no \`${name}\``);
  return part;
}

/** What the host answers; its refusal is an error of the class `permanent`. */
function asked(question) {
  try {
    return question();
  } catch (error) {
    const { payload } = error;
    if (payload === undefined) throw error;
    throw payload.tag === undefined ? refused(payload) : fromContract(payload);
  }
}
