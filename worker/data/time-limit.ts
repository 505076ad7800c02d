// Stops code that may never end: a tokenizer pattern that backtracks exponentially, or the loops of
// a chat template, both of which come with untrusted models. V8 interrupts them in their thread;
// the caller discards their partial work.
import { createContext, Script } from 'node:vm';

export class TookTooLong extends Error {}

const script = new Script('body()');
const context: { body?: () => void } = {};
createContext(context);

/** The result of `body`, within `limitMs` of wall time. Costs about a millisecond. */
export function withinTime<T>(limitMs: number, body: () => T): T {
  const results: T[] = [];
  context.body = () => void results.push(body());
  try {
    script.runInContext(context, { timeout: limitMs, displayErrors: false });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new TookTooLong(`it did not end within ${limitMs / 1000} s`, { cause: error });
  }
  const [result] = results;
  // Present whenever body returned; T itself may include undefined.
  return result as T;
}

/** The error belongs to the script's realm, so it is not an instance of our Error. */
function isTimeout(error: unknown): boolean {
  const isObject = typeof error === 'object' && error !== null;
  return isObject && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
