// Support for ops.generated.ts: looks up operators and converts results to tensors.
import { TerminalError } from '../../crds/failures/errors.ts';
import { native } from './native.ts';
import { NativeError } from './native-error.ts';
import { Tensor } from './tensor.ts';

/** A number for libtorch: an integer unless it has a fraction, which float tensors accept. */
export type Scalar = number | bigint | boolean;

const changed: string[] = [];

/** The addon's number of the operator; its schema must be that of the generated functions. */
export function operator(schema: string): number {
  const fullName = schema.slice(0, schema.indexOf('('));
  const [name = '', overload = ''] = fullName.split('.');
  const found = native.schema(name, overload);
  // A kernel of ours that is not built yet fails when it is called.
  const unbuilt = found === undefined && name.startsWith('anneal::');
  if (found !== schema && !unbuilt) changed.push(fullName);
  return native.op(name, overload);
}

/** Refuses a libtorch whose operators differ from those that the functions were generated for. */
export function confirmOperators(): void {
  if (changed.length === 0) return;
  throw new TerminalError({
    code: 'E_NATIVE_MISSING',
    message: `${changed.join(', ')} changed in the loaded libraries since ops.generated.ts was printed`,
    hint: 'npm run native builds the addon again; node worker/tensor/print-ops.ts prints the functions again',
  });
}

export function made(handle: unknown): Tensor {
  if (typeof handle === 'number') return new Tensor(handle);
  throw new NativeError('', 'an operator returned no tensor although its schema has one', '');
}

export function madeList(handles: unknown): Tensor[] {
  return results(handles).map(made);
}

export function results(values: unknown): unknown[] {
  if (Array.isArray(values)) return values;
  throw new NativeError('', 'an operator returned one result although its schema has several', '');
}

export function handlesOf(tensors: readonly Tensor[]): number[] {
  return tensors.map((t) => t.handle);
}

export function optionalHandlesOf(tensors: readonly (Tensor | null)[]): (number | null)[] {
  return tensors.map((t) => t?.handle ?? null);
}
