// A member of the world whose pod says nothing any more: its node is gone, or the network between.
// Collectives would wait for it until their limit; heartbeats from most of the world are enough to
// know better. Pure.
import { heartbeatSeconds } from '../../crds/wire/subjects.ts';
import { failureWith } from './end-of-child.ts';
import { answerTo } from './ended-trainer.ts';
import { othersIn } from './rank-assignment.ts';
import type { Action, Situation } from './situation.ts';

/** Three missed heartbeats. */
const silenceMs = 10_000;

export function silentMember(situation: Situation): Action | undefined {
  const { now } = situation;
  const [first] = silences(situation).filter(({ tooLongAt }) => tooLongAt <= now);
  if (first === undefined || !isMajority(situation)) return undefined;
  const { index, node, tooLongAt } = first;
  const seconds = Math.round((now - tooLongAt + silenceMs) / 1000);
  const message = `worker ${index} on node ${node} was not heard for ${seconds} s`;
  return answerTo(situation, failureWith('E_PEER_LOST', message));
}

/**
 * When to look again, since no heartbeat wakes anybody: who hears too few now may hear more of them
 * then.
 */
export function silenceDue(situation: Situation): number | undefined {
  const { now } = situation;
  const times = silences(situation).map(({ tooLongAt }) =>
    tooLongAt > now ? tooLongAt : now + heartbeatSeconds * 1000,
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

/**
 * The other members, with the time at which the silence of each is too long. It begins with the
 * last heartbeat, or with this pod's own training: one that was never heard has had time enough to
 * send some by then. A bus that has just come back is given as much time.
 */
function silences(situation: Situation) {
  const { heartbeats, bus, trainer } = situation;
  if (trainer.type !== 'Running' || !bus.connected) return [];
  return othersIn(situation).map(({ podUID, index, node }) => {
    const heard = heartbeats.get(podUID) ?? trainer.since;
    return { index, node, tooLongAt: Math.max(heard, bus.since) + silenceMs };
  });
}

/**
 * More than half of the world is heard, this pod included: so it is not this pod that nobody
 * reaches.
 */
function isMajority(situation: Situation): boolean {
  const { heartbeats, now } = situation;
  const others = othersIn(situation);
  const heard = others.filter(({ podUID }) => (heartbeats.get(podUID) ?? 0) > now - silenceMs);
  return 2 * (heard.length + 1) > others.length + 1;
}
