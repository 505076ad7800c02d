// The conditions of a party, each with a reason and a sentence. Pure.
import type { PartyCondition } from '../../crds/api/federation-party.ts';
import { failureOf, isFailureCode } from '../../crds/failures/table.ts';
import type { PartyProgress } from '../../crds/wire/federation-pod.ts';
import type { ConditionChange } from '../runtime/conditions.ts';
import type { Outcome, PartyFacts, PartyRefusal } from './decide.ts';
import type { PodWait } from './pod-wait.ts';

type Said = ConditionChange<PartyCondition>;

interface Grounds {
  readonly facts: PartyFacts;
  readonly problem: PartyRefusal | undefined;
  readonly outcome: Outcome;
  readonly told: PartyProgress | undefined;
  readonly wait: PodWait | undefined;
}

export function conditionsOf(grounds: Grounds): readonly Said[] {
  const { facts, problem } = grounds;
  const no = problem ?? facts.refused;
  const accepted: Said =
    no === undefined
      ? is('Accepted', 'True', 'Accepted', 'the objects of it are written')
      : is('Accepted', 'False', no.reason, no.message);
  return [
    accepted,
    connected(grounds),
    ...(facts.party.role === 'client' ? [takesPart(grounds)] : []),
    complete(grounds),
    failed(grounds),
  ];
}

function connected({ outcome, told }: Grounds): Said {
  if (outcome !== undefined) return is('Connected', 'False', 'Ended', 'its pod has ended');
  if (told?.state !== 'Running') {
    return is('Connected', 'Unknown', 'NoPod', 'no pod of it tells');
  }
  if (told.isConnected) return is('Connected', 'True', 'Connected', 'the bus answers');
  return told.warning === undefined
    ? is('Connected', 'False', 'Connecting', told.doing)
    : is('Connected', 'False', 'BusNotReachable', told.warning);
}

function takesPart({ told }: Grounds): Said {
  const type = 'TakesPart';
  if (told === undefined) return is(type, 'Unknown', 'NoPod', 'no pod of it tells');
  const { declined, round, rounds } = told;
  if (declined !== undefined) return is(type, 'False', reasonOf(declined.code), declined.message);
  if (round === undefined) return is(type, 'Unknown', 'NoRound', 'no round was offered to it yet');
  return is(type, 'True', 'Accepted', `it takes part in round ${round} of ${rounds ?? '?'}`);
}

function complete({ outcome, told, wait, problem }: Grounds): Said {
  const type = 'Complete';
  if (outcome === 'Complete') return is(type, 'True', 'Complete', 'all rounds are done');
  if (outcome === 'Failed') return is(type, 'False', 'Failed', 'its pod has failed');
  if (problem !== undefined) return is(type, 'False', problem.reason, problem.message);
  if (told?.state === 'Running') return is(type, 'False', 'Running', told.warning ?? told.doing);
  return is(type, 'False', wait?.reason ?? 'Starting', wait?.message ?? 'its pod starts');
}

function failed({ outcome, told }: Grounds): Said {
  if (outcome !== 'Failed') return is('Failed', 'False', 'NotFailed', 'nothing ended it');
  const { code, message } = told?.failure ?? { code: '', message: 'its pod ended without a word' };
  return is('Failed', 'True', reasonOf(code), message);
}

function reasonOf(code: string): string {
  return isFailureCode(code) ? failureOf(code).reason : 'PodFailed';
}

function is(type: PartyCondition, status: Said['status'], reason: string, message: string): Said {
  return { type, status, reason, message };
}
