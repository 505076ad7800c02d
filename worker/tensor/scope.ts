// Lifetimes. Everything made inside a scope dies with it, but what its result holds: a step leaves
// nothing behind, whatever path it took, and nobody frees by hand. Scopes are synchronous (an await
// would let other code make tensors inside), and one a block is enough.
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/**
 * Runs `body` and frees every tensor made inside, except those found in its result (arrays, maps,
 * sets and plain objects are searched), which move to the scope outside. A throw frees all.
 */
export function scope<T>(body: () => T): T {
  native.scopeBegin();
  let kept: number[] | undefined;
  try {
    const result = body();
    const found: number[] = [];
    collect(result, found);
    kept = found;
    return result;
  } finally {
    native.scopeEnd(kept);
  }
}

/** Takes a tensor out of every scope: the caller owns it and disposes it. */
export function keep<T extends Tensor>(t: T): T {
  native.keep(t.handle);
  return t;
}

function collect(value: unknown, handles: number[]): void {
  if (value instanceof Tensor) {
    handles.push(value.handle);
  } else if (Array.isArray(value) || value instanceof Set) {
    for (const element of value) collect(element, handles);
  } else if (value instanceof Map) {
    for (const element of value.values()) collect(element, handles);
  } else if (isPlainObject(value)) {
    for (const element of Object.values(value)) collect(element, handles);
  } else if (value instanceof Promise) {
    throw new TypeError('a scope returned a promise; its tensors are already free when it settles');
  }
}

/** Records of tensors. An instance of a class keeps its own tensors, and may lead anywhere. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
