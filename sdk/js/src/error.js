// How a handler says that it did not succeed, and what that means for another attempt.

/** The end of a call that did not succeed: throw it. Its class decides what the host does next. */
export class TaskError extends Error {
  /** Use the functions below: each stands for a class. */
  constructor(errorClass, code, message, { details, cause, retryAfterMs } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TaskError';
    this.class = errorClass;
    this.code = code;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
  }

  /** It may succeed when tried again: the host follows the task's retry policy. */
  static retryable(code, message, options) {
    return new TaskError('retryable', code, message, options);
  }

  /** As `retryable`, but not before so many milliseconds. */
  static retryAfter(milliseconds, code, message, options) {
    const retryAfterMs = Math.max(0, Math.ceil(Number(milliseconds) || 0));
    return new TaskError('retry-after', code, message, { ...options, retryAfterMs });
  }

  /** The input is wrong in a way that its schema cannot say: never tried again. */
  static invalidInput(code, message, options) {
    return new TaskError('invalid-input', code, message, options);
  }

  /** It will never succeed: never tried again. */
  static permanent(code, message, options) {
    return new TaskError('permanent', code, message, options);
  }

  /** The handler saw that its attempt was cancelled, and stopped. */
  static cancelled() {
    return new TaskError('cancelled', 'cancelled', 'the attempt was cancelled');
  }

  /** The same error with `what`, the thing that was being done, before its message. */
  context(what) {
    const { class: errorClass, code, details, retryAfterMs } = this;
    const options = { details, retryAfterMs, cause: this };
    return new TaskError(errorClass, code, `${what}: ${this.message}`, options);
  }
}

/** The failure of the contract as an error of the class `permanent`. */
export function refused(failure) {
  return TaskError.permanent(failure.code, failure.message, { details: read(failure.details) });
}

/** The `task-error` of the contract as an error. */
export function fromContract({ tag, val }) {
  if (tag === 'cancelled') return TaskError.cancelled();
  const [failure, wait] = tag === 'retry-after' ? val : [val, undefined];
  const retryAfterMs = wait === undefined ? undefined : Number(wait);
  const options = { details: read(failure.details), retryAfterMs };
  return new TaskError(tag, failure.code, failure.message, options);
}

/** An error as the `task-error` of the contract. */
export function toContract(error) {
  if (error.class === 'cancelled') return { tag: 'cancelled' };
  const { code, message } = error;
  const failure = { code: String(code), message: String(message), details: written(error.details) };
  if (error.class !== 'retry-after') return { tag: error.class, val: failure };
  return { tag: 'retry-after', val: [failure, BigInt(error.retryAfterMs)] };
}

function read(details) {
  if (details === undefined || details === null) return undefined;
  try {
    return JSON.parse(details);
  } catch {
    return details;
  }
}

/** Details that are no JSON are left out: an error on the way to an error would hide the first one. */
function written(details) {
  try {
    return JSON.stringify(details);
  } catch {
    return undefined;
  }
}
