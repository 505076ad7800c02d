// Which values of two axes combine, asked of the same rules that refuse a job. Two values combine
// when some job with both is allowed: whatever a third axis would have to be, the page of the two
// says no only where nothing helps.
import { type FineTuneJobSpec, fineTuneJob } from '../api/job.ts';
import { axisEntries } from '../methods/index.ts';
import { type AxisName, axisNames } from '../methods/method.ts';
import { apiVersion, kind } from '../names/group.ts';
import { incompatibilities } from './compatibility.ts';

/** A value of each axis. */
export type Combination = Readonly<Record<AxisName, string>>;

export interface Verdict {
  readonly one: readonly [AxisName, string];
  readonly other: readonly [AxisName, string];
  /** Why not, where they do not combine. */
  readonly refused: string | null;
}

/** Types of an axis, in the order of their list. */
export function typesOf(axis: AxisName): readonly string[] {
  return axisEntries[axis].map(({ type }) => type);
}

/** Every choice of one value for each axis. */
export function allCombinations(): readonly Combination[] {
  let made: readonly Partial<Combination>[] = [{}];
  for (const axis of axisNames) {
    made = made.flatMap((one) => typesOf(axis).map((type) => ({ ...one, [axis]: type })));
  }
  // Every axis was filled in.
  return made as readonly Combination[];
}

/** The first sentence that speaks against a combination, or null. */
export function refusalOf(combination: Combination): string | null {
  return incompatibilities(specOf(combination), 'anywhere')[0]?.message ?? null;
}

/** A method of a job with these values and all else as it comes. */
export function methodOf(combination: Combination) {
  return Object.fromEntries(axisNames.map((axis) => [axis, { type: combination[axis] }]));
}

/** Each pair of values of two different axes, once. */
export function verdicts(): readonly Verdict[] {
  const judged = allCombinations().map((one) => ({ one, refusal: refusalOf(one) }));
  return pairsOfAxes().flatMap(([a, b]) =>
    typesOf(a).flatMap((first) =>
      typesOf(b).map((second): Verdict => {
        const both = judged.filter(({ one }) => one[a] === first && one[b] === second);
        const isAllowed = both.some(({ refusal }) => refusal === null);
        return {
          one: [a, first],
          other: [b, second],
          refused: isAllowed ? null : commonest(both.flatMap(({ refusal }) => refusal ?? [])),
        };
      }),
    ),
  );
}

export function pairsOfAxes(): readonly (readonly [AxisName, AxisName])[] {
  return axisNames.flatMap((one, index) =>
    axisNames.slice(index + 1).map((other) => [one, other] as const),
  );
}

/**
 * As few allowed combinations as a greedy choice finds, in which every pair that is allowed stands
 * at least once: what a test has to run to have seen all of them.
 */
export function coveringCombinations(): readonly Combination[] {
  const allowed = allCombinations().filter((one) => refusalOf(one) === null);
  const missing = new Set(allowed.flatMap(pairsIn));
  const chosen: Combination[] = [];
  while (missing.size > 0) {
    const gain = (one: Combination) => pairsIn(one).filter((pair) => missing.has(pair)).length;
    const best = allowed.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    for (const pair of pairsIn(best)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

function pairsIn(one: Combination): readonly string[] {
  return pairsOfAxes().map(([a, b]) => `${a} ${one[a]}, ${b} ${one[b]}`);
}

function commonest(sentences: readonly string[]): string {
  const counts = Map.groupBy(sentences, (sentence) => sentence);
  const [[sentence] = ['']] = [...counts].sort(([, a], [, b]) => b.length - a.length);
  return sentence;
}

/** The smallest job around the method. */
function specOf(combination: Combination): FineTuneJobSpec {
  const onClaim = (path: string) => ({ persistentVolumeClaim: { claimName: 'any', path } });
  return fineTuneJob.parse({
    ...{ apiVersion, kind, metadata: { name: 'any' } },
    spec: {
      model: { source: onClaim('model') },
      dataset: { train: onClaim('data'), sequenceLength: 1024 },
      method: methodOf(combination),
      training: { maxSteps: 1, globalBatchSize: 1, learningRate: '1e-4' },
      output: { destination: onClaim('out') },
    },
  }).spec;
}
