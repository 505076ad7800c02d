// The history of a run over all its processes. Each checkpoint stores it beside the state, so that
// the report of the last process covers the first as well. Its size is bounded; the time between
// the last save and a kill is lost.
import * as z from 'zod';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';

const lifeRecord = z.object({
  /** Milliseconds since 1970 at which the first process began. */
  startedAt: z.number(),
  /** Total time of all processes. */
  seconds: z.number(),
  evaluateSeconds: z.number(),
  /** Largest resident memory of any process. */
  peakBytes: z.number(),
  /** Of a device with its own memory: reserved by libtorch, and used by tensors, at most. */
  devicePeak: z.object({ reserved: z.number(), allocated: z.number() }).optional(),
  speeds: z.object({
    /** Number of measured steps, and how many of them one entry represents. */
    measured: z.int(),
    every: z.int().min(1),
    stepMs: z.array(z.number()),
    tokensPerSecond: z.array(z.number()),
    /** Of other versions none. */
    processorMs: z.array(z.number()).default([]),
  }),
  warnings: z.array(
    z.object({ reason: z.string(), message: z.string(), step: z.int().optional() }),
  ),
});

export type Life = z.output<typeof lifeRecord>;

type BodyOf<T extends TelemetryBody['type']> = Extract<TelemetryBody, { type: T }>;

/** Maximum entries of speeds; beyond it every second one is dropped. */
const mostSpeeds = 512;
/** The first warnings are kept, being nearest to the cause. */
const mostWarnings = 200;

export function newLife(startedAt: number): Life {
  const speeds = { measured: 0, every: 1, stepMs: [], tokensPerSecond: [], processorMs: [] };
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
    processorMs:
      isTaken && stepMs.processor !== undefined
        ? [...before.processorMs, stepMs.processor]
        : before.processorMs,
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

/** The history in a checkpoint; undefined for a missing or unknown record. */
export function lifeIn(record: unknown): Life | undefined {
  return lifeRecord.safeParse(record).data;
}

/** Medians over the measured steps; empty where there are none. */
export function speedOf({ speeds: { stepMs, tokensPerSecond, processorMs } }: Life): {
  readonly stepMs?: number;
  readonly processorMs?: number;
  readonly tokensPerSecond?: number;
} {
  if (stepMs.length === 0) return {};
  return {
    ...{ stepMs: median(stepMs), tokensPerSecond: median(tokensPerSecond) },
    ...(processorMs.length > 0 && { processorMs: median(processorMs) }),
  };
}

function thinned(speeds: Life['speeds']): Life['speeds'] {
  const { measured, every, stepMs, tokensPerSecond, processorMs } = speeds;
  const half = (values: readonly number[]) => values.filter((_, index) => index % 2 === 0);
  return {
    ...{ measured, every: 2 * every },
    ...{ stepMs: half(stepMs), tokensPerSecond: half(tokensPerSecond) },
    processorMs: half(processorMs),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
