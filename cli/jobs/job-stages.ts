// The stages of a job and how far they are: planned from its spec, placed by what workers said
// last, or by its status where nothing of them is known.
import { isTerminal, type Phase } from '../../crds/index.ts';
import type { StagedSpec, StageRole } from '../../crds/stages/stage.ts';
import { type LastSeen, type StageState, stageStates } from '../../crds/stages/stage-states.ts';
import { stagesOf } from '../../crds/stages/stages-of.ts';
import { isUnread, type Job, localNamespace, phaseOf } from './job.ts';
import { emptyRun, type RunState } from './run-state.ts';

type Staged = Pick<Job, 'namespace' | 'spec' | 'status' | 'unread'>;

/** None for a job of a newer version, whose stages are not known. */
export function jobStages(job: Staged, run: RunState = emptyRun): readonly StageState[] {
  const { spec, status, unread } = job;
  if (isUnread(unread, 'spec.')) return [];
  const { model, dataset, checkpoint } = status;
  const stages = stagesOf(spec, {
    ...{ modelDigest: model?.digest, recordsDigest: dataset?.digest },
    ...{ stateDigest: checkpoint?.latestDigest, isCut: model?.wholeDigest !== undefined },
  });
  const last = lastOfRun(run) ?? lastOfStatus(job);
  return stageStates(stages, { phase: phaseOf(job), process: processOf(job), last });
}

/** Of a run that is followed from its start. */
export function liveStages(spec: StagedSpec, run: RunState): readonly StageState[] {
  const seen = { phase: phaseOfRun(run), process: 'prepare', last: lastOfRun(run) } as const;
  return stageStates(stagesOf(spec), seen);
}

function phaseOfRun({ end }: RunState): Phase {
  if (end === null) return 'Running';
  return end.type === 'failure' ? 'Failed' : 'Succeeded';
}

/** Here processes say themselves which one works; on a cluster, conditions tell. */
function processOf(job: Staged): StageRole {
  const { conditions = [] } = job.status;
  const of = (type: string) => conditions.find((condition) => condition.type === type);
  if (of('Published') !== undefined || phaseOf(job) === 'Publishing') return 'publish';
  if (job.namespace === localNamespace) return 'prepare';
  const { status, reason } = of('Initialized') ?? {};
  const isTraining = ['Running', 'Resizing'].includes(phaseOf(job));
  // Where pods share no volume each prepares for itself, after the condition.
  return isTraining || (status === 'True' && reason !== 'NotShared') ? 'train' : 'prepare';
}

function lastOfRun({ plan, stage, step, evaluations }: RunState): LastSeen | undefined {
  const totalSteps = step?.totalSteps ?? plan?.totalSteps ?? Number.POSITIVE_INFINITY;
  const done = step?.step ?? plan?.firstStep ?? 0;
  const evaluated = evaluations.reduce<RunState['evaluations'][number] | null>(
    (newest, one) => (newest === null || one.time >= newest.time ? one : newest),
    null,
  );
  const seen: readonly (readonly [number, LastSeen])[] = [
    ...(plan === null
      ? []
      : [[plan.time, { type: 'Step', step: plan.firstStep, totalSteps }] as const]),
    ...(evaluated === null
      ? []
      : [[evaluated.time, { type: 'Evaluated', step: evaluated.step, totalSteps }] as const]),
    ...(step === null ? [] : [[step.time, { type: 'Step', step: done, totalSteps }] as const]),
    ...(stage === null
      ? []
      : [
          [stage.time, { type: 'Stage', ...workOf(stage), isTrained: done >= totalSteps }] as const,
        ]),
  ];
  return seen.toSorted(([one], [other]) => one - other).at(-1)?.[1];
}

function workOf({ stage, subject, done, total, state }: NonNullable<RunState['stage']>) {
  const isAmount = done !== undefined && total !== undefined && total > 0;
  const percent = isAmount ? Math.min(100, Math.floor((100 * done) / total)) : undefined;
  return { stage, subject, percent: state === 'Done' ? undefined : percent };
}

function lastOfStatus({ spec, status }: Staged): LastSeen | undefined {
  const { stage, step, totalSteps } = status.progress ?? {};
  const trains = spec.training.maxSteps !== 0;
  const isTrained = !trains || (step !== undefined && step === totalSteps);
  if (stage !== undefined && !isTerminal(status.phase ?? 'Pending')) {
    const { type, subject, percent } = stage;
    return { type: 'Stage', stage: type, subject, percent, isTrained };
  }
  if (step === undefined || totalSteps === undefined) return undefined;
  return { type: 'Step', step, totalSteps };
}
