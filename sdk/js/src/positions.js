// Turns places in the bundle into places in the author's files, by the table that the build leaves.

const KEY = Symbol.for('taskloom.positions');

/** Frames of a stack that are kept: the rest of an endless recursion says nothing new. */
const FRAMES_MAX = 30;

/** `stack` as frames such as `at greet (src/index.ts:12)`. Frames of the SDK and of the engine are left out. */
export function readable(stack) {
  const table = globalThis[KEY];
  const frames = String(stack).split('\n').filter((line) => line.trim() !== '');
  if (table === undefined) return frames.slice(0, FRAMES_MAX).join('\n');
  const found = [];
  for (const line of frames) {
    const made = frame(line, table);
    if (made !== undefined) found.push(made);
    if (found.length === FRAMES_MAX) break;
  }
  return found.join('\n');
}

/** A frame such as `greet@plugin.js:120:9`; `undefined` where the author has written nothing. */
function frame(line, { sources, lines }) {
  const found = /^(.*?)@.*?:(\d+):\d+$/.exec(line.trim());
  if (found === null) return line.trim();
  const place = lines[Number(found[2]) - 1];
  if (!place) return undefined;
  const at = `${sources[place[0]]}:${place[1]}`;
  const name = found[1].replace(/^async\*/, '').replace(/[/<]+$/, '');
  return name === '' ? `at ${at}` : `at ${name} (${at})`;
}
