// One look at a party: which Job it should have, and what to say of it. Pure.
import type { Condition } from '../../crds/api/conditions.ts';
import type { PartyCondition, PartyStatus } from '../../crds/api/federation-party.ts';
import { annotation } from '../../crds/names/labels.ts';
import type { PartyProgress } from '../../crds/wire/federation-pod.ts';
import type { AddressedPod } from '../job/observed/addressed-pod.ts';
import type { BatchJob } from '../job/observed/batch-job.ts';
import { isTrue, setCondition } from '../runtime/conditions.ts';
import type { Warning } from '../runtime/warnings.ts';
import { conditionsOf } from './conditions.ts';
import { type BuiltParty, tooLong } from './objects.ts';
import type { ObservedParty } from './observed.ts';
import { type PodWait, waitOf } from './pod-wait.ts';
import { toldStatus } from './told-status.ts';

/** What a person has to change before the party can be as it is asked for. */
export interface PartyRefusal {
  readonly reason: string;
  readonly message: string;
}

export interface PartyFacts {
  readonly party: ObservedParty;
  /** Its own. */
  readonly job: BatchJob | undefined;
  /** Of that Job. */
  readonly pods: readonly AddressedPod[];
  /** Of a Job before it, which was deleted; they have yet to end. */
  readonly left: readonly AddressedPod[];
  /** By the running pod, or by the last one when it ended. */
  readonly told: PartyProgress | undefined;
  /** Newest, of a pod that does not start or a Job without pods. */
  readonly warning: Warning | undefined;
  /** What the cluster refused last, of this generation. */
  readonly refused: PartyRefusal | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What becomes of its Job; one of another generation goes before its successor comes. */
export type PartyStep = 'Keep' | 'Create' | 'Remove';

interface PartyDecision {
  /** Undefined where nothing can be built of the spec. */
  readonly built: BuiltParty | undefined;
  readonly step: PartyStep;
  readonly status: PartyStatus;
  readonly isEnded: boolean;
}

export type Outcome = 'Complete' | 'Failed' | undefined;

export function decideParty(facts: PartyFacts): PartyDecision {
  const { party, job } = facts;
  const problem = problemOf(party);
  const { accepted } = party;
  const built =
    problem !== undefined || accepted === undefined ? undefined : { ...party, accepted };
  const isCurrent = job?.metadata.annotations[annotation.generation] === String(party.generation);
  const known = party.status.observedGeneration === party.generation ? party.status : {};
  // A Job that somebody removed after it was complete would train everything again.
  const wasComplete = job === undefined && isTrue(known.conditions ?? [], 'Complete');
  const outcome = wasComplete ? 'Complete' : isCurrent ? outcomeOf(job) : undefined;
  const told = isCurrent ? facts.told : undefined;
  const wait = facts.refused ?? waitOf(facts, isCurrent);
  const said = conditionsOf({ facts, problem, outcome, told, wait });
  let conditions: readonly Condition[] = party.status.conditions ?? [];
  for (const one of said) {
    conditions = setCondition<PartyCondition>(conditions, one, {
      ...{ now: facts.now, generation: party.generation },
    });
  }
  const status: PartyStatus = {
    ...toldStatus(party, known, told),
    observedGeneration: party.generation,
    ...phaseOf(outcome, told, wait, problem?.message),
    ...(outcome === 'Failed' && { failure: failureOf(told, job) }),
    conditions: [...conditions],
  };
  const isEnded = outcome !== undefined;
  return { built, status, isEnded, step: stepOf(facts, isCurrent, isEnded) };
}

function stepOf({ job, left }: PartyFacts, isCurrent: boolean, isEnded: boolean): PartyStep {
  // Two pods would write to the same folders.
  if (job === undefined) return isEnded || left.length > 0 ? 'Keep' : 'Create';
  if (isCurrent || job.metadata.deletionTimestamp !== undefined) return 'Keep';
  return 'Remove';
}

function problemOf(party: ObservedParty): PartyRefusal | undefined {
  const { accepted, problem } = party;
  if (accepted === undefined) return { reason: 'InvalidSpec', message: problem };
  const long = tooLong({ ...party, accepted });
  return long === undefined ? undefined : { reason: 'InvalidSpec', message: long };
}

function outcomeOf(job: BatchJob | undefined): Outcome {
  const types = ['Complete', 'Failed'] as const;
  const conditions = job?.status.conditions ?? [];
  return types.find((type) => conditions.some((one) => one.type === type && one.status === 'True'));
}

function phaseOf(
  outcome: Outcome,
  told: PartyProgress | undefined,
  wait: PodWait | undefined,
  problem: string | undefined,
): Pick<PartyStatus, 'phase' | 'message'> {
  if (problem !== undefined) return { phase: 'Pending', message: problem.slice(0, 1000) };
  if (outcome === 'Complete') return { phase: 'Succeeded', message: 'all rounds are done' };
  if (outcome === 'Failed') {
    return { phase: 'Failed', message: told?.failure?.message ?? 'its pod has failed' };
  }
  if (told?.state === 'Running') {
    return { phase: 'Running', message: told.warning ?? told.doing };
  }
  return { phase: 'Pending', message: wait?.message ?? 'its pod starts' };
}

function failureOf(told: PartyProgress | undefined, job: BatchJob | undefined) {
  if (told?.failure !== undefined) return told.failure;
  const [failed] = job?.status.conditions?.filter(({ type }) => type === 'Failed') ?? [];
  const message = failed?.message ?? 'the pod ended without a word';
  return { code: 'E_INTERNAL', message: message.slice(0, 2000) };
}
