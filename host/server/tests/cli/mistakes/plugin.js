// A plugin whose every task type makes a mistake that authors make. Built by `kit_js.rs`.

import { fetch, plugin, schema, task } from 'taskloom-sdk';

const input = schema.object({ name: schema.optional(schema.string()) });
const output = schema.object({ text: schema.string() });

/** A task type that does this; it is declared to read the world. */
const of = (handler, more = {}) => task({ effects: 'reads', input, output, ...more }, handler);

async function textOf(url, options) {
  return { text: await (await fetch(url, options)).text() };
}

function deeper(depth) {
  return depth < 0 ? 0 : 1 + deeper(depth + 1);
}

export default plugin({
  name: 'mistakes',
  version: '0.1.0',
  http: ['api.example.org', 'other.example.org'],
  tasks: {
    throws: of(() => { throw new Error('this cannot be'); }),
    undefined: of(({ name }) => ({ text: name.trim() })),
    nothing: of(() => {}),
    number: of(() => ({ text: 7 })),
    environment: of(() => ({ text: process.env.TOKEN })),
    prints: of(() => { console.log('somebody sees this'); return { text: 'printed' }; }),
    endless: of(() => { for (;;); }, { limits: { fuel: 2_000_000_000 } }),
    memory: of(() => { const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1)); }),
    recurses: of(() => ({ text: String(deeper(0)) })),
    large: of(() => ({ text: 'x'.repeat(2 << 20) })),
    posts: of(() => textOf('https://api.example.org/items', { method: 'POST', body: '1' })),
    elsewhere: of(() => textOf('https://other.example.org/')),
    unexpected: of(() => textOf('https://api.example.org/unexpected')),
    pure: of(() => textOf('https://api.example.org/'), { effects: 'pure' }),
    random: of(() => ({ text: `${Math.random()} ${Date.now()}` })),
  },
});
