// The types of the SDK. The guide is README.md.

/** Any JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

declare const type: unique symbol;
declare const optional: unique symbol;

/** A JSON Schema (2020-12) of a `T`. One that is written by hand is a schema of anything. */
export interface Schema<T = unknown> {
  readonly [keyword: string]: unknown;
  readonly [type]?: T;
}

/** The schema of a property that may be missing. */
export interface OptionalSchema<T> extends Schema<T> {
  readonly [optional]: true;
}

/** The type that a schema describes. */
export type Infer<S> = S extends { readonly [type]?: infer T } ? (unknown extends T ? any : Exclude<T, undefined>) : any;

type Properties = Record<string, Schema<any>>;
type OptionalNames<P> = { [N in keyof P]: P[N] extends OptionalSchema<any> ? N : never }[keyof P];
type Flat<T> = { [N in keyof T]: T[N] };
type ObjectOf<P extends Properties> = Flat<
  { [N in Exclude<keyof P, OptionalNames<P>>]: Infer<P[N]> } & { [N in OptionalNames<P>]?: Infer<P[N]> }
>;

/** Further keywords of a schema, such as `{ minimum: 1, description: '…' }`. */
export interface Keywords {
  description?: string;
  [keyword: string]: unknown;
}

/** Builds schemas whose types are known. */
export declare const schema: {
  string(more?: Keywords): Schema<string>;
  number(more?: Keywords): Schema<number>;
  integer(more?: Keywords): Schema<number>;
  boolean(more?: Keywords): Schema<boolean>;
  null(more?: Keywords): Schema<null>;
  /** Any JSON. */
  any(more?: Keywords): Schema<any>;
  /** One of these values. */
  enum<const V extends readonly (string | number | boolean | null)[]>(values: V, more?: Keywords): Schema<V[number]>;
  array<S extends Schema<any>>(items: S, more?: Keywords): Schema<Infer<S>[]>;
  /** An object with these properties and no others, unless `additionalProperties` says so. */
  object<P extends Properties>(properties: P, more?: Keywords): Schema<ObjectOf<P>>;
  /** An object of any keys, whose values are alike. */
  record<S extends Schema<any>>(values: S, more?: Keywords): Schema<Record<string, Infer<S>>>;
  /** One of several schemas. */
  union<S extends readonly Schema<any>[]>(schemas: S, more?: Keywords): Schema<Infer<S[number]>>;
  /** A property that may be missing; with a default, the handler never sees it missing. */
  optional<S extends Schema<any>>(inner: S): OptionalSchema<Infer<S>>;
  optional<S extends Schema<any>>(inner: S, fallback: Infer<S>): Schema<Infer<S>>;
  /** A reference to a file that an attempt left; see `artefact`. */
  artefact(more?: Keywords): Schema<Artefact>;
};

/** What a call of a task type may do. Enforced by the host. */
export type Effects = 'pure' | 'reads' | 'writes';

/** Which slots the attempts of a task type take. */
export type ResourceClass = 'cpu' | 'io' | 'ai' | 'github';

/** What a task type is. */
export interface TaskDeclaration<I extends Schema<any>, O extends Schema<any>> {
  /** One line on what it does. */
  summary?: string;
  /** More, in Markdown. */
  docs?: string;
  /** What goes in. The host checks every input before the handler is called. */
  input: I;
  /** What comes out. The host checks it too. */
  output: O;
  /** Default: `writes`. */
  effects?: Effects;
  /** Default: `cpu`. */
  resourceClass?: ResourceClass;
  /** Whether a second call with the same idempotency key does no further harm. Default: `true` for `pure`, else `false`. */
  idempotent?: boolean;
  /** What you think right for one call; the host's defaults are generous. */
  limits?: { fuel?: number; memoryBytes?: number; timeoutMs?: number; outputBytes?: number };
}

/** A task type and its handler. */
export interface Task {
  readonly declared: TaskDeclaration<any, any>;
  readonly handler: (input: any) => unknown;
}

/** Declares a task type: what it is, and the function that performs it. */
export declare function task<I extends Schema<any>, O extends Schema<any>>(
  declared: TaskDeclaration<I, O>,
  handler: (input: Infer<I>) => Infer<O> | Promise<Infer<O>>,
): Task;

/** What a plugin is. */
export interface PluginDeclaration {
  /** The stem of its file: lower-case letters, digits, `-` and `_`. */
  name: string;
  /** Its own version, such as `1.2.3`. */
  version: string;
  /** One line on what it is for. */
  summary?: string;
  /** The hosts it wants to call, such as `api.example.org`; `*` says that the input decides. Asking is not having. */
  http?: string[];
  /** The secrets that it wants to use, by name. */
  secrets?: string[];
  /** Whether it wants to ask models. */
  ai?: boolean;
  /** Whether an instance may serve one call after another: what a call leaves in the module is nothing that a later one would mind. */
  reuse?: boolean;
  /** The names of the run's context that it wants to read and set. */
  context?: { read?: string[]; write?: string[] };
  /** Its task types by short name: `greet` of the plugin `hello` is `hello.greet` in workflows. */
  tasks: Record<string, Task>;
}

/** A declared plugin. */
export interface Plugin extends PluginDeclaration {}

/** Declares a plugin. A module exports it as its default. Throws one error with everything that is wrong. */
export declare function plugin(declared: PluginDeclaration): Plugin;

/** What a failure means for another attempt. */
export type ErrorClass = 'retryable' | 'retry-after' | 'invalid-input' | 'permanent' | 'cancelled';

/** More about a failure: `details` for machines, and what caused it. */
export interface ErrorOptions {
  details?: unknown;
  cause?: unknown;
}

/** The end of a call that did not succeed: throw it. */
export declare class TaskError extends Error {
  readonly class: ErrorClass;
  /** A stable, machine-readable word in kebab case. */
  readonly code: string;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;
  private constructor();
  /** It may succeed when tried again. */
  static retryable(code: string, message: string, options?: ErrorOptions): TaskError;
  /** As `retryable`, but not before so many milliseconds. */
  static retryAfter(milliseconds: number, code: string, message: string, options?: ErrorOptions): TaskError;
  /** The input is wrong in a way that its schema cannot say. */
  static invalidInput(code: string, message: string, options?: ErrorOptions): TaskError;
  /** It will never succeed. */
  static permanent(code: string, message: string, options?: ErrorOptions): TaskError;
  /** The handler saw that its attempt was cancelled, and stopped. */
  static cancelled(): TaskError;
  /** The same error with what was being done before its message. */
  context(what: string): TaskError;
}

/** The attempt that is running. Each value is one cheap call of the host, counted against a limit. */
export declare const attempt: {
  /** The run; the same for every task of it. */
  readonly runId: string;
  readonly workflowId: string;
  /** The task within the run. */
  readonly taskId: string;
  /** 1, 2, 3, … */
  readonly number: number;
  /** How many counted attempts the task may have. */
  readonly max: number;
  /** The same for every attempt of the task: hand it to services that deduplicate. */
  readonly idempotencyKey: string;
  /** Milliseconds left until the attempt times out. */
  readonly remainingMs: number;
  /** The W3C trace context, if the run is traced. */
  readonly traceparent: string | undefined;
};

type LogLine = (message: string, fields?: Record<string, unknown>) => void;

/** Adds lines to the attempt's log. What is printed by `console` becomes lines too. */
export declare const log: { trace: LogLine; debug: LogLine; info: LogLine; warn: LogLine; error: LogLine };

/** Says how far the work is, from 0 to 1, with a short note. It is a sign of life too: see `heartbeat` of a task. */
export declare function progress(fraction: number, note?: string): void;

/** Records a measurement of this attempt, such as `metric('rows', 1200)`; the last value of a name stays. */
export declare function metric(name: string, value: number): void;

/** The text that stands for a secret in this attempt: put it where the secret belongs in a request. */
export declare const secret: {
  (name: string): string;
  /** The value of an `authorization` header of the kind `Basic`, with `secret(name)` as the password: the host looks into it. */
  basic(user: string, password: string): string;
};

/** A question to a model. */
export interface AiRequest {
  messages: { role: 'system' | 'user' | 'assistant'; content: string }[];
  /** A JSON Schema of the answer. */
  schema?: Schema<any>;
  max_output_tokens?: number;
  temperature?: number;
  /** A name that the operator configured. */
  model?: string;
}

/** What a model answered. */
export interface AiAnswer {
  text: string;
  /** The text as JSON that fits the request's schema. */
  value?: any;
  model: string;
  usage: { input_tokens: number; output_tokens: number };
}

/** Models, by grant and within a budget. An error has the right class: a busy provider is tried again, a spent budget is not. */
export declare const ai: { complete(request: AiRequest): AiAnswer };

/** The context of the run, by grant. */
export declare const context: {
  /** The value of a name as of the beginning of this attempt, or of what this attempt has set. */
  get(name: string): any;
  /** Sets a name: committed with the output if the attempt succeeds. */
  set(name: string, value: unknown): void;
};

/** Whether the attempt was cancelled. */
export declare function isCancelled(): boolean;

/** Throws `TaskError.cancelled()` when the attempt was cancelled. Call it now and then in a long loop. */
export declare function checkCancelled(): void;

/** A reference to a file that an attempt left, as it stands in inputs and outputs. */
export interface Artefact {
  /** `sha256:` and 64 hexadecimal digits. */
  artefact: string;
  name: string;
  media_type: string;
  bytes: number;
}

/** Files that a handler leaves and reads. */
export declare const artefact: {
  /** Leaves a file and gives the reference for the output. A refusal is a `TaskError` (`artefact-too-large`, …). */
  put(name: string, mediaType: string, content: string | ArrayBuffer | ArrayBufferView): Artefact;
  /** The bytes of a file that the input refers to. */
  read(reference: Artefact | string): Uint8Array;
  /** As `read`, as a text. */
  readText(reference: Artefact | string): string;
};

/** As the global `fetch`, but a request that brings no answer throws a retryable `TaskError`, `http-failed`. */
export declare const fetch: typeof globalThis.fetch;

/** `response` if its status is 2xx; else throws the `TaskError` that the status means, `http-<status>`. */
export declare function ok(response: Response): Promise<Response>;

/** Fetches and reads JSON; every status but 2xx is a failure. */
export declare function fetchJson(...arguments_: Parameters<typeof globalThis.fetch>): Promise<any>;
