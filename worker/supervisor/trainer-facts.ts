// What a supervisor knows of the process that it started, folded from what the process says. Pure.
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';

export interface Saved {
  readonly step: number;
  /** Folder of the checkpoint. */
  readonly path: string;
}

export interface TrainerFacts {
  readonly stage: TelemetryOf<'stage'>['stage'];
  /** Step that it went on after; absent until model and state are in place. */
  readonly firstStep?: number;
  readonly step: number;
  readonly saved?: Saved;
  /** When something was last heard, on a clock that is never set back. */
  readonly heardAt: number;
  /** Milliseconds of the last steps. */
  readonly stepMs: readonly number[];
  /** Of more of them: milliseconds in which it did not wait for others. */
  readonly busyMs: readonly number[];
  readonly failure?: TelemetryOf<'failure'>;
}

const remembered = 15;
const stepsOfPace = 50;

export function startedAt(nowMs: number): TrainerFacts {
  return { stage: 'Load', step: 0, heardAt: nowMs, stepMs: [], busyMs: [] };
}

export function hear(before: TrainerFacts, message: Telemetry, nowMs: number): TrainerFacts {
  const facts = { ...before, heardAt: nowMs };
  switch (message.type) {
    case 'stage':
      // Evaluation is over when it says so; the next step is what comes then.
      return { ...facts, stage: message.state === 'Done' ? 'Train' : message.stage };
    case 'plan':
      return { ...facts, stage: 'Train', firstStep: message.firstStep, step: message.firstStep };
    case 'step': {
      const stepMs = [...before.stepMs, message.stepMs.total].slice(-remembered);
      const busyMs = [...before.busyMs, busyIn(message)].slice(-stepsOfPace);
      return { ...facts, stage: 'Train', step: message.step, stepMs, busyMs };
    }
    case 'checkpoint':
      return { ...facts, saved: { step: message.step, path: message.path } };
    case 'failure':
      return { ...facts, failure: message };
    default:
      return facts;
  }
}

function busyIn({ stepMs: { total, gather = 0, reduce = 0 } }: TelemetryOf<'step'>): number {
  return Math.max(0, total - gather - reduce);
}

/** Median time of its own work in a step, once there were enough of them. */
export function paceOf({ busyMs }: TrainerFacts): number | undefined {
  return busyMs.length < stepsOfPace ? undefined : median(busyMs);
}

/** Loading, evaluating and writing say nothing for long. */
const patience = { betweenSteps: 1, elsewhere: 6 } as const;
const stepsOfSilence = 10;

/** When the silence of a process that goes on like this has lasted too long, on the same clock. */
export function hangsAt(facts: TrainerFacts, hangTimeoutSeconds: number): number {
  const { stage, heardAt, firstStep, stepMs } = facts;
  const between = stage === 'Train' && firstStep !== undefined;
  const limit = hangTimeoutSeconds * 1000 * patience[between ? 'betweenSteps' : 'elsewhere'];
  return heardAt + Math.max(limit, stepsOfSilence * median(stepMs));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
