// State of a run at one moment: a pure function of the messages seen. Late, duplicate and missing
// messages do no harm: the same set gives the same state in any order, and the newest message wins
// by its own time.
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';
import { mergedByStep } from './by-step.ts';

export interface RunState {
  readonly plan: TelemetryOf<'plan'> | null;
  /** The newest stage message. */
  readonly stage: TelemetryOf<'stage'> | null;
  /** The newest step; after a rollback it is not the greatest. */
  readonly step: TelemetryOf<'step'> | null;
  /** By step, ascending. */
  readonly steps: readonly LossAt[];
  readonly evaluations: readonly TelemetryOf<'evaluation'>[];
  readonly checkpoint: TelemetryOf<'checkpoint'> | null;
  readonly artifacts: readonly TelemetryOf<'artifact'>[];
  readonly samples: readonly TelemetryOf<'sample'>[];
  readonly warnings: readonly TelemetryOf<'warning'>[];
  readonly end: TelemetryOf<'end'> | TelemetryOf<'failure'> | null;
  /** Times of the first and the last message, in seconds since 1970. */
  readonly since: number | null;
  readonly until: number | null;
}

interface LossAt {
  readonly step: number;
  readonly loss: number | null;
  readonly time: number;
  readonly tokens: number;
  readonly learningRate: number;
  readonly gradNorm: number | null;
  readonly tokensPerSecond: number;
}

export const emptyRun: RunState = {
  plan: null,
  stage: null,
  step: null,
  steps: [],
  evaluations: [],
  checkpoint: null,
  artifacts: [],
  samples: [],
  warnings: [],
  end: null,
  since: null,
  until: null,
};

export function see(state: RunState, message: Telemetry): RunState {
  const timed = {
    ...state,
    since: Math.min(state.since ?? message.time, message.time),
    until: Math.max(state.until ?? message.time, message.time),
  };
  switch (message.type) {
    case 'plan':
      return { ...timed, plan: newer(state.plan, message) };
    case 'stage':
      return { ...timed, stage: newer(state.stage, message) };
    case 'step':
      return {
        ...timed,
        step: newer(state.step, message),
        steps: withEntry(state.steps, message.step, lossAt(message), (one) => one.step),
      };
    case 'evaluation':
      return {
        ...timed,
        evaluations: withEntry(state.evaluations, message.step, message, (one) => one.step),
      };
    case 'checkpoint':
      return { ...timed, checkpoint: newer(state.checkpoint, message) };
    case 'artifact':
      return {
        ...timed,
        artifacts: withEntry(state.artifacts, message.format, message, (one) => one.format),
      };
    case 'sample': {
      const location = (one: TelemetryOf<'sample'>) => one.step * 1000 + one.index;
      return { ...timed, samples: withEntry(state.samples, location(message), message, location) };
    }
    case 'warning':
      return {
        ...timed,
        warnings: withEntry(state.warnings, warningKey(message), message, warningKey),
      };
    case 'end':
    case 'failure':
      return { ...timed, end: newer(state.end, message) };
  }
}

/**
 * Same as one message after the other, in one pass: a history may have a hundred thousand steps.
 */
export function seeAll(state: RunState, messages: readonly Telemetry[]): RunState {
  const others = messages.filter(({ type }) => type !== 'step').reduce(see, state);
  const steps = messages.filter((message) => message.type === 'step');
  if (steps.length === 0) return others;
  let { step, since, until } = others;
  for (const message of steps) {
    step = newer(step, message);
    since = Math.min(since ?? message.time, message.time);
    until = Math.max(until ?? message.time, message.time);
  }
  return { ...others, step, since, until, steps: mergedByStep(state.steps, steps.map(lossAt)) };
}

/** Seconds until training ends, from the mean of the last steps; null with fewer than two. */
export function secondsLeft({ step, steps }: RunState): number | null {
  if (step === null) return null;
  const recent = steps.slice(-20);
  const [first, last] = [recent[0], recent.at(-1)];
  if (first === undefined || last === undefined || last.step <= first.step) return null;
  const each = (last.time - first.time) / (last.step - first.step);
  return Math.max(0, each * (step.totalSteps - step.step));
}

/** Repeated warnings count as one. */
function warningKey({ reason, message }: TelemetryOf<'warning'>): string {
  return `${reason}: ${message}`;
}

function lossAt(message: TelemetryOf<'step'>): LossAt {
  const { step, loss, time, tokensSeen, learningRate, gradNorm, tokensPerSecond } = message;
  return { step, loss, time, tokens: tokensSeen, learningRate, gradNorm, tokensPerSecond };
}

function newer<T extends { readonly time: number }>(before: T | null, message: T): T {
  return before === null || message.time >= before.time ? message : before;
}

/** The sorted list with this entry added; of two with the same key the newer one stays. */
function withEntry<T extends { readonly time: number }, K extends string | number>(
  list: readonly T[],
  key: K,
  message: T,
  keyOf: (one: T) => K,
): readonly T[] {
  const last = list.at(-1);
  if (last === undefined || keyOf(last) < key) return [...list, message];
  const at = list.findIndex((one) => keyOf(one) >= key);
  const there = list[at];
  if (there === undefined || keyOf(there) !== key) return list.toSpliced(at, 0, message);
  return there.time > message.time ? list : list.with(at, message);
}
