// What a supervisor does next: one action from (what the operator wants, the state record, the facts of this pod). Pure. It is asked
// again after each action and each change, so an action that is lost or comes too late is only decided on again. First match wins.
import { Exit, failureOf } from '../../crds/failures.ts';
import { restartPauseSeconds } from '../../crds/plan/restart-account.ts';
import { generationCauses } from '../../crds/wire/generation-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import { troubleOf } from './end-of-child.ts';
import { placeOf } from './records.ts';
import type { Action, Situation } from './situation.ts';
import type { Saved } from './trainer-facts.ts';
import { verdictOn } from './verdict.ts';

type Policy = (situation: Situation) => Action | undefined;

/** In the order in which they are asked. */
const withBus: readonly Policy[] = [
  unreadable,
  noState,
  settled,
  ofAnotherEpoch,
  outdatedTrainer,
  hanging,
  endedTrainer,
  newCheckpoint,
  terminating,
  stopWanted,
  saveWanted,
  joining,
  formingWorld,
  starting,
  restored,
];

export function decide(situation: Situation): Action {
  const policies = situation.bus.connected ? withBus : withoutBus;
  for (const policy of policies) {
    const action = policy(situation);
    if (action !== undefined) return action;
  }
  const { trainer } = situation;
  return trainer.type === 'Running'
    ? { type: 'Wait', until: trainer.hangsAt }
    : { type: 'Wait', until: situation.now + idleMs };
}

/** Nothing is lost by looking again now and then. */
const idleMs = 30_000;

/** The bus is away: what runs goes on, and nothing new begins. */
const withoutBus: readonly Policy[] = [hanging, terminating, outOfReach];

function outOfReach({ now, bus, trainer, busOutageMs }: Situation): Action | undefined {
  if (trainer.type === 'Running') return undefined;
  const from = trainer.type === 'Ended' ? Math.max(bus.since, trainer.at) : bus.since;
  if (now < from + busOutageMs) return { type: 'Wait', until: from + busOutageMs };
  const seconds = Math.round((now - bus.since) / 1000);
  const limit = `busOutageTimeoutSeconds is ${busOutageMs / 1000}`;
  return exit(troubleOf('E_BUS_UNAVAILABLE', `the bus has been away for ${seconds} s; ${limit}`));
}

/** A newer version wrote what this one cannot read: it must not touch it. */
function unreadable({ records }: Situation): Action | undefined {
  const [key] = records.unreadable;
  if (key === undefined) return undefined;
  const message = `${key} is of a version that this worker cannot read`;
  return exit(troubleOf('E_VERSION_SKEW', message));
}

function noState(situation: Situation): Action | undefined {
  const { now, records, bus, busOutageMs, terminateBy } = situation;
  if (records.state !== undefined) return undefined;
  if (terminateBy !== undefined && situation.trainer.type !== 'Running') return left;
  if (situation.trainer.type === 'Running') return terminating(situation) ?? { type: 'Wait' };
  if (now < bus.since + busOutageMs) return { type: 'Wait', until: bus.since + busOutageMs };
  return exit(troubleOf('E_BUS_UNAVAILABLE', 'nobody wrote the state record of the job'));
}

/** The job has its result: nothing that is done now counts any more. */
function settled(situation: Situation): Action | undefined {
  const { me, trainer } = situation;
  const { result } = stateOf(situation);
  if (result === undefined) return undefined;
  if (trainer.type === 'Running') return { type: 'Kill', why: 'Outdated' };
  if (result.type === 'Succeeded') {
    return { type: 'Exit', code: Exit.Done, why: `training ended well at step ${result.step}` };
  }
  const { exitCode = failureOf('E_INTERNAL').workerExit, message, index } = result;
  const code = index === me.index ? exitCode : Exit.PlannedStop;
  return { type: 'Exit', code, why: message };
}

function ofAnotherEpoch(situation: Situation): Action | undefined {
  const { me, trainer } = situation;
  const { epoch } = stateOf(situation);
  if (epoch === me.epoch) return undefined;
  if (trainer.type === 'Running') return { type: 'Kill', why: 'Outdated' };
  if (epoch > me.epoch) {
    const why = `workers of epoch ${epoch} have taken over from epoch ${me.epoch}`;
    return { type: 'Exit', code: Exit.PlannedStop, why };
  }
  return terminating(situation) ?? { type: 'Wait' };
}

/** A new world is being formed: what an earlier one makes can never be committed. */
function outdatedTrainer(situation: Situation): Action | undefined {
  const { trainer } = situation;
  if (trainer.type === 'None' || trainer.generation === stateOf(situation).generation) {
    return undefined;
  }
  return trainer.type === 'Running' ? { type: 'Kill', why: 'Outdated' } : { type: 'Forget' };
}

function hanging({ now, trainer }: Situation): Action | undefined {
  return trainer.type === 'Running' && now >= trainer.hangsAt
    ? { type: 'Kill', why: 'Hang' }
    : undefined;
}

function endedTrainer(situation: Situation): Action | undefined {
  const { trainer, policy, recomputesAll, now } = situation;
  if (trainer.type !== 'Ended') return undefined;
  const { ending, saved, result } = trainer;
  const { restarts: account, adjustments } = stateOf(situation);
  if (ending === 'Done' && saved !== undefined && result !== undefined)
    return { type: 'Commit', saved, result };
  if (ending === 'Stopped') {
    const fresh = uncommitted(situation, saved);
    return fresh === undefined ? { type: 'Forget' } : { type: 'Commit', saved: fresh };
  }
  const fresh = uncommitted(situation, saved);
  // What was saved before it died counts; also as progress, for the account.
  if (fresh !== undefined) return { type: 'Commit', saved: fresh };
  const trouble =
    ending === 'Done' ? troubleOf('E_INTERNAL', 'training ended well and left no result') : ending;
  const found = { trouble, account, adjustments, policy, recomputesAll, nowMs: now };
  const verdict = verdictOn(found);
  switch (verdict.type) {
    case 'Restart': {
      const change = { restarts: verdict.account, adjustments: [...verdict.adjustments] };
      return { type: 'Open', cause: verdict.cause, change };
    }
    case 'Fail':
      return { type: 'Fail', trouble: verdict.trouble };
    case 'Leave':
      return exit(trouble);
    default:
      return verdict satisfies never;
  }
}

function newCheckpoint(situation: Situation): Action | undefined {
  const { trainer } = situation;
  if (trainer.type !== 'Running') return undefined;
  const saved = uncommitted(situation, trainer.saved);
  return saved === undefined ? undefined : { type: 'Commit', saved };
}

/** The newest checkpoint of the present generation, where the record does not name it yet. */
function uncommitted(situation: Situation, saved: Saved | undefined): Saved | undefined {
  const { trainer } = situation;
  const { checkpoint, generation } = stateOf(situation);
  if (saved === undefined || trainer.type === 'None' || trainer.generation !== generation)
    return undefined;
  const known = checkpoint?.generation === generation && checkpoint.step >= saved.step;
  return known ? undefined : saved;
}

/** SIGTERM: save, let the next pod form its world at once, go. */
function terminating(situation: Situation): Action | undefined {
  const { now, trainer, terminateBy, bus, joined, records } = situation;
  if (terminateBy === undefined) return undefined;
  if (trainer.type === 'Running') return stopTrainer(situation, terminateBy);
  const { state, desired } = records;
  const isMember = state !== undefined && state.record.generation === joined;
  const stays = (desired?.record.stop ?? 'None') === 'None';
  const may = bus.connected && now < terminateBy && isMember && stays;
  if (!may || state.record.world === undefined || state.record.epoch !== situation.me.epoch)
    return left;
  const { restarts } = state.record;
  const change = { restarts: { ...restarts, disruptions: restarts.disruptions + 1 } };
  return { type: 'Open', cause: 'Disruption', change };
}

const left: Action = {
  type: 'Exit',
  code: Exit.PlannedStop,
  why: 'the pod was asked to end, and what was saved is kept',
};

function stopTrainer({ now, trainer }: Situation, by: number): Action {
  if (trainer.type !== 'Running') return { type: 'Wait' };
  if (now >= by) return { type: 'Kill', why: 'Late' };
  if (trainer.asked === 'Nothing') return { type: 'Ask', what: 'stop', value: 0 };
  return { type: 'Wait', until: Math.min(by, trainer.hangsAt) };
}

function stopWanted(situation: Situation): Action | undefined {
  const { records, me, trainer, now } = situation;
  const desired = records.desired?.record;
  if (desired?.epoch !== me.epoch || desired.stop === 'None') return undefined;
  if (desired.stop === 'Now') {
    if (trainer.type === 'Running') return { type: 'Kill', why: 'Now' };
    return { type: 'Exit', code: Exit.PlannedStop, why: 'the operator asked for an end at once' };
  }
  const by = desired.deadline === undefined ? now + idleMs : Date.parse(desired.deadline);
  if (trainer.type === 'Running') return stopTrainer(situation, by);
  const { generation, checkpoint } = stateOf(situation);
  const ack = records.acks.get(placeOf(generation, me.index))?.record;
  const isMine = ack?.podUID === me.podUID;
  if (isMine && ack.stoppedStep !== undefined) return { type: 'Wait' };
  return { type: 'Acknowledge', change: { stoppedStep: checkpoint?.step ?? 0 } };
}

function saveWanted(situation: Situation): Action | undefined {
  const { records, me, trainer } = situation;
  const desired = records.desired?.record;
  if (desired?.epoch !== me.epoch || trainer.type !== 'Running') return undefined;
  const ack = records.acks.get(placeOf(trainer.generation, me.index))?.record;
  if (desired.save <= (ack?.saved ?? 0)) return undefined;
  const { save } = trainer;
  if (save.asked < desired.save) return { type: 'Ask', what: 'save', value: desired.save };
  if (!save.done) return undefined;
  const savedStep = stateOf(situation).checkpoint?.step ?? 0;
  return { type: 'Acknowledge', change: { saved: save.asked, savedStep } };
}

/** The youngest pod of an index is its member: an older one that finds another in its place has been replaced. */
function joining(situation: Situation): Action | undefined {
  const { records, me, joined, now, patienceMs } = situation;
  const { generation, world, restarts } = stateOf(situation);
  const member = records.members.get(placeOf(generation, me.index));
  if (member === undefined) {
    return world === undefined ? (pausing(situation) ?? { type: 'Join', generation }) : undefined;
  }
  if (member.record.podUID === me.podUID) return undefined;
  if (joined > 0) {
    const why = `pod ${member.record.podUID} has taken the place of this one`;
    return { type: 'Exit', code: Exit.PlannedStop, why };
  }
  if (world === undefined) return { type: 'Join', generation, over: member.revision };
  // The operator knows why the pod before this one went, and what it costs; if it is away, this pod goes on by itself.
  if (now < me.bootAt + patienceMs) return { type: 'Wait', until: me.bootAt + patienceMs };
  const change = { restarts: { ...restarts, disruptions: restarts.disruptions + 1 } };
  return { type: 'Open', cause: 'PodLost', change };
}

function formingWorld(situation: Situation): Action | undefined {
  const { records, me } = situation;
  const { generation, world } = stateOf(situation);
  if (world !== undefined) return undefined;
  const present = membersOf(situation).map(({ index }) => index);
  const wanted = records.desired?.record;
  if (wanted?.epoch !== me.epoch || present.length < wanted.workers) return { type: 'Wait' };
  const leads = Math.min(...present) === me.index;
  return leads && records.members.has(placeOf(generation, me.index))
    ? { type: 'CommitWorld' }
    : { type: 'Wait' };
}

/** Members of the present generation, by index. */
export function membersOf({ records }: Situation) {
  const generation = records.state?.record.generation ?? 0;
  return [...records.members]
    .map(([place, { record }]) => {
      const [of = 0, index = 0] = place.split('.').map(Number);
      return { of, index, member: record };
    })
    .filter(({ of }) => of === generation)
    .sort((a, b) => a.index - b.index);
}

function starting(situation: Situation): Action | undefined {
  const { records, me, trainer } = situation;
  const { generation } = stateOf(situation);
  if (trainer.type !== 'None') return undefined;
  const member = records.members.get(placeOf(generation, me.index))?.record;
  if (member?.podUID !== me.podUID) return undefined;
  return pausing(situation) ?? { type: 'Start', generation };
}

/** What just went wrong is not tried again at once. */
function pausing(situation: Situation): Action | undefined {
  const { opened, restarts } = stateOf(situation);
  const { now } = situation;
  const isOwnFault = generationCauses[opened.cause].counted || opened.cause === 'Requested';
  if (!isOwnFault) return undefined;
  const seconds = Math.max(1, restartPauseSeconds(restarts));
  const notBefore = Math.min(Date.parse(opened.at), now) + seconds * 1000;
  return now < notBefore ? { type: 'Wait', until: notBefore } : undefined;
}

function restored(situation: Situation): Action | undefined {
  const { records, me, trainer } = situation;
  if (trainer.type !== 'Running' || !trainer.restored) return undefined;
  const ack = records.acks.get(placeOf(trainer.generation, me.index))?.record;
  return ack?.restored ? undefined : { type: 'Acknowledge', change: { restored: true } };
}

function exit(trouble: ReturnType<typeof troubleOf>): Action {
  return { type: 'Exit', code: trouble.exitCode, trouble, why: trouble.message };
}

/** Asked only by policies that come after `noState`. */
function stateOf({ records }: Situation): StateRecord {
  const state = records.state?.record;
  if (state === undefined) throw new Error('there is no state record');
  return state;
}
