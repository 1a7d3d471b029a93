// Builds JSON Schemas (2020-12) whose types TypeScript knows. A schema is a plain object: one that is written
// by hand does as well.

const OPTIONAL = Symbol('optional');

const of = (type) => (more = {}) => ({ type, ...more });

/** The builder; every function takes further keywords, such as `{ minimum: 1, description: '…' }`. */
export const schema = {
  string: of('string'),
  number: of('number'),
  integer: of('integer'),
  boolean: of('boolean'),
  null: of('null'),

  /** Any JSON. */
  any: (more = {}) => ({ ...more }),

  /** One of these values. */
  enum: (values, more = {}) => ({ enum: [...values], ...more }),

  array: (items, more = {}) => ({ type: 'array', items, ...more }),

  /** An object with these properties and no others, unless `additionalProperties` says so. */
  object(properties, more = {}) {
    const entries = Object.entries(properties);
    const required = entries.filter(([, value]) => !value?.[OPTIONAL]).map(([name]) => name);
    return {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, value]) => [name, withoutMark(value)])),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
      ...more,
    };
  },

  /** An object of any keys, whose values are alike. */
  record: (values, more = {}) => ({ type: 'object', additionalProperties: values, ...more }),

  /** One of several schemas. */
  union: (schemas, more = {}) => ({ anyOf: [...schemas], ...more }),

  /** A property that may be missing; with a default, the handler never sees it missing. */
  optional(inner, fallback) {
    const withDefault = fallback === undefined ? inner : { ...inner, default: fallback };
    return { ...withDefault, [OPTIONAL]: true };
  },

  /** A reference to a file that an attempt left; see `artefact`. */
  artefact: (more = {}) => ({
    type: 'object',
    properties: {
      artefact: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
      name: { type: 'string' },
      media_type: { type: 'string' },
      bytes: { type: 'integer', minimum: 0 },
    },
    required: ['artefact', 'name', 'media_type', 'bytes'],
    ...more,
  }),
};

function withoutMark(value) {
  if (!value?.[OPTIONAL]) return value;
  const { [OPTIONAL]: _, ...rest } = value;
  return rest;
}

/** `value` with the defaults of missing properties filled in, as deep as `properties` and `items` go. */
export function withDefaults(described, value) {
  if (Array.isArray(value)) {
    const { items } = described;
    return isObject(items) ? value.map((item) => withDefaults(items, item)) : value;
  }
  if (!isObject(value) || !isObject(described?.properties)) return value;
  const filled = { ...value };
  for (const [name, property] of Object.entries(described.properties)) {
    if (!isObject(property)) continue;
    if (Object.hasOwn(filled, name)) filled[name] = withDefaults(property, filled[name]);
    else if (Object.hasOwn(property, 'default')) filled[name] = structuredClone(property.default);
  }
  return filled;
}

const TYPES = ['string', 'number', 'integer', 'boolean', 'null', 'array', 'object'];

/** What is wrong with a schema as far as a plugin's author is likely to get it wrong; the host checks the rest. */
export function problems(described, place) {
  const found = [];
  visit(described, place, found, []);
  return found;
}

function visit(described, place, found, above) {
  if (typeof described === 'boolean') return;
  if (!isObject(described)) {
    found.push(`${place}: a schema is an object of JSON Schema or a boolean, not ${kind(described)}${hint(described)}`);
    return;
  }
  if (above.includes(described)) {
    found.push(`${place}: the schema contains itself; use "$defs" and "$ref"`);
    return;
  }
  const { type, required, properties } = described;
  for (const word of type === undefined ? [] : [type].flat()) {
    if (!TYPES.includes(word)) found.push(`${place}.type: ${JSON.stringify(word)} is none of ${TYPES.join(', ')}`);
  }
  if (required !== undefined && !(Array.isArray(required) && required.every((name) => typeof name === 'string'))) {
    found.push(`${place}.required: a list of names of properties is wanted, not ${kind(required)}`);
  }
  const below = [...above, described];
  if (properties !== undefined && !isObject(properties)) {
    found.push(`${place}.properties: an object of schemas is wanted, not ${kind(properties)}`);
  } else {
    for (const [name, property] of Object.entries(properties ?? {})) {
      visit(property, `${place}.properties.${name}`, found, below);
    }
  }
  if (described.items !== undefined) visit(described.items, `${place}.items`, found, below);
  for (const [keyword, value] of Object.entries(described)) {
    if (!['properties', 'items', 'type', 'required'].includes(keyword)) noJson(value, `${place}.${keyword}`, found, below);
  }
}

/** Finds what JSON cannot hold and would silently be lost. */
function noJson(value, place, found, above) {
  if (above.includes(value)) found.push(`${place}: the schema contains itself; use "$defs" and "$ref"`);
  else if (Array.isArray(value)) value.forEach((item, index) => noJson(item, `${place}[${index}]`, found, [...above, value]));
  else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) noJson(item, `${place}.${name}`, found, [...above, value]);
  } else if (value !== null && !['string', 'boolean'].includes(typeof value) && !Number.isFinite(value)) {
    found.push(`${place}: ${kind(value)} is no JSON${hint(value)}`);
  }
}

/** Whether `value` is an object as JSON has them: no list, no instance of a class. */
export function isObject(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What `value` is, in a word or two. */
export function kind(value) {
  if (value === null) return 'null';
  if (value === undefined) return 'undefined';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'a class'}`;
  return typeof value === 'function' ? 'a function' : `the ${typeof value} ${String(value)}`;
}

function hint(value) {
  const foreign = typeof value === 'object' && value !== null && ('_def' in value || '_zod' in value);
  if (foreign) return '; a schema of zod becomes one by `z.toJSONSchema(…)`';
  return typeof value === 'function' ? '; was it meant to be called?' : '';
}
