// Which values of two axes combine, by the rules that refuse a job. Two values combine if some job
// with both is allowed, whatever the third axes have to be: the page says no only where no job
// exists.
import { type FineTuneJobSpec, fineTuneJob } from '../api/job.ts';
import { method } from '../api/method.ts';
import { axisEntries } from '../methods/index.ts';
import { type AxisName, axisNames } from '../methods/method.ts';
import { noTensors } from '../methods/no-training.ts';
import { apiVersion, kind } from '../names/group.ts';
import { incompatibilities } from './compatibility.ts';

/** One value for each axis. */
export type Combination = Readonly<Record<AxisName, string>>;

export interface Verdict {
  readonly one: readonly [AxisName, string];
  readonly other: readonly [AxisName, string];
  /** Why they do not combine; null if they do. */
  readonly refused: string | null;
}

/** Types of an axis that train something, in registry order. */
export function typesOf(axis: AxisName): readonly string[] {
  const isNone = (type: string) => axis === noTensors.axis && type === noTensors.type;
  return axisEntries[axis].map(({ type }) => type).filter((type) => !isNone(type));
}

/** Every choice of one value for each axis. */
export function allCombinations(): readonly Combination[] {
  let made: readonly Partial<Combination>[] = [{}];
  for (const axis of axisNames) {
    made = made.flatMap((one) => typesOf(axis).map((type) => ({ ...one, [axis]: type })));
  }
  // Every axis is set.
  return made as readonly Combination[];
}

/** The first sentence that refuses a combination, or null. */
export function refusalOf(combination: Combination): string | null {
  return incompatibilities(specOf(combination), 'anywhere')[0]?.message ?? null;
}

interface Judged {
  readonly one: Combination;
  readonly refusal: string | null;
}

/** All of them, once a process: tens of thousands of jobs that the schema reads. */
let known: readonly Judged[] | undefined;

function judged(): readonly Judged[] {
  known ??= allCombinations().map((one) => ({ one, refusal: refusalOf(one) }));
  return known;
}

/** The method of a job with these values and defaults otherwise. */
export function methodOf(combination: Combination) {
  return Object.fromEntries(axisNames.map((axis) => [axis, { type: combination[axis] }]));
}

/** Each pair of values of two different axes, once. */
export function verdicts(): readonly Verdict[] {
  const all = judged();
  const inAllowed = new Set(
    all.flatMap(({ one, refusal }) => (refusal === null ? pairsIn(one) : [])),
  );
  const faults = new Map(
    all.map((each) => [each, pairsIn(each.one).filter((pair) => !inAllowed.has(pair)).length]),
  );
  return pairsOfAxes().flatMap(([a, b]) =>
    typesOf(a).flatMap((first) =>
      typesOf(b).map((second): Verdict => {
        const both = all.filter(({ one }) => one[a] === first && one[b] === second);
        const isAllowed = both.some(({ refusal }) => refusal === null);
        // Those in which as much as possible of the rest goes together say why the pair does not.
        const fewest = both.reduce((least, one) => Math.min(least, faults.get(one) ?? 0), Infinity);
        const told = both.filter((one) => faults.get(one) === fewest);
        return {
          one: [a, first],
          other: [b, second],
          refused: isAllowed ? null : commonest(told.flatMap(({ refusal }) => refusal ?? [])),
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
 * A small set of allowed combinations, chosen greedily, that covers every allowed pair at least
 * once: the combinations that a test has to run.
 */
export function coveringCombinations(): readonly Combination[] {
  const allowed = judged().flatMap(({ one, refusal }) => (refusal === null ? [one] : []));
  // Numbers for pairs: each of some thousand combinations is asked at each choice.
  const numbers = new Map<string, number>();
  const numberOf = (pair: string) => {
    const known = numbers.get(pair) ?? numbers.size;
    numbers.set(pair, known);
    return known;
  };
  const pairs = allowed.map((one) => pairsIn(one).map((pair) => numberOf(pair)));
  const isMissing = new Uint8Array(numbers.size).fill(1);
  const gainOf = (index: number) =>
    pairs[index]?.reduce((sum, pair) => sum + (isMissing[pair] ?? 0), 0) ?? 0;
  const chosen: Combination[] = [];
  while (isMissing.includes(1)) {
    const gains = allowed.map((_, index) => gainOf(index));
    const most = gains.reduce((a, b) => Math.max(a, b), 0);
    const best = gains.indexOf(most);
    for (const pair of pairs[best] ?? []) isMissing[pair] = 0;
    chosen.push(...allowed.slice(best, best + 1));
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

/** The smallest job with this method; the rest of it is read once for all of them. */
function specOf(combination: Combination): FineTuneJobSpec {
  smallest ??= smallestSpec();
  return { ...smallest, method: method.parse(methodOf(combination)) };
}

let smallest: FineTuneJobSpec | undefined;

function smallestSpec(): FineTuneJobSpec {
  const sourceAt = (path: string) => ({ persistentVolumeClaim: { claimName: 'any', path } });
  return fineTuneJob.parse({
    ...{ apiVersion, kind, metadata: { name: 'any' } },
    spec: {
      model: { source: sourceAt('model') },
      dataset: { train: sourceAt('data'), sequenceLength: 1024 },
      method: { preset: 'Full' },
      training: { maxSteps: 1, globalBatchSize: 1, learningRate: '1e-4' },
      output: { destination: sourceAt('out') },
    },
  }).spec;
}
