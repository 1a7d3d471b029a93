// The plugin `__NAME__`: one task type, `__NAME__.greet`.

import { TaskError, log, plugin, schema, task } from 'taskloom-sdk';

export const greet = task(
  {
    summary: 'Greets somebody by name.',
    effects: 'pure',
    // The host checks every input against this schema before the handler is called, and every output after it.
    input: schema.object({
      name: schema.string({ description: 'Who is greeted.', minLength: 1, maxLength: 100 }),
      times: schema.optional(schema.integer({ description: 'How often.', minimum: 1, maximum: 10 }), 1),
    }),
    output: schema.object({ text: schema.string({ description: 'The greeting.' }) }),
  },
  ({ name, times }) => {
    const who = name.trim();
    // The class of a failure says what the host does next: this one is never tried again.
    if (who === '') throw TaskError.invalidInput('no-name', 'there is nobody to greet: `name` is blank');
    log.info(`greeting ${who}`, { times });
    return { text: Array(times).fill(`Hello, ${who}!`).join(' ') };
  },
);

export default plugin({ name: '__NAME__', version: '0.1.0', summary: 'Greets people', tasks: { greet } });
