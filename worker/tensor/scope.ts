// Lifetimes of tensors. All tensors made inside a scope are freed at its end, except those in its
// result, so a step leaves nothing behind on any path. Scopes are synchronous (during an await
// other code would make tensors inside), and one for each block is enough.
import type { Device } from './device.ts';
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/**
 * Runs `body` and frees every tensor made inside, except those in its result (arrays, maps, sets
 * and plain objects are searched), which move to the enclosing scope. An exception frees all.
 *
 * A tensor that is made inside from no other tensor, by a call that names no device, is on
 * `device`. The default is the device of the enclosing scope; without a scope it is the CPU.
 */
export function scope<T>(body: () => T, device?: Device): T {
  native.scopeBegin(device);
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

/** Removes a tensor from every scope: the caller owns and disposes it. */
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

/** Plain objects are searched. An instance of a class manages its own tensors. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
