// What follows from a new round. Most are opened by the workers, which handle most failures in
// place; the operator emits an event, and takes the next step of the ladder where that did not
// help.
import { rendezvousCauses } from '../../crds/wire/rendezvous-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import type { EventNote } from '../runtime/events.ts';
import type { Call } from './decision.ts';
import type { PodFacts } from './facts.ts';
import type { View } from './view.ts';

/** Opened by the operator alone, which emits a better event where it opens them. */
const toldElsewhere: ReadonlySet<string> = new Set(['Start', 'PodFailed', 'Resize']);
/**
 * Two counted restarts within this time without a checkpoint between them: the pods themselves may
 * be at fault.
 */
const closeMs = 600_000;

/** Whether it was opened since we last looked. */
export function isNewRound({ status }: View, { round }: StateRecord): boolean {
  const known = status.rendezvous?.round;
  return known !== undefined && round > known;
}

/**
 * One event. Several rounds may have been opened since the last pass: the account has them all, the
 * event is about the newest.
 */
export function newsOf(view: View, state: StateRecord): readonly EventNote[] {
  const { round, opened, restarts } = state;
  if (!isNewRound(view, state) || toldElsewhere.has(opened.cause)) return [];
  const { counted, meaning } = rendezvousCauses[opened.cause];
  const { maxRestarts } = view.spec.failurePolicy;
  const cost = counted
    ? `${restarts.lastCause ?? opened.cause}, restart ${restarts.counted} of the job, which may have ${maxRestarts}`
    : 'it is not counted';
  const note = `${opened.by} opened round ${round}: ${meaning.replace(/\.$/, '')} (${cost})`;
  const type = counted ? 'Warning' : 'Normal';
  return [{ type, reason: opened.cause, note, action: 'Restart' }];
}

/** Pods to replace before the next world trains in them. */
export function suspects(view: View, { opened, restarts, world }: StateRecord): readonly Call[] {
  const again = rendezvousCauses[opened.cause].counted && restarts.sinceCommit === 2;
  if (world !== undefined || !again || !areClose(restarts)) return [];
  const openedAt = Date.parse(opened.at);
  return removed(view.livePods.filter(({ createdAt }) => createdAt <= openedAt));
}

/** All of them: the pods of the current revision. */
export function removePods(view: View): readonly Call[] {
  return removed(view.livePods);
}

function removed(pods: readonly PodFacts[]): readonly Call[] {
  return pods.map(({ name, uid }) => ({
    ...{ type: 'Delete', kind: 'Pod', name, uid },
    propagation: 'Background',
  }));
}

function areClose({ window }: StateRecord['restarts']): boolean {
  const [last, before] = window.slice(-2).reverse().map(Date.parse);
  return last !== undefined && before !== undefined && last - before <= closeMs;
}
