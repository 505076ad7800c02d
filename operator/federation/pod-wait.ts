// Why the pod of a party is not running yet, in a word and in a sentence. Pure.
import type { PartyFacts } from './decide.ts';

export interface PodWait {
  readonly reason: string;
  readonly message: string;
}

/** What every pod passes through. */
const ordinary = new Set(['ContainerCreating', 'PodInitializing']);

/** Undefined where a pod runs, or there is nothing to wait for. */
export function waitOf(facts: PartyFacts, isCurrent: boolean): PodWait | undefined {
  const { job, pods, left, warning, party } = facts;
  if (job !== undefined && !isCurrent) {
    return { reason: 'Replacing', message: 'the pod of the spec before ends first' };
  }
  const [before] = left;
  if (job === undefined && before !== undefined) {
    const message = `pod ${before.metadata.name} was made before and has yet to end`;
    return { reason: 'Replacing', message };
  }
  const pod = pods.find(({ status }) => status.phase === 'Pending');
  if (pod === undefined) {
    if (pods.some(({ status }) => status.phase === 'Running')) return undefined;
    if (warning === undefined) return { reason: 'NoPod', message: 'its Job has no pod yet' };
    return { reason: 'NoPod', message: `its Job gets no pod: ${warning.message}`.slice(0, 1000) };
  }
  const { conditions, containerStatuses } = pod.status;
  const unscheduled = conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  );
  if (unscheduled !== undefined) {
    return { reason: 'Unschedulable', message: cut(unscheduled.message ?? 'it has no node') };
  }
  const waiting = containerStatuses?.map(({ state }) => state.waiting).find((one) => one);
  if (waiting?.reason !== undefined && !ordinary.has(waiting.reason)) {
    return { reason: waiting.reason, message: cut(`${waiting.reason}: ${waiting.message ?? ''}`) };
  }
  const { name, key } = party.accepted?.bus.keySecretRef ?? { name: '', key: '' };
  if (warning?.message.includes(`secret "${name}" not found`) === true) {
    const message = `Secret ${name} is not there; the pod waits for it, and for the key of this party under ${key}`;
    return { reason: 'SecretNotFound', message };
  }
  if (warning?.message.includes('references non-existent secret key') === true) {
    const message = `Secret ${name} has nothing under ${key}; the key of this party must be there`;
    return { reason: 'SecretKeyNotFound', message };
  }
  if (warning !== undefined) {
    return { reason: 'PodWaits', message: cut(`${warning.reason}: ${warning.message}`) };
  }
  return { reason: 'Starting', message: 'its pod starts' };
}

function cut(text: string): string {
  return text.slice(0, 1000);
}
