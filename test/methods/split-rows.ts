import { axisNames } from '../../crds/methods/method.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';

type Method = Parameters<typeof resolveMethod>[0];

interface Split<T> {
  readonly short: readonly [string, T][];
  readonly others: readonly [string, T][];
}

/**
 * Of a table of tests, a short part, and the others, which the group `worlds` runs. Each
 * value of each axis is in the short part; of the adapters only those that are named.
 */
export function splitRows<T>(
  rows: Readonly<Record<string, T>>,
  names: readonly string[],
  methodOf: (row: T) => unknown,
): Split<T> {
  const unknown = names.find((name) => !Object.hasOwn(rows, name));
  if (unknown !== undefined) throw new Error(`there is no row ${unknown}`);
  const short = Object.entries(rows).filter(([name]) => names.includes(name));
  const others = Object.entries(rows).filter(([name]) => !names.includes(name));
  const covered = new Set(short.flatMap(([, row]) => valuesOf(methodOf(row))));
  for (const [name, row] of others) {
    const missing = valuesOf(methodOf(row)).find((value) => !covered.has(value));
    if (missing !== undefined) throw new Error(`${missing} is in no short row; ${name} has it`);
  }
  return { short, others };
}

/** `optimizer SM3`: of all axes but the adapter's. */
function valuesOf(method: unknown): readonly string[] {
  const resolved = resolveMethod(method as Method);
  return axisNames
    .filter((axis) => axis !== 'adapter')
    .map((axis) => `${axis} ${resolved[axis]?.type ?? 'None'}`);
}
