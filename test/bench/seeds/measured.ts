/**
 * Outcomes → what `anneal explain` tells of each adapter. What matches no job of today is left out,
 * as in the table of the benchmark.
 */
import { fineTuneJobSpec } from '../../../crds/api/job.ts';
import type { Measured, MeasuredSeries } from '../../../crds/explain/measured.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { digestOf } from '../outcomes.ts';
import { documentOf } from '../run-job.ts';
import { median } from '../train/table.ts';
import { askedOf, usualSeries } from './asked.ts';
import { besideLora, type SeedJob } from './jobs.ts';
import type { Outcome } from './outcome.ts';
import { gapsOf, lossAfter, timesOf } from './seeds-table.ts';

export function measuredSeries(outcomes: readonly Outcome[]): MeasuredSeries {
  const digests = new Map(besideLora.map((job) => [job, digestsOf(job)]));
  const wanted = outcomes.filter(({ digest }) =>
    [...digests.values()].some((own) => own.has(digest)),
  );
  const methods = [...digests].map(([job, own]) => {
    const runs = wanted.filter(({ digest }) => own.has(digest));
    return [presetOf(job), runs.length === 0 ? null : measuredOf(job, runs, wanted)] as const;
  });
  return {
    model: 'SmolLM2-135M',
    steps: usualSeries.steps,
    tokens: usualSeries.tokens,
    heldOutTokens: theOnly(wanted.map(({ heldOutTokens }) => heldOutTokens)),
    methods: Object.fromEntries(methods),
  };
}

export function digestsOf(job: SeedJob): ReadonlySet<string> {
  const documents = usualSeries.seeds.map((seed) => documentOf(askedOf(job, seed, usualSeries)));
  return new Set(documents.map(digestOf));
}

function presetOf({ name, method: { preset } }: SeedJob): string {
  if (typeof preset === 'string') return preset;
  throw new TypeError(`${name} has no preset, by which it is explained`);
}

function measuredOf(job: SeedJob, own: readonly Outcome[], all: readonly Outcome[]): Measured {
  const over = (value: (one: Outcome) => number, digits: number) =>
    rounded(median(own.map(value)), digits);
  const times = timesOf(own, 'lora', all);
  return {
    base: resolveMethod(fineTuneJobSpec.shape.method.parse(job.method)).base.type,
    learningRate: Number(theOnly(own.map(({ learningRate }) => learningRate))),
    trained: median(own.flatMap(({ trained }) => trained ?? [])),
    seeds: own.length,
    before: over(({ before }) => before, 3),
    after: spreadOf(own.map(lossAfter)),
    besideLora: spreadOf(gapsOf(own, 'lora', all)),
    peakMiB: over(({ peakBytes }) => peakBytes / 2 ** 20, 0),
    ofPlan: over(({ peakBytes, plannedBytes }) => peakBytes / plannedBytes, 3),
    stepOfLora: times.length === 0 ? null : rounded(median(times), 2),
    timedSeeds: times.length,
  };
}

function spreadOf(values: readonly number[]): Measured['after'] {
  if (values.length === 0 || !values.every(Number.isFinite)) return null;
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  return { median: rounded(middle, 3), least: rounded(least, 3), most: rounded(most, 3) };
}

function theOnly<Value>(values: readonly Value[]): Value {
  const [value, ...others] = new Set(values);
  if (value !== undefined && others.length === 0) return value;
  throw new RangeError(
    `runs of one series have ${[...new Set(values)].join(' and ') || 'nothing'}`,
  );
}

/** Without the sign of a zero. */
function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0;
}
