// Requests: the platform's `fetch`, with failures of the right class.

import { TaskError } from './error.js';
import { host } from './host.js';

/** Bytes of an answer's body that a failure keeps. */
const BODY_CHARACTERS_MAX = 500;

/**
 * As the global `fetch`, but a request that brings no answer is a `TaskError`: retryable, `http-failed`. What the
 * operator did not grant ends the call as permanent, whatever the handler makes of it.
 */
export async function fetch(resource, init) {
  try {
    return await host().fetch(resource, init);
  } catch (error) {
    if (error instanceof TaskError) throw error;
    const url = typeof resource === 'string' ? resource : (resource.url ?? String(resource));
    throw TaskError.retryable('http-failed', `${init?.method ?? 'GET'} ${url} brought no answer: ${error.message}`, { cause: error });
  }
}

/** `response` if its status is 2xx; else a `TaskError` of the class that the status means, `http-<status>`. */
export async function ok(response) {
  if (response.ok) return response;
  throw await statusError(response);
}

/** Fetches `url` and reads its JSON; every status but 2xx is a failure. */
export async function fetchJson(resource, init) {
  const response = await ok(await fetch(resource, init));
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw TaskError.permanent('invalid-json', `${response.url} answered what is no JSON: ${error.message}`);
  }
}

async function statusError(response) {
  const { status, url } = response;
  const code = `http-${status}`;
  const body = cut(await response.text().catch(() => ''));
  const options = { details: { status, url, body } };
  const location = response.headers.get('location');
  const redirect = location === null ? '' : `, a redirect to ${location}, which is not followed`;
  const message = `${url} answered ${status}${redirect}`;
  const wait = delay(response.headers.get('retry-after'), response.headers.get('date'));
  const mayPass = [408, 425, 429].includes(status) || status >= 500;
  if (wait !== undefined && (mayPass || status === 403)) {
    return TaskError.retryAfter(wait, code, message, options);
  }
  if (mayPass && status !== 501 && status !== 505) return TaskError.retryable(code, message, options);
  return TaskError.permanent(code, message, options);
}

/** The wait that `Retry-After` asks for in milliseconds. A date is compared with the answer's own `Date`. */
export function delay(retryAfter, date) {
  const text = retryAfter?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const milliseconds = Date.parse(text) - Date.parse(date ?? '');
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

function cut(text) {
  const characters = [...text];
  return characters.length <= BODY_CHARACTERS_MAX ? text : `${characters.slice(0, BODY_CHARACTERS_MAX).join('')}…`;
}
