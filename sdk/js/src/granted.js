// What a handler gets only by the operator's grant: secrets, models, and the context of the run.

import { host } from './host.js';

/**
 * The text that stands for a secret in this attempt. Put it where the secret belongs in a request; the host puts the secret in
 * its place when the request leaves, if the grant names the destination. A handler never sees the secret.
 */
export function secret(name) {
  return host().placeholder(name);
}

/**
 * The value of an `authorization` header of the kind `Basic`, with the text that stands for a secret as the password: the host
 * looks into it.
 */
secret.basic = (user, password) => {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
};

/** Models, by grant and within a budget. */
export const ai = {
  /** Asks a model; see `AiRequest` for what can be said. */
  complete(request) {
    return JSON.parse(host().complete(JSON.stringify(request)));
  },
};

/** The context of the run, by grant. */
export const context = {
  /** The value of a name as of the beginning of this attempt, or of what this attempt has set; `undefined` without one. */
  get(name) {
    const text = host().contextGet(name);
    return text === undefined || text === null ? undefined : JSON.parse(text);
  },

  /** Sets a name. It is committed with the output if the attempt succeeds, and forgotten otherwise. */
  set(name, value) {
    host().contextSet(name, JSON.stringify(value));
  },
};
