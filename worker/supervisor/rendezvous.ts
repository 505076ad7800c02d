// From a round that was opened to a world that trains: pods join, one of them writes who is in, the
// first member prepares the folder, and all start. Pure; each of them is asked again after each
// change.
import { Exit } from '../../crds/failures/table.ts';
import { restartPauseSeconds } from '../../crds/plan/restart-account.ts';
import { rendezvousCauses } from '../../crds/wire/rendezvous-causes.ts';
import { assignmentIn } from './rank-assignment.ts';
import { memberKey } from './records.ts';
import { type Action, type Situation, stateOf } from './situation.ts';

/** So long a world that may be smaller waits for all that are wanted. */
const joinSeconds = 60;

/**
 * The youngest pod of an index is its member: an older one that finds it in its place has been
 * replaced, and a younger one takes it over. Which of them joined first says nothing: on a node
 * that is cut off from Kubernetes the old one runs on, and hears of a round as soon as any.
 */
export function joining(situation: Situation): Action | undefined {
  const { records, me, now, patienceMs } = situation;
  const { round, world, restarts, opened: by } = stateOf(situation);
  if (by.lost?.includes(me.podUID)) {
    const why = 'Kubernetes has this pod no more, and another one takes its place';
    return { type: 'Exit', code: Exit.PlannedStop, why };
  }
  const member = records.members.get(memberKey(round, me.index));
  if (member === undefined) {
    // One that is to go, or that nobody waits for yet, is no member: its end is no loss.
    if (world !== undefined || me.index >= wantedOf(situation)) return undefined;
    return pausing(situation) ?? { type: 'Join', round };
  }
  if (member.record.podUID === me.podUID) return undefined;
  if (Date.parse(member.record.bootAt) > me.bootAt) {
    const why = `pod ${member.record.podUID} has taken the place of this one`;
    return { type: 'Exit', code: Exit.PlannedStop, why };
  }
  if (world === undefined) return { type: 'Join', round, over: member.revision };
  // The operator knows why the pod before this one went, and what it costs; if it is away, this pod
  // goes on by itself.
  if (now < me.bootAt + patienceMs) return { type: 'Wait', until: me.bootAt + patienceMs };
  const change = { restarts: { ...restarts, disruptions: restarts.disruptions + 1 } };
  return { type: 'Open', cause: 'PodLost', change };
}

function wantedOf({ records, me }: Situation): number {
  const wanted = records.desired?.record;
  return wanted?.workerRevision === me.workerRevision ? wanted.workers : Number.POSITIVE_INFINITY;
}

export function formingWorld(situation: Situation): Action | undefined {
  const { records, me, now } = situation;
  const { round, world, opened: by } = stateOf(situation);
  if (world !== undefined) return undefined;
  const wanted = records.desired?.record;
  if (wanted?.workerRevision !== me.workerRevision) return { type: 'Wait' };
  const present = membersOf(situation).map(({ index }) => index);
  if (present.length < wanted.workers) {
    if (present.length < wanted.min || wanted.min >= wanted.workers) return { type: 'Wait' };
    const due = Date.parse(by.at) + joinSeconds * 1000;
    if (now < due) return { type: 'Wait', until: due };
  }
  const leads = Math.min(...present) === me.index;
  return leads && records.members.has(memberKey(round, me.index))
    ? { type: 'CommitWorld' }
    : { type: 'Wait' };
}

/** Members of the present round that are wanted, by index. */
export function membersOf(situation: Situation) {
  const { records } = situation;
  const round = records.state?.record.round ?? 0;
  const wanted = wantedOf(situation);
  return [...records.members]
    .map(([suffix, { record }]) => {
      const [of = 0, index = 0] = suffix.split('.').map(Number);
      return { of, index, member: record };
    })
    .filter(({ of, index }) => of === round && index < wanted)
    .sort((a, b) => a.index - b.index);
}

/** The first member begins; the others follow when the folder of the round is there. */
export function starting(situation: Situation): Action | undefined {
  const { records, trainer } = situation;
  const { round } = stateOf(situation);
  if (trainer.type !== 'None') return undefined;
  const assignment = assignmentIn(situation);
  if (assignment === undefined) return undefined;
  const pause = pausing(situation);
  if (pause !== undefined) return pause;
  const isReady =
    assignment.rank === 0 ||
    records.acks.get(memberKey(round, assignment.first))?.record.opened === true;
  return isReady ? { type: 'Start', round, assignment } : { type: 'Wait' };
}

/** Tells the others that the folder is there. */
export function opened(situation: Situation): Action | undefined {
  const { records, me, trainer } = situation;
  const assignment = assignmentIn(situation);
  if (trainer.type === 'None' || assignment?.rank !== 0 || assignment.pods === 1) return undefined;
  const ack = records.acks.get(memberKey(trainer.round, me.index))?.record;
  const isTold = ack?.podUID === me.podUID && ack.opened;
  return isTold ? undefined : { type: 'Acknowledge', change: { opened: true } };
}

/** What just went wrong is not tried again at once. */
function pausing(situation: Situation): Action | undefined {
  const { opened: by, restarts } = stateOf(situation);
  const { now } = situation;
  const isOwnFault = rendezvousCauses[by.cause].counted || by.cause === 'Requested';
  if (!isOwnFault) return undefined;
  const seconds = Math.max(1, restartPauseSeconds(restarts));
  const notBefore = Math.min(Date.parse(by.at), now) + seconds * 1000;
  return now < notBefore ? { type: 'Wait', until: notBefore } : undefined;
}
