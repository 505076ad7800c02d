// `anneal compare A B`: what differs between the specs, and the results at equal tokens, steps or
// time. A difference counts only where it exceeds the noise of the two means.
import { type Job, methodOf } from '../jobs/job.ts';
import { modelMemory } from '../jobs/memory-words.ts';
import type { History } from './history.ts';

export interface Compared {
  readonly job: Job;
  readonly history: History;
}

/** The quantity that is equal where jobs are compared. */
export type Equal = 'tokens' | 'steps' | 'time';

export interface Comparison {
  readonly names: readonly string[];
  /** Paths of the spec that are not equal in all jobs; undefined where a job has no value. */
  readonly differences: readonly { readonly path: string; readonly values: readonly string[] }[];
  /**
   * The point of comparison: the most that every job has reached. Time is the sum of step times, in
   * seconds.
   */
  readonly at: { readonly equal: Equal; readonly value: number };
  /** Tokens that every job had seen by then. */
  readonly tokens: number;
  readonly rows: readonly ComparedRow[];
  /** Of each form that a job published, whether and how it was evaluated. */
  readonly results: readonly EvaluatedResult[];
  /**
   * `status` where the messages of a job are not available: its status has the last numbers, each
   * job at its own step and without noise.
   */
  readonly from: 'workers' | 'status';
}

interface EvaluatedResult {
  readonly name: string;
  readonly format: string;
  readonly evaluation: string;
}

export interface ComparedRow {
  readonly name: 'steps' | 'train loss' | 'eval loss' | 'tokens/s' | 'peak memory' | 'time';
  readonly values: readonly (number | undefined)[];
  /** Each job against the first. */
  readonly differences: readonly (number | undefined)[];
  /**
   * Half the width of the 95 % interval of each difference; undefined where the noise is unknown.
   */
  readonly noise: readonly (number | undefined)[];
}

/** Steps in the mean: enough to average out the noise of single steps, at most a sixth of all. */
const meanSteps = 50;

export function compareJobs(all: readonly Compared[], equal: Equal = 'tokens'): Comparison {
  const reached = all.map((one) => ({ ...one, positions: reachedBy(one.history, equal) }));
  const value = Math.min(...reached.map(({ positions }) => positions.at(-1) ?? 0));
  const until = reached.map(({ history, positions }) => historyUntil(history, positions, value));
  const seen = until.map(({ steps }) => steps.at(-1)?.tokensSeen ?? 0);
  const common = {
    names: all.map(({ job }) => job.name),
    differences: specDifferences(all.map(({ job }) => job)),
    results: all.flatMap(({ job }) => resultsOf(job)),
    at: { equal, value },
    tokens: equal === 'tokens' ? value : Math.min(...seen),
  };
  // With a job that has no step yet there is nothing to compare.
  if (value === 0) {
    const isKnown = all.every(({ job }) => (job.status.progress?.step ?? 0) > 0);
    return {
      ...common,
      from: 'status',
      rows: isKnown ? statusRows(all.map(({ job }) => job)) : [],
    };
  }
  return {
    ...common,
    from: 'workers',
    rows: [
      rowOf('train loss', until.map(lastLosses)),
      rowOf('eval loss', until.map(lastEvaluation)),
      rowOf('tokens/s', until.map(medianSpeed)),
      rowOf('peak memory', until.map(peakMemory)),
      rowOf('time', until.map(duration)),
    ].filter(({ values }) => values.some((one) => one !== undefined)),
  };
}

/** One line a form, at however many places it is. */
function resultsOf({ name, status }: Job): readonly EvaluatedResult[] {
  const told = new Map(
    (status.artifacts ?? []).map(({ type, evaluation }) => [type ?? '', evaluation]),
  );
  return [...told].flatMap(([format, evaluation]) =>
    evaluation === undefined ? [] : [{ name, format, evaluation }],
  );
}

function statusRows(jobs: readonly Job[]): readonly ComparedRow[] {
  const row = (name: ComparedRow['name'], read: (status: Job['status']) => unknown) => {
    const values = jobs.map(({ status }) => Number(read(status) ?? Number.NaN));
    return rowOf(
      name,
      values.map((value) => ({ value: Number.isFinite(value) ? value : undefined })),
    );
  };
  return [
    row('steps', ({ progress }) => progress?.step),
    row('train loss', ({ progress }) => progress?.trainLoss),
    row('eval loss', ({ progress }) => progress?.evalLoss),
    row('tokens/s', ({ progress }) => progress?.tokensPerSecond),
    row('time', secondsOf),
  ].filter(({ values }) => values.some((one) => one !== undefined));
}

/** From the first step to the end or the last message, pauses included. */
function secondsOf({ startTime = '', completionTime, progress }: Job['status']): number {
  return (Date.parse(completionTime ?? progress?.updatedAt ?? '') - Date.parse(startTime)) / 1000;
}

/** The position of a history after each of its retained steps, ascending. */
function reachedBy(history: History, equal: Equal): Float64Array {
  if (equal === 'time') return secondsAfter(history);
  const { steps } = history;
  const positions = new Float64Array(steps.length);
  let index = 0;
  for (const { step, tokensSeen } of steps)
    positions[index++] = equal === 'steps' ? step : tokensSeen;
  return positions;
}

interface Mean {
  readonly value: number | undefined;
  /** Variance of the mean. */
  readonly variance?: number;
}

function rowOf(name: ComparedRow['name'], means: readonly Mean[]): ComparedRow {
  const [base] = means;
  return {
    name,
    values: means.map(({ value }) => value),
    differences: means.map(({ value }) =>
      value === undefined || base?.value === undefined ? undefined : value - base.value,
    ),
    noise: means.map(({ variance }) =>
      variance === undefined || base?.variance === undefined
        ? undefined
        : 1.96 * Math.sqrt(variance + base.variance),
    ),
  };
}

/** The mean of the last steps, without those that are not finite. */
function lastLosses({ steps }: History): Mean {
  const count = Math.max(1, Math.min(meanSteps, Math.floor(steps.length / 6)));
  const values: number[] = [];
  for (let index = steps.length - 1; index >= 0 && values.length < count; index--) {
    const loss = steps[index]?.loss;
    if (loss !== null && loss !== undefined) values.push(loss);
  }
  if (values.length === 0) return { value: undefined };
  const value = values.reduce((sum, one) => sum + one, 0) / values.length;
  if (values.length < 2) return { value };
  const squares = values.reduce((sum, one) => sum + (one - value) ** 2, 0);
  return { value, variance: squares / (values.length - 1) / values.length };
}

function historyUntil(
  { steps, evaluations }: History,
  reached: Float64Array,
  value: number,
): History {
  const count = 1 + reached.findLastIndex((position) => position <= value);
  const last = steps[count - 1]?.step ?? 0;
  return {
    steps: steps.slice(0, count),
    evaluations: evaluations.filter(({ step }) => step <= last),
  };
}

/** One number over held-out records: its variance between seeds was not measured. */
function lastEvaluation({ evaluations }: History): Mean {
  return { value: evaluations.at(-1)?.loss ?? undefined };
}

function medianSpeed({ steps }: History): Mean {
  const speeds = new Float64Array(steps.length);
  let index = 0;
  for (const { tokensPerSecond } of steps) speeds[index++] = tokensPerSecond;
  return { value: speeds.sort()[Math.floor(speeds.length / 2)] };
}

function peakMemory({ steps }: History): Mean {
  if (steps.length === 0) return { value: undefined };
  return { value: steps.reduce((most, { memory }) => Math.max(most, modelMemory(memory).peak), 0) };
}

function duration(history: History): Mean {
  return { value: secondsAfter(history).at(-1) };
}

/**
 * Sum of step times, without pauses and restarts. A long run does not retain every step: each
 * retained one represents those that were dropped before it.
 */
function secondsAfter({ steps }: History): Float64Array {
  const after = new Float64Array(steps.length);
  let ms = 0;
  let index = 0;
  let before: number | undefined;
  for (const { step, stepMs } of steps) {
    ms += stepMs.total * (step - (before ?? step - 1));
    before = step;
    after[index++] = ms / 1000;
  }
  return after;
}

function specDifferences(jobs: readonly Job[]): Comparison['differences'] {
  const flat = jobs.map((job) => {
    const values = new Map<string, string>([['method', methodOf(job).summary]]);
    flatten(job.unread === undefined ? job.spec : writtenSpec(job), 'spec', values);
    return values;
  });
  const paths = [...new Set(flat.flatMap((values) => [...values.keys()]))];
  return paths
    .map((path) => ({ path, values: flat.map((values) => values.get(path) ?? '–') }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** For a job that is only partly readable, use the spec as written. */
function writtenSpec({ object }: Job): unknown {
  return Reflect.get(object, 'spec');
}

function flatten(value: unknown, path: string, into: Map<string, string>): void {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) {
    if (value !== undefined)
      into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    return;
  }
  for (const [key, child] of Object.entries(value)) flatten(child, `${path}.${key}`, into);
}
