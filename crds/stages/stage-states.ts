// How far the stages of a job are, from what was last said of it.
import { isTerminal, type Phase } from '../api/conditions.ts';
import type { TelemetryOf } from '../wire/telemetry.ts';
import type { Stage, StageName, StageRole } from './stage.ts';
import { stageOfSubject } from './subjects.ts';

export type StageStanding = 'Done' | 'Now' | 'Waits' | 'Failed' | 'Stopped';

export interface StageState {
  readonly stage: Stage;
  readonly standing: StageStanding;
  /** Of a stage that has begun, where known. */
  readonly percent?: number;
}

export interface Seen {
  readonly phase: Phase;
  /** The process that is known to have begun, or to begin next. */
  readonly process: StageRole;
  readonly last?: LastSeen | undefined;
}

/** The newest of what was said about work. */
export type LastSeen =
  /** Outside of steps; `type` may be that of a newer version. */
  | {
      readonly type: 'Stage';
      readonly stage: string;
      readonly subject?: string | undefined;
      readonly percent?: number | undefined;
      /** Whether steps are done, or there are none. */
      readonly isTrained: boolean;
    }
  | { readonly type: 'Step'; readonly step: number; readonly totalSteps: number }
  /** Evaluated after so many steps, and prompts answered. */
  | { readonly type: 'Evaluated'; readonly step: number; readonly totalSteps: number };

type MessageStage = TelemetryOf<'stage'>['stage'];

export function stageStates(stages: readonly Stage[], seen: Seen): readonly StageState[] {
  const { phase } = seen;
  if (phase === 'Succeeded') return stages.map((stage) => ({ stage, standing: 'Done' }));
  const { at, percent } = placeIn(stages, seen);
  return stages.map((stage, index) => {
    if (index !== at) return { stage, standing: index < at ? 'Done' : 'Waits' };
    const standing = standingIn(phase);
    const isTold = percent !== undefined && standing !== 'Waits';
    return { stage, standing, ...(isTold && { percent }) };
  });
}

/** Of the stage that the job has come to. */
function standingIn(phase: Phase): StageStanding {
  if (isTerminal(phase)) return 'Failed';
  if (phase === 'Suspending' || phase === 'Suspended') return 'Stopped';
  return idle.has(phase) ? 'Waits' : 'Now';
}

const idle: ReadonlySet<Phase> = new Set(['Pending', 'Queued', 'Starting', 'Restarting']);

interface Place {
  readonly at: number;
  readonly percent?: number | undefined;
}

function placeIn(stages: readonly Stage[], { process, last }: Seen): Place {
  const first = Math.max(
    0,
    stages.findIndex(({ run }) => run === process),
  );
  if (last === undefined) return { at: first };
  const told = toldPlace(stages, last);
  // What an earlier process said says nothing of the one that has begun since.
  return told.at < first ? { at: first } : told;
}

function toldPlace(stages: readonly Stage[], last: LastSeen): Place {
  const find = (...names: readonly StageName[]): number =>
    names.map((name) => stages.findIndex((stage) => stage.name === name)).find((at) => at >= 0) ??
    stages.length - 1;
  const after = (...names: readonly StageName[]): number =>
    Math.min(stages.length - 1, find(...names) + 1);
  if (last.type === 'Stage') {
    const { stage, percent } = last;
    return { at: find(...namesOf(last, stage)), percent };
  }
  const { step, totalSteps } = last;
  if (last.type === 'Evaluated' && step >= totalSteps) {
    return { at: after('sample', 'evaluate', 'train', 'load') };
  }
  if (step >= totalSteps) return { at: after('train', 'load') };
  return { at: find('train', 'load'), percent: Math.floor((100 * step) / totalSteps) };
}

type SeenStage = Extract<LastSeen, { readonly type: 'Stage' }>;

/** The first of these that the job has. */
function namesOf({ subject, isTrained }: SeenStage, stage: string): readonly StageName[] {
  const trains = ['train', 'load'] as const;
  const written = ['quantize', 'prune', 'recover', 'publish'] as const;
  const names: Readonly<Record<MessageStage, readonly StageName[]>> = {
    Resolve: ['fetch', 'prepare'],
    Fetch: ['fetch', 'prepare'],
    Verify: ['fetch', 'prepare'],
    Prepare: ['prepare'],
    Load: trains,
    Train: trains,
    Evaluate: isTrained ? ['evaluate', 'sample', ...written] : trains,
    Export: written,
    Upload: ['publish'],
  };
  const own = stageOfSubject(subject);
  const isOwn = stage === 'Prepare' || (stage === 'Evaluate' && isTrained);
  if (isOwn && own !== undefined) return [own, ...(stage === 'Prepare' ? trains : names.Evaluate)];
  return isKnown(stage, names) ? names[stage] : trains;
}

function isKnown<Names extends object>(
  stage: string,
  names: Names,
): stage is Extract<keyof Names, string> {
  return Object.hasOwn(names, stage);
}
