// What TypeScript must accept and refuse; it is compiled and never run.

import { type Infer, plugin, schema, secret, task, TaskError } from 'taskloom-sdk';
import { Host } from 'taskloom-sdk/testing';

const input = schema.object({
  name: schema.string(),
  times: schema.optional(schema.integer(), 1),
  tags: schema.optional(schema.array(schema.enum(['a', 'b']))),
});

const value: Infer<typeof input> = { name: 'x', times: 1, tags: ['a'] };
value.times.toFixed();
// @ts-expect-error: it may be missing
value.tags.length;
// @ts-expect-error: no such tag
value.tags = ['c'];

const output = schema.object({ text: schema.string() });
const greet = task({ input, output, effects: 'pure' }, async ({ name }) => ({ text: name }));
task({ input: { type: 'object' }, output: {} }, (anything) => anything.at.all);
// @ts-expect-error: the output has no number
task({ input, output }, () => ({ text: 5 }));
// @ts-expect-error: no such effects
task({ input, output, effects: 'none' }, () => ({ text: '' }));

const header: string = secret.basic('reader', secret('password'));
// @ts-expect-error: it takes a user and a password
secret.basic('reader');

const made = plugin({ name: 'x', version: '1.0.0', tasks: { greet } });
await new Host({ cancelled: true, fetch: () => new Response('') }).execute(made, 'greet', {});
throw TaskError.retryAfter(5, 'later', 'not now', { details: { left: 0 } }).context('greeting');
