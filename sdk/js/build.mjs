#!/usr/bin/env node
// Makes a component of a plugin's module: checks what it declares, bundles it with what it imports, and puts both
// together with the JavaScript engine.

import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const SDK = dirname(fileURLToPath(import.meta.url));

const USAGE = `Usage: node build.mjs MODULE [--out FILE] [--wit DIR] [--check]

Makes a component of a module whose default export is plugin({ … }): JavaScript or TypeScript.

  --out FILE  the component; its name has to be the plugin's [default: ./<name>.wasm]
  --wit DIR   the contract [default: the one beside the SDK]
  --check     only check what the module declares, and print the manifest
`;

/** What people can put right; told without a stack. */
class Told extends Error {}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, wit: { type: 'string' }, check: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) return process.stdout.write(USAGE);
  if (positionals.length !== 1) throw new Told(`one module is wanted, ${positionals.length} are named\n\n${USAGE}`);
  const [module] = positionals;
  if (!existsSync(module)) throw new Told(`there is no ${module}`);
  const manifest = await check(resolve(module));
  if (values.check) return console.log(JSON.stringify(manifest, null, 2));
  const out = resolve(values.out ?? `${manifest.name}.wasm`);
  if (basename(out) !== `${manifest.name}.wasm`) {
    throw new Told(`the plugin's name is "${manifest.name}", so its file is ${manifest.name}.wasm and not ${basename(out)}`);
  }
  const bytes = await componentOf(resolve(module), manifest, values.wit ?? contract());
  await mkdir(dirname(out), { recursive: true });
  await writeFile(`${out}.tmp`, bytes);
  await rename(`${out}.tmp`, out);
  console.error(`${relative('.', out)}: ${(bytes.length / 1e6).toFixed(1)} MB, ${Object.keys(manifest.task_types).length} task types`);
}

/** The contract beside the SDK: in a checkout, or in a project that the host's binary has made. */
function contract() {
  const places = [join(SDK, 'wit'), join(SDK, '../../wit/1.0.0')];
  const found = places.find((place) => existsSync(join(place, 'plugin.wit')));
  if (found === undefined) throw new Told(`the contract is in none of ${places.join(', ')}: name its folder by --wit`);
  return found;
}

/** The manifest of the plugin that `module` exports, after everything that can be checked here was. */
async function check(module) {
  const folder = await mkdtemp(join(dirname(module), '.taskloom-'));
  try {
    const entry = [
      `import * as author from ${JSON.stringify(module)};`,
      'import { isPlugin, manifest } from "taskloom-sdk/plugin";',
      'export { author, isPlugin, manifest };',
    ].join('\n');
    const { text } = await bundle(entry, dirname(module));
    const file = join(folder, 'check.mjs');
    await writeFile(file, text);
    const { author, isPlugin, manifest } = await loaded(file, module);
    if (!isPlugin(author.default)) throw new Told(exported(author, module));
    return manifest(author.default);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function loaded(file, module) {
  try {
    return await import(pathToFileURL(file));
  } catch (error) {
    const own = error instanceof Error && error.message.startsWith('the plugin is declared wrongly');
    throw new Told(`${relative('.', module)}: ${own ? error.message : (error?.stack ?? error)}`);
  }
}

function exported(author, module) {
  const there = Object.keys(author);
  const instead = there.length === 0 ? 'exports nothing' : `exports ${there.map((name) => `"${name}"`).join(', ')}`;
  const what = author.default === undefined ? 'has no default export' : 'has a default export that plugin(…) has not made';
  return `${relative('.', module)} ${what} (it ${instead}): write \`export default plugin({ … })\``;
}

/** Bundles `source`, a module that lies in `folder`, with all it imports but the contract. */
async function bundle(source, folder) {
  const { build } = await dependency('esbuild');
  const sdk = (name) => join(SDK, 'src', `${name}.js`);
  const alias = { 'taskloom-sdk': sdk('index') };
  for (const name of ['component', 'plugin', 'testing']) alias[`taskloom-sdk/${name}`] = sdk(name);
  try {
    const result = await build({
      stdin: { contents: source, resolveDir: folder, sourcefile: 'component.js', loader: 'js' },
      bundle: true,
      write: false,
      outfile: 'plugin.js',
      format: 'esm',
      target: 'es2023',
      external: ['taskloom:*'],
      alias,
      nodePaths: [join(SDK, 'node_modules')],
      logLevel: 'silent',
      sourcemap: 'external',
      sourcesContent: false,
      platform: 'browser',
      // What is written for browsers often means a page; `main` is what servers get.
      mainFields: ['module', 'main'],
    });
    const output = (end) => result.outputFiles.find((file) => file.path.endsWith(end)).text;
    return { text: output('plugin.js'), map: JSON.parse(output('plugin.js.map')) };
  } catch (error) {
    if (error.errors === undefined) throw error;
    throw new Told(error.errors.map(problem).join('\n'));
  }
}

/** A problem of the bundler, with its place and what to do where that is known. */
function problem({ text, location }) {
  const place = location === null ? '' : `${location.file}:${location.line}:${location.column + 1}: `;
  const node = /Could not resolve "(node:)?(fs|path|os|http|https|net|crypto|child_process|stream|util|buffer|events)(\/.*)?"/.exec(text);
  if (node) return `${place}there is no "${node[2]}" of Node in a plugin: it has the platform's own fetch, crypto, URL, TextEncoder, …`;
  const missing = /Could not resolve "([^."/][^"]*)"/.exec(text);
  return missing ? `${place}there is no package "${missing[1]}": is it installed (npm install ${missing[1]})?` : `${place}${text}`;
}

async function componentOf(module, manifest, wit) {
  const folder = await mkdtemp(join(dirname(module), '.taskloom-'));
  try {
    const { text, map } = await bundle(await entryOf(module, manifest, wit), dirname(module));
    const sourcePath = join(folder, 'plugin.js');
    await writeFile(sourcePath, text + positions(map, dirname(module)));
    const { componentize } = await dependency('@bytecodealliance/componentize-js');
    // A plugin that asks for no host does not import HTTP either.
    const disableFeatures = manifest.capabilities?.http === undefined ? ['fetch-event', 'http'] : ['fetch-event'];
    return await quietly(async () => {
      const { component } = await componentize({ sourcePath, witPath: resolve(wit), worldName: 'plugin', disableFeatures });
      return component;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function entryOf(module, manifest, wit) {
  const text = await readFile(join(wit, 'plugin.wit'), 'utf8');
  const version = /^package taskloom:plugin@([^;]+);/m.exec(text)?.[1];
  if (version !== manifest.contract) throw new Told(`this SDK speaks contract ${manifest.contract}, but ${wit} has ${version}`);
  const world = /^world plugin \{([^}]*)\}/m.exec(text)?.[1] ?? '';
  const interfaces = [...world.matchAll(/import ([a-z-]+);/g)].map(([, name]) => name);
  return [
    ...interfaces.map((name) => `import * as ${name} from "taskloom:plugin/${name}@${version}";`),
    'import { component } from "taskloom-sdk/component";',
    `import made from ${JSON.stringify(module)};`,
    `export const handler = component(made, { ${interfaces.join(', ')} });`,
  ].join('\n');
}

/**
 * Code that tells the SDK which line of the author's a line of the bundle was, for the stack of an exception: for each
 * line a source and a line from 1, or nothing. Worked out here, because engines in components are slow at it.
 */
function positions({ sources, mappings }, folder) {
  const own = relative(folder, join(SDK, 'src'));
  const names = sources.map((source) => relative(folder, resolve(source)));
  const isOurs = names.map((name) => name.startsWith(own) || name.endsWith('component.js'));
  let [source, line] = [0, 0];
  const lines = mappings.split(';').map((text) => {
    let first;
    for (const part of text === '' ? [] : text.split(',')) {
      const [, changedSource = 0, changedLine = 0] = numbers(part);
      source += changedSource;
      line += changedLine;
      first ??= [source, line + 1];
    }
    return first === undefined || isOurs[first[0]] ? 0 : first;
  });
  return `\nglobalThis[Symbol.for("taskloom.positions")] = ${JSON.stringify({ sources: names, lines })};\n`;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The numbers of a segment of a source map: base 64, of variable length, with the sign in the lowest bit. */
function numbers(text) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}

/** Runs `work` without what the componentizer prints when all is well. */
async function quietly(work) {
  const { log } = console;
  console.log = () => {};
  try {
    return await work();
  } catch (error) {
    throw new Told(`the component cannot be made: ${error.message}`);
  } finally {
    console.log = log;
  }
}

async function dependency(name) {
  try {
    return await import(name);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Told(`the SDK's packages are not installed: run \`npm ci\` in ${relative('.', SDK) || '.'}`);
  }
}

main().catch((error) => {
  console.error(`error: ${error instanceof Told || error.code?.startsWith('ERR_PARSE_ARGS') ? error.message : error.stack}`);
  process.exitCode = 1;
});
