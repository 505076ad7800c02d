// What a run has been through, over all processes that worked on it: each checkpoint holds it
// beside the state, so that the report of the last process tells of the first as well. Bounded,
// however long the run; time after the last save of a process that was killed is not known.
import * as z from 'zod';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';

const lifeRecord = z.object({
  /** Milliseconds since 1970 at which the first process began. */
  startedAt: z.number(),
  /** In which a process worked on it. */
  seconds: z.number(),
  evaluateSeconds: z.number(),
  /** Largest resident memory of any process. */
  peakBytes: z.number(),
  speeds: z.object({
    /** Steps that were measured, and how many of them one entry stands for. */
    measured: z.int(),
    every: z.int().min(1),
    stepMs: z.array(z.number()),
    tokensPerSecond: z.array(z.number()),
  }),
  warnings: z.array(
    z.object({ reason: z.string(), message: z.string(), step: z.int().optional() }),
  ),
});

export type Life = z.output<typeof lifeRecord>;

type BodyOf<T extends TelemetryBody['type']> = Extract<TelemetryBody, { type: T }>;

/** Entries of speeds; where there would be more, every second goes. */
const mostSpeeds = 512;
/** The first ones are nearest to the cause. */
const mostWarnings = 200;

export function newLife(startedAt: number): Life {
  const speeds = { measured: 0, every: 1, stepMs: [], tokensPerSecond: [] };
  return { startedAt, seconds: 0, evaluateSeconds: 0, peakBytes: 0, speeds, warnings: [] };
}

export function withSpeed(life: Life, { stepMs, tokensPerSecond }: BodyOf<'step'>): Life {
  const { measured, every, ...before } = life.speeds;
  const isTaken = measured % every === 0;
  const speeds = {
    measured: measured + 1,
    every,
    stepMs: isTaken ? [...before.stepMs, stepMs.total] : before.stepMs,
    tokensPerSecond: isTaken
      ? [...before.tokensPerSecond, tokensPerSecond]
      : before.tokensPerSecond,
  };
  return { ...life, speeds: speeds.stepMs.length > mostSpeeds ? thinned(speeds) : speeds };
}

export function withWarning(
  life: Life,
  { reason, message, step }: Omit<BodyOf<'warning'>, 'type'>,
): Life {
  if (life.warnings.length >= mostWarnings) return life;
  const warning = { reason, message, ...(step === undefined ? {} : { step }) };
  return { ...life, warnings: [...life.warnings, warning] };
}

export function withEvaluation(life: Life, { seconds = 0 }: BodyOf<'evaluation'>): Life {
  return { ...life, evaluateSeconds: life.evaluateSeconds + seconds };
}

/**
 * What a checkpoint says of it; undefined for one of a version that said nothing, or something
 * else.
 */
export function lifeIn(record: unknown): Life | undefined {
  return lifeRecord.safeParse(record).data;
}

/** Medians over the steps that were measured; absent where none was. */
export function speedOf({ speeds: { stepMs, tokensPerSecond } }: Life): {
  readonly stepMs?: number;
  readonly tokensPerSecond?: number;
} {
  if (stepMs.length === 0) return {};
  return { stepMs: median(stepMs), tokensPerSecond: median(tokensPerSecond) };
}

function thinned({ measured, every, stepMs, tokensPerSecond }: Life['speeds']): Life['speeds'] {
  const half = (values: readonly number[]) => values.filter((_, index) => index % 2 === 0);
  return {
    ...{ measured, every: 2 * every },
    ...{ stepMs: half(stepMs), tokensPerSecond: half(tokensPerSecond) },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
