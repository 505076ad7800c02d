// What a supervisor does next: one action from (what the operator wants, the state record, the
// facts of this pod). Pure. It is asked again after each action and each change, so an action that
// is lost or comes too late is only decided on again. First match wins.
import { Exit, failureOf } from '../../crds/failures/table.ts';
import { failureWith } from './end-of-child.ts';
import { endedTrainer, uncommitted } from './ended-trainer.ts';
import { assignmentIn, isFirst } from './rank-assignment.ts';
import { memberKey } from './records.ts';
import { formingWorld, joining, opened, starting } from './rendezvous.ts';
import { silenceDue, silentMember } from './silent-member.ts';
import { type Action, exit, type Situation, stateOf } from './situation.ts';
import { pace } from './straggler.ts';

type Policy = (situation: Situation) => Action | undefined;

/** In the order in which they are asked. */
const withBus: readonly Policy[] = [
  unreadable,
  noState,
  settled,
  ofAnotherRevision,
  outdatedTrainer,
  hanging,
  endedTrainer,
  newCheckpoint,
  silentMember,
  terminating,
  stopWanted,
  saveWanted,
  joining,
  formingWorld,
  starting,
  opened,
  restored,
  pace,
];

export function decide(situation: Situation): Action {
  const policies = situation.bus.connected ? withBus : withoutBus;
  for (const policy of policies) {
    const action = policy(situation);
    if (action !== undefined) return action;
  }
  const { trainer } = situation;
  if (trainer.type !== 'Running') return { type: 'Wait', until: situation.now + idleMs };
  return { type: 'Wait', until: Math.min(trainer.hangsAt, silenceDue(situation) ?? Infinity) };
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
  return exit(failureWith('E_BUS_UNAVAILABLE', `the bus has been away for ${seconds} s; ${limit}`));
}

/** A newer version wrote what this one cannot read: it must not touch it. */
function unreadable({ records }: Situation): Action | undefined {
  const [key] = records.unreadable;
  if (key === undefined) return undefined;
  const message = `${key} is of a version that this worker cannot read`;
  return exit(failureWith('E_VERSION_SKEW', message));
}

function noState(situation: Situation): Action | undefined {
  const { now, records, bus, busOutageMs, terminateBy } = situation;
  if (records.state !== undefined) return undefined;
  if (terminateBy !== undefined && situation.trainer.type !== 'Running') return left;
  if (situation.trainer.type === 'Running') return terminating(situation) ?? { type: 'Wait' };
  if (now < bus.since + busOutageMs) return { type: 'Wait', until: bus.since + busOutageMs };
  return exit(failureWith('E_BUS_UNAVAILABLE', 'nobody wrote the state record of the job'));
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

function ofAnotherRevision(situation: Situation): Action | undefined {
  const { me, trainer } = situation;
  const { workerRevision } = stateOf(situation);
  if (workerRevision === me.workerRevision) return undefined;
  if (trainer.type === 'Running') return { type: 'Kill', why: 'Outdated' };
  if (workerRevision > me.workerRevision) {
    const why = `workers of revision ${workerRevision} have taken over from revision ${me.workerRevision}`;
    return { type: 'Exit', code: Exit.PlannedStop, why };
  }
  return terminating(situation) ?? { type: 'Wait' };
}

/** A new world is being formed: what an earlier one makes can never be committed. */
function outdatedTrainer(situation: Situation): Action | undefined {
  const { trainer } = situation;
  if (trainer.type === 'None' || trainer.round === stateOf(situation).round) {
    return undefined;
  }
  return trainer.type === 'Running' ? { type: 'Kill', why: 'Outdated' } : { type: 'Forget' };
}

function hanging({ now, trainer }: Situation): Action | undefined {
  return trainer.type === 'Running' && now >= trainer.hangsAt
    ? { type: 'Kill', why: 'Hang' }
    : undefined;
}

/** All members hear of it; the first one speaks, and the others when it cannot any more. */
function newCheckpoint(situation: Situation): Action | undefined {
  const { trainer } = situation;
  if (trainer.type !== 'Running' || !isFirst(situation)) return undefined;
  const saved = uncommitted(situation, trainer.saved);
  return saved === undefined ? undefined : { type: 'Commit', saved };
}

/** SIGTERM: save, let the next pod form its world at once, go. */
function terminating(situation: Situation): Action | undefined {
  const { now, trainer, terminateBy, bus, joined, records } = situation;
  if (terminateBy === undefined) return undefined;
  if (trainer.type === 'Running') return stopTrainer(situation, terminateBy);
  const { state, desired } = records;
  const isMember =
    state !== undefined && state.record.round === joined && assignmentIn(situation) !== undefined;
  const stays = (desired?.record.stop ?? 'None') === 'None';
  const may = bus.connected && now < terminateBy && isMember && stays;
  if (
    !may ||
    state.record.world === undefined ||
    state.record.workerRevision !== situation.me.workerRevision
  )
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
  if (desired?.workerRevision !== me.workerRevision || desired.stop === 'None') return undefined;
  if (desired.stop === 'Now') {
    if (trainer.type === 'Running') return { type: 'Kill', why: 'Now' };
    return { type: 'Exit', code: Exit.PlannedStop, why: 'the operator asked for an end at once' };
  }
  const by = desired.deadline === undefined ? now + idleMs : Date.parse(desired.deadline);
  if (trainer.type === 'Running') return stopTrainer(situation, by);
  const { round, checkpoint } = stateOf(situation);
  const ack = records.acks.get(memberKey(round, me.index))?.record;
  const isMine = ack?.podUID === me.podUID;
  if (isMine && ack.stoppedStep !== undefined) return { type: 'Wait' };
  return { type: 'Acknowledge', change: { stoppedStep: checkpoint?.step ?? 0 } };
}

function saveWanted(situation: Situation): Action | undefined {
  const { records, me, trainer } = situation;
  const desired = records.desired?.record;
  if (desired?.workerRevision !== me.workerRevision || trainer.type !== 'Running') return undefined;
  // Told one, all save: two that hear of it at different steps would save twice.
  if (!isFirst(situation)) return undefined;
  const ack = records.acks.get(memberKey(trainer.round, me.index))?.record;
  if (desired.save <= (ack?.saved ?? 0)) return undefined;
  const { save } = trainer;
  if (save.asked < desired.save) return { type: 'Ask', what: 'save', value: desired.save };
  if (!save.done) return undefined;
  const savedStep = stateOf(situation).checkpoint?.step ?? 0;
  return { type: 'Acknowledge', change: { saved: save.asked, savedStep } };
}

function restored(situation: Situation): Action | undefined {
  const { records, me, trainer } = situation;
  if (trainer.type !== 'Running' || !trainer.restored) return undefined;
  const ack = records.acks.get(memberKey(trainer.round, me.index))?.record;
  return ack?.restored ? undefined : { type: 'Acknowledge', change: { restored: true } };
}
