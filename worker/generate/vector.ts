// An adapter as one vector: its tensors one after the other, each standardised. Pure.
//
// The paper standardises each adapter by its own numbers, and needs those of a real adapter of the
// task to undo it. Here mean and deviation of a tensor are over all adapters that the generator
// learns from, so that they are stored once, and one of a new task is undone by the same numbers.

/** A tensor and its place in the vector. */
export interface Slot {
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly begin: number;
  readonly count: number;
}

interface Statistics {
  /** By slot. */
  readonly means: readonly number[];
  /** By slot; 1 where all numbers of a tensor are equal. */
  readonly deviations: readonly number[];
}

interface Sized {
  readonly path: string;
  readonly in: number;
  readonly out: number;
}

/** `A [rank, in]` and `B [out, rank]` of each layer, in the order of the layers. */
export function slotsOf(layers: readonly Sized[], rank: number): readonly Slot[] {
  let begin = 0;
  return layers.flatMap((layer) =>
    (['A', 'B'] as const).map((factor): Slot => {
      const [rows, columns] = factor === 'A' ? [rank, layer.in] : [layer.out, rank];
      const slot = { name: slotName(layer.path, factor), begin, count: rows * columns };
      begin += slot.count;
      return { ...slot, shape: [rows, columns] };
    }),
  );
}

export function slotName(path: string, factor: 'A' | 'B'): string {
  return `${path}.${factor}`;
}

export function numbersIn(slots: readonly Slot[]): number {
  return slots.reduce((sum, { count }) => sum + count, 0);
}

/** Over all numbers of each tensor in all vectors. */
export function statisticsOf(
  slots: readonly Slot[],
  vectors: readonly ArrayLike<number>[],
): Statistics {
  const found = slots.map((slot) => momentsOf(slot, vectors));
  return {
    means: found.map(({ mean }) => mean),
    deviations: found.map(({ deviation }) => deviation),
  };
}

function momentsOf({ begin, count }: Slot, vectors: readonly ArrayLike<number>[]) {
  const all = count * vectors.length;
  let sum = 0;
  for (const vector of vectors) {
    for (let i = begin; i < begin + count; i += 1) sum += vector[i] ?? 0;
  }
  const mean = sum / all;
  let squares = 0;
  for (const vector of vectors) {
    for (let i = begin; i < begin + count; i += 1) squares += ((vector[i] ?? 0) - mean) ** 2;
  }
  const deviation = Math.sqrt(squares / all);
  return { mean, deviation: deviation === 0 ? 1 : deviation };
}

/** `padded` numbers, of which those behind the last tensor are zeros. */
export function standardised(
  vector: ArrayLike<number>,
  slots: readonly Slot[],
  { means, deviations }: Statistics,
  padded: number,
): Float64Array {
  const made = new Float64Array(padded);
  for (const [at, { begin, count }] of slots.entries()) {
    const [mean = 0, deviation = 1] = [means[at], deviations[at]];
    for (let i = begin; i < begin + count; i += 1) made[i] = ((vector[i] ?? 0) - mean) / deviation;
  }
  return made;
}

/** Undoes it; what lies behind the last tensor is not read. */
export function restored(
  x: ArrayLike<number>,
  slots: readonly Slot[],
  { means, deviations }: Statistics,
): Float64Array {
  const made = new Float64Array(numbersIn(slots));
  for (const [at, { begin, count }] of slots.entries()) {
    const [mean = 0, deviation = 1] = [means[at], deviations[at]];
    for (let i = begin; i < begin + count; i += 1) made[i] = (x[i] ?? 0) * deviation + mean;
  }
  return made;
}

interface Conditions {
  /** Mean over tasks, `[H]`. */
  readonly mean: readonly number[];
  /** Root mean square of what the tasks differ by; 1 where they do not differ. */
  readonly deviation: number;
}

/**
 * What hidden states of the tasks have in common says nothing about which task it is, and is most
 * of them: a condition is the difference from their mean, in units of its size.
 */
export function conditionsOf(vectors: readonly (readonly number[])[]): Conditions {
  const [first = []] = vectors;
  const mean = first.map(
    (_, i) => vectors.reduce((sum, vector) => sum + (vector[i] ?? 0), 0) / vectors.length,
  );
  let squares = 0;
  for (const vector of vectors) {
    for (const [i, value] of vector.entries()) squares += (value - (mean[i] ?? 0)) ** 2;
  }
  const deviation = Math.sqrt(squares / Math.max(1, vectors.length * first.length));
  return { mean, deviation: deviation === 0 ? 1 : deviation };
}

export function conditionOf(
  vector: readonly number[],
  { mean, deviation }: Conditions,
): readonly number[] {
  return vector.map((value, i) => (value - (mean[i] ?? 0)) / deviation);
}
