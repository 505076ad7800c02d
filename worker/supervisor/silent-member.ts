// A member of the world whose pod says nothing any more: its node is gone, or the network between. Collectives would wait for it until their
// limit; most of the world still beating is enough to know better. Pure.

import { troubleOf } from './end-of-child.ts';
import { answerTo } from './ended-trainer.ts';
import { othersIn } from './seat.ts';
import type { Action, Situation } from './situation.ts';

/** Three beats that did not come. */
const silenceMs = 10_000;

export function silentMember(situation: Situation): Action | undefined {
  const { now } = situation;
  const [first] = overdue(situation).filter(({ at }) => at <= now);
  if (first === undefined || !isMajority(situation)) return undefined;
  const { index, node } = first;
  const seconds = Math.round((now - first.at + silenceMs) / 1000);
  const message = `worker ${index} on node ${node} was not heard for ${seconds} s`;
  return answerTo(situation, troubleOf('E_PEER_LOST', message));
}

/** When the next member will have been silent for too long. */
export function silenceDue(situation: Situation): number | undefined {
  const times = overdue(situation)
    .map(({ at }) => at)
    .filter((at) => at > situation.now);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Members that were heard once, with the time at which their silence is too long. A bus that has just come back is given as long. */
function overdue(situation: Situation) {
  const { beats, bus, trainer } = situation;
  if (trainer.type !== 'Running' || !bus.connected) return [];
  return othersIn(situation).flatMap(({ podUID, index, node }) => {
    const heard = beats.get(podUID);
    return heard === undefined ? [] : [{ index, node, at: Math.max(heard, bus.since) + silenceMs }];
  });
}

/** More than half of the world is heard, this pod included: so it is not this pod that nobody reaches. */
function isMajority(situation: Situation): boolean {
  const { beats, now } = situation;
  const others = othersIn(situation);
  const heard = others.filter(({ podUID }) => (beats.get(podUID) ?? 0) > now - silenceMs);
  return 2 * (heard.length + 1) > others.length + 1;
}
