// What the SDK asks its host: the real one in a component, a stand-in in a unit test.

let connected = null;

/** Answers everything from now on by `host`; gives the one that did before. */
export function connect(host) {
  const before = connected;
  connected = host;
  return before;
}

/** The host that answers now. */
export function host() {
  if (connected === null) {
    throw new Error(
      'there is no host here. In a unit test, import { Host } from "taskloom-sdk/testing" and call ' +
        'the handler by `new Host().run(() => …)`. While a plugin is built, code outside of its ' +
        'handlers cannot ask the host anything.',
    );
  }
  return connected;
}
