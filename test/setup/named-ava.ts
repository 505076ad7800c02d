/** AVA's `test` for one file of a suite (suite.ts): its titles begin with the file, so that none occurs twice. */
import test from 'ava';

const file = new URL(import.meta.url).searchParams.get('file') ?? '';
const prefix = `${file.replace(/^test\/|\.test\.tsx?$/g, '').replaceAll('/', ' › ')} › `;

interface Macro {
  readonly exec: (...args: readonly unknown[]) => unknown;
  readonly title?: (given: string | undefined, ...args: readonly unknown[]) => string;
}

export default withPrefix(test);

/** The same function, and so for what hangs on it: serial, skip, before.always. */
function withPrefix<F extends object>(chain: F): F {
  return new Proxy(chain, {
    apply: (target, self, args: readonly unknown[]) =>
      // A callable object is what it was made from.
      Reflect.apply(target as unknown as () => unknown, self, prefixed(args)),
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      const isChain = typeof value === 'function' && key !== 'macro';
      return isChain ? withPrefix(value) : value;
    },
  });
}

function prefixed([first, ...rest]: readonly unknown[]): unknown[] {
  const title = typeof first === 'string' ? first : undefined;
  const [body, ...args] = title === undefined ? [first, ...rest] : rest;
  if (isMacro(body)) return [titled(body, title), ...args];
  // A hook without a title keeps the one that AVA gives it.
  return title === undefined ? [first, ...rest] : [prefix + title, ...rest];
}

function titled(macro: Macro, given: string | undefined): Macro {
  const { exec, title } = macro;
  return { exec, title: (_, ...args) => prefix + (title?.(given, ...args) ?? given ?? '') };
}

function isMacro(body: unknown): body is Macro {
  return typeof body === 'object' && body !== null && 'exec' in body;
}
