// `anneal compare A B`: what differs in what was asked, and what came out at equal tokens. A difference is only called one when it is
// larger than the noise of its two means.
import { type Job, methodOf } from '../jobs/job.ts';
import { type History, type Sample, seriesOf } from '../metrics/history.ts';

export interface Compared {
  readonly job: Job;
  readonly history: History;
}

export interface Comparison {
  readonly names: readonly string[];
  /** Paths of the spec that are not equal everywhere; undefined where a job has none. */
  readonly differences: readonly { readonly path: string; readonly values: readonly string[] }[];
  /** Tokens at which the jobs are compared: the most that all of them saw. */
  readonly tokens: number;
  readonly rows: readonly ComparedRow[];
}

export interface ComparedRow {
  readonly name: 'train loss' | 'eval loss' | 'tokens/s' | 'peak memory' | 'time';
  readonly values: readonly (number | undefined)[];
  /** Of each against the first. */
  readonly differences: readonly (number | undefined)[];
  /** Half the width of the 95 % interval of each difference; undefined: nothing is known of the noise. */
  readonly noise: readonly (number | undefined)[];
}

/** Steps of the mean: as many as the noise of single steps needs, and no more than a sixth of all. */
const meanSteps = 50;

export function compareJobs(all: readonly Compared[]): Comparison {
  const tokens = Math.min(...all.map(({ history }) => history.steps.at(-1)?.tokensSeen ?? 0));
  const common = {
    names: all.map(({ job }) => job.name),
    differences: specDifferences(all.map(({ job }) => job)),
    tokens,
  };
  // At no tokens there is nothing to compare, whatever the others did.
  if (tokens === 0) return { ...common, rows: [] };
  const until = all.map(({ history }) => historyUntil(history, tokens));
  const losses = until.map((history) => meanOf(seriesOf(history, 'loss')));
  return {
    ...common,
    rows: [
      rowOf('train loss', losses),
      rowOf('eval loss', until.map(lastEvaluation)),
      rowOf('tokens/s', until.map(medianSpeed)),
      rowOf('peak memory', until.map(peakMemory)),
      rowOf('time', until.map(duration)),
    ].filter(({ values }) => values.some((value) => value !== undefined)),
  };
}

interface Mean {
  readonly value: number | undefined;
  /** Variance of the value. */
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

function meanOf(samples: readonly Sample[]): Mean {
  const count = Math.max(1, Math.min(meanSteps, Math.floor(samples.length / 6)));
  const values = samples.flatMap(({ value }) => (value === null ? [] : [value])).slice(-count);
  if (values.length === 0) return { value: undefined };
  const value = values.reduce((sum, one) => sum + one, 0) / values.length;
  if (values.length < 2) return { value };
  const squares = values.reduce((sum, one) => sum + (one - value) ** 2, 0);
  return { value, variance: squares / (values.length - 1) / values.length };
}

function historyUntil({ steps, evaluations }: History, tokens: number): History {
  const within = steps.filter(({ tokensSeen }) => tokensSeen <= tokens);
  const last = within.at(-1)?.step ?? 0;
  return { steps: within, evaluations: evaluations.filter(({ step }) => step <= last) };
}

/** One number over held-out records: how far it is from another by chance, nobody measured. */
function lastEvaluation({ evaluations }: History): Mean {
  return { value: evaluations.at(-1)?.loss ?? undefined };
}

function medianSpeed({ steps }: History): Mean {
  const speeds = steps.map(({ tokensPerSecond }) => tokensPerSecond).sort((a, b) => a - b);
  return { value: speeds[Math.floor(speeds.length / 2)] };
}

function peakMemory({ steps }: History): Mean {
  if (steps.length === 0) return { value: undefined };
  return { value: steps.reduce((most, { memory }) => Math.max(most, memory.peak), 0) };
}

/**
 * Seconds of steps; pauses and restarts between them do not count. Of a long run not every step is kept: one stands for those that were
 * left out before it.
 */
function duration({ steps }: History): Mean {
  if (steps.length === 0) return { value: undefined };
  const ms = steps.reduce((sum, { step, stepMs }, index) => {
    const before = steps[index - 1]?.step ?? step - 1;
    return sum + stepMs.total * (step - before);
  }, 0);
  return { value: ms / 1000 };
}

function specDifferences(jobs: readonly Job[]): Comparison['differences'] {
  const flat = jobs.map((job) => {
    const values = new Map<string, string>([['method', methodOf(job).summary]]);
    flatten(job.spec, 'spec', values);
    return values;
  });
  const paths = [...new Set(flat.flatMap((values) => [...values.keys()]))];
  return paths
    .map((path) => ({ path, values: flat.map((values) => values.get(path) ?? '–') }))
    .filter(({ values }) => new Set(values).size > 1);
}

function flatten(value: unknown, path: string, into: Map<string, string>): void {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) {
    if (value !== undefined)
      into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    return;
  }
  for (const [key, child] of Object.entries(value)) flatten(child, `${path}.${key}`, into);
}
