/**
 * AVA's `test` for one file of a suite (suite.ts). Its titles begin with the file, so that none
 * occurs twice; its tests begin when those of the file before have ended, as if the file ran by
 * itself: what waits for an answer does not stand in line behind the work of seventy other files.
 */
import test from 'ava';
import { suiteQueue } from './suite-queue.ts';

const file = new URL(import.meta.url).searchParams.get('file') ?? '';
const prefix = `${file.replace(/^test\/|\.test\.tsx?$/g, '').replaceAll('/', ' › ')} › `;
const place = suiteQueue.join();

type Body = (...args: readonly unknown[]) => unknown;

interface Macro {
  readonly exec: Body;
  readonly title?: (given: string | undefined, ...args: readonly unknown[]) => string;
}

export default withPrefix(test, true);

/**
 * The same function, and so for what hangs on it: serial, skip, before.always. Hooks and what is
 * skipped do not queue; AVA runs serial tests before all others.
 */
function withPrefix<F extends object>(chain: F, isRun: boolean): F {
  return new Proxy(chain, {
    apply: (target, self, args: readonly unknown[]) =>
      // A callable object is what it was made from.
      Reflect.apply(target as unknown as Body, self, prefixed(args, isRun)),
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      const isChain = typeof value === 'function' && key !== 'macro';
      return isChain ? withPrefix(value, isRun && key === 'failing') : value;
    },
  });
}

function prefixed([first, ...rest]: readonly unknown[], isRun: boolean): unknown[] {
  const title = typeof first === 'string' ? first : undefined;
  const [body, ...args] = title === undefined ? [first, ...rest] : rest;
  if (isMacro(body)) return [titled(body, title, isRun), ...args];
  const queued = isRun && isBody(body) ? place.queued(body) : body;
  // A hook without a title keeps the one that AVA gives it.
  return title === undefined ? [queued, ...args] : [prefix + title, queued, ...args];
}

function titled({ exec, title }: Macro, given: string | undefined, isRun: boolean): Macro {
  return {
    exec: isRun ? place.queued(exec) : exec,
    title: (_, ...args) => prefix + (title?.(given, ...args) ?? given ?? ''),
  };
}

function isMacro(body: unknown): body is Macro {
  return typeof body === 'object' && body !== null && 'exec' in body;
}

function isBody(body: unknown): body is Body {
  return typeof body === 'function';
}
