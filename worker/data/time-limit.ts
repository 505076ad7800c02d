// Ends code that need not end by itself: a pattern in a tokenizer that backtracks for ever, the
// loops of a chat template. Both come with a model from anywhere. V8 stops them in the middle, in
// the thread where they run; what they worked on is thrown away by the caller.
import { createContext, Script } from 'node:vm';

export class TookTooLong extends Error {}

const script = new Script('body()');
const place: { body?: () => void } = {};
createContext(place);

/**
 * What `body` returns, within so many milliseconds of the clock on the wall. Costs about a
 * millisecond.
 */
export function withinTime<T>(limitMs: number, body: () => T): T {
  const results: T[] = [];
  place.body = () => void results.push(body());
  try {
    script.runInContext(place, { timeout: limitMs, displayErrors: false });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new TookTooLong(`it did not end in ${limitMs / 1000} s`, { cause: error });
  }
  const [result] = results;
  // Present whenever body returned; T itself may include undefined.
  return result as T;
}

/** The error is of the script's own realm, so it is no instance of our Error. */
function isTimeout(error: unknown): boolean {
  const isObject = typeof error === 'object' && error !== null;
  return isObject && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
