// The types of the stand-in for the host.

import type { AiAnswer, AiRequest, Artefact, Plugin } from './index.js';

/** What the stand-in answers. */
export interface Settings {
  /** The number of the attempt. Default: 1. */
  attempt?: number;
  /** Default: 3. */
  maxAttempts?: number;
  /** Default: 10,000. */
  remainingMs?: number;
  cancelled?: boolean;
  /** Answers requests. Without it none is granted. */
  fetch?: (request: Request) => Response | Promise<Response>;
  /** Answers questions to models. Without it none is granted. */
  ai?: (request: AiRequest) => AiAnswer;
  /** Names of secrets that are granted; their placeholders are `placeholder-of-<name>`. */
  secrets?: string[];
  /** What is in the context of the run. */
  context?: Record<string, unknown>;
}

/** A stand-in for the host, which keeps what the handler said. */
export declare class Host {
  constructor(settings?: Settings);
  readonly lines: { level: string; message: string; fields?: unknown }[];
  readonly progress: [fraction: number, note: string][];
  readonly requests: Request[];
  /** The files that were left; the last one of each name. */
  readonly artefacts: (Artefact & { content: Uint8Array })[];
  readonly metrics: Record<string, number>;
  readonly context: Record<string, unknown>;
  /** Gives a file that the handler may read: put the reference into its input. */
  file(name: string, mediaType: string, content: string | Uint8Array): Artefact;
  /** Runs `test` with this host and gives what it returned. Not two at a time. */
  run<T>(test: () => T | Promise<T>): Promise<T>;
  /** Calls a task type by its short name with an input, as a host does, but without checking schemas. */
  execute(plugin: Plugin, taskType: string, input: unknown): Promise<any>;
}

/** What the plugin's `describe` answers. */
export declare function manifest(plugin: Plugin): any;
