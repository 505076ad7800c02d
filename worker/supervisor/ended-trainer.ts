// What follows from the end of this pod's trainers. Of several pods, the trainers of all end when
// one does: a pod whose trainers only lost the others, or were stopped with them, leaves it to the
// one that knows why, and acts by itself when nobody does. Pure.
import type { StateRecord } from '../../crds/wire/state.ts';
import { type Failure, failureWith } from './end-of-child.ts';
import { assignmentIn } from './rank-assignment.ts';
import { type Action, exit, type Situation, stateOf, type TrainerState } from './situation.ts';
import type { Saved } from './trainer-facts.ts';
import { verdictOn } from './verdict.ts';

type Ended = Extract<TrainerState, { type: 'Ended' }>;

/**
 * The word of a pod whose trainer died is there in a moment, that of the operator about a lost pod
 * in a few.
 */
const othersMs = 5_000;

export function endedTrainer(situation: Situation): Action | undefined {
  const { trainer } = situation;
  if (trainer.type !== 'Ended') return undefined;
  const { ending, saved, result } = trainer;
  const assignment = assignmentIn(situation);
  if (ending === 'Done' && assignment !== undefined && assignment.rank > 0) {
    // The first member has the result, and commits it.
    return undefined;
  }
  if (ending === 'Done' && saved !== undefined && result !== undefined)
    return { type: 'Commit', saved, result };
  // What was saved before it ended counts; also as progress, for the account.
  const fresh = uncommitted(situation, saved);
  if (fresh !== undefined) return { type: 'Commit', saved: fresh };
  const isOneOfSeveral = (assignment?.pods ?? 1) > 1;
  // The bus lost its storage and the operator, which had not heard of our world, gave its number to
  // a new one. That is no failure of ours: the first member has the result and commits it.
  if (ending === 'Done' && assignment === undefined) return forget;
  if (ending === 'Stopped') return isOneOfSeveral ? stopped(situation, trainer) : forget;
  const failure =
    ending === 'Done'
      ? failureWith('E_INTERNAL', 'training ended well and left no result')
      : ending;
  if (failure.code !== 'E_PEER_LOST') return answerTo(situation, failure);
  if (situation.terminateBy !== undefined) return forget;
  const others = isOneOfSeveral ? waitForOthers(situation, trainer) : undefined;
  return others ?? answerTo(situation, failure);
}

const forget: Action = { type: 'Forget' };

/** All stop when one is asked to. */
function stopped(situation: Situation, trainer: Ended): Action {
  const { terminateBy, records, me } = situation;
  const desired = records.desired?.record;
  const isAsked = desired?.workerRevision === me.workerRevision && desired.stop !== 'None';
  if (terminateBy !== undefined || isAsked) return forget;
  const { restarts } = stateOf(situation);
  const change = { restarts: { ...restarts, disruptions: restarts.disruptions + 1 } };
  return waitForOthers(situation, trainer) ?? { type: 'Open', cause: 'Disruption', change };
}

function waitForOthers({ now }: Situation, { at }: Ended): Action | undefined {
  return now < at + othersMs ? { type: 'Wait', until: at + othersMs } : undefined;
}

/** What the table of failures and the rules of the job say to it. */
export function answerTo(situation: Situation, failure: Failure): Action {
  const { policy, recomputesAll, now: nowMs } = situation;
  const { restarts: account, adjustments }: StateRecord = stateOf(situation);
  const verdict = verdictOn({ failure, account, adjustments, policy, recomputesAll, nowMs });
  switch (verdict.type) {
    case 'Restart': {
      const change = { restarts: verdict.account, adjustments: [...verdict.adjustments] };
      return { type: 'Open', cause: verdict.cause, change };
    }
    case 'Fail':
      return { type: 'Fail', failure: verdict.failure };
    case 'Leave':
      return exit(failure);
    default:
      return verdict satisfies never;
  }
}

/** The newest checkpoint of the present round, where the record does not name it yet. */
export function uncommitted(situation: Situation, saved: Saved | undefined): Saved | undefined {
  const { trainer } = situation;
  const { checkpoint, round } = stateOf(situation);
  if (saved === undefined || trainer.type === 'None' || trainer.round !== round) return undefined;
  const known = checkpoint?.round === round && checkpoint.step >= saved.step;
  return known ? undefined : saved;
}
