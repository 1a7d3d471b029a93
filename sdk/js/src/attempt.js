// What a handler may know about its attempt, say about it, and leave behind.

import { TaskError } from './error.js';
import { host } from './host.js';

/** The attempt that is running. Each value is one cheap call of the host, counted against a limit. */
export const attempt = {
  get runId() { return host().runId(); },
  get workflowId() { return host().workflowId(); },
  get taskId() { return host().taskId(); },
  get number() { return host().attempt(); },
  get max() { return host().maxAttempts(); },
  get idempotencyKey() { return host().idempotencyKey(); },
  get remainingMs() { return host().remainingMs(); },
  get traceparent() { return host().traceparent(); },
};

const line = (level) => (message, fields) => host().log(level, String(message), fields);

/** Adds lines to the attempt's log, each with optional fields: `log.info('fetched', { pages: 3 })`. */
export const log = {
  trace: line('trace'),
  debug: line('debug'),
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
};

/** Says how far the work is, as a fraction from 0 to 1 with a short note. It is a sign of life too. */
export function progress(fraction, note = '') {
  host().progress(Number(fraction), String(note));
}

/** Records a measurement of this attempt, such as `metric('rows', 1200)`; the last value of a name stays. */
export function metric(name, value) {
  host().metric(name, Number(value));
}

/** Whether the attempt was cancelled. */
export function isCancelled() {
  return host().isCancelled();
}

/** Ends the handler when the attempt was cancelled. Call it now and then in a long loop. */
export function checkCancelled() {
  if (isCancelled()) throw TaskError.cancelled();
}

/** Files that a handler leaves and reads. */
export const artefact = {
  /** Leaves a file, a text or bytes, and gives the reference for the output. */
  put(name, mediaType, content) {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : bytesOf(content);
    return host().putArtefact(name, mediaType, bytes);
  },

  /** The bytes of a file that the input refers to. */
  read(reference) {
    return host().readArtefact(typeof reference === 'string' ? reference : reference.artefact);
  },

  /** As `read`, as a text. */
  readText(reference) {
    return new TextDecoder().decode(artefact.read(reference));
  },
};

function bytesOf(content) {
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (ArrayBuffer.isView(content)) return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  throw new TypeError('the content of an artefact is a text, an ArrayBuffer or a typed array');
}
