// Why a federation, a pool or a server of adapters is in its state. That no operator looked at it,
// and that its objects cannot be written, they have alike. Pure.
import { sentence } from '../terminal/sentence.ts';
import type { BesideJob } from './beside.ts';
import { isStatusUnread } from './unread.ts';
import type { Why } from './why.ts';
import { whyOfParty } from './why-party.ts';
import { whyOfPool } from './why-pool.ts';
import { whyOfServer } from './why-server.ts';

export function whyBesideJobs(one: BesideJob): Why {
  const { happened, doing, change, ...code } = whyNotKept(one) ?? whyOfKept(one);
  return {
    ...{ happened: inSentences(happened), doing: inSentences(doing), change: inSentences(change) },
    ...code,
  };
}

function whyOfKept(one: BesideJob): Why {
  if (one.kind === 'TrainingPool') return whyOfPool(one);
  return one.kind === 'AdapterServer' ? whyOfServer(one) : whyOfParty(one);
}

/** A sentence for each line. */
function inSentences(text: string): string {
  return text.split('\n').filter(Boolean).map(sentence).join('\n');
}

/** Value of the chart that lets the operator keep the kind. */
const features = {
  Federation: 'features.federations',
  FederationPeer: 'features.federations',
  TrainingPool: 'features.trainingPools',
  AdapterServer: 'features.adapterServers',
} as const;

/** Undefined where what follows from the object is written. */
function whyNotKept(one: BesideJob): Why | undefined {
  const { kind, name, generation, deleting, status, unread } = one;
  if (deleting) {
    return {
      happened: 'it is being deleted',
      doing: 'what belongs to it goes with it',
      change: '',
    };
  }
  const observed = status.observedGeneration ?? 0;
  if (observed < generation && isStatusUnread(one)) {
    return {
      happened: unread?.message ?? '',
      doing: 'the rest of its status is read',
      change: 'run anneal version to see whether the operator that wrote it is of another version',
    };
  }
  if (observed < generation) {
    const since = `no operator has looked at it since it was ${observed === 0 ? 'written' : 'changed'}`;
    return {
      happened: unread === undefined ? since : `${since}\n${unread.message}`,
      doing: '',
      change: `the operator must be running, with ${features[kind]} of the chart; its namespaces must include that of ${name}`,
    };
  }
  const accepted = status.conditions?.find(({ type }) => type === 'Accepted');
  if (accepted?.status !== 'False') return undefined;
  const { reason, message } = accepted;
  const isForPeople = reason === 'InvalidSpec' || reason === 'DoesNotFit';
  const next = isForPeople ? 'waits for a change of it' : 'tries again by itself';
  const isServing = one.kind === 'AdapterServer' && (one.status.readyReplicas ?? 0) > 0;
  return {
    happened: message,
    doing: `the operator ${next}${isServing ? '; pods from before it still answer' : ''}`,
    change: changeFor(reason, kind),
  };
}

function changeFor(reason: string, kind: keyof typeof features): string {
  const known: Readonly<Record<string, string>> = {
    InvalidSpec: `change the ${kind}; kubectl edit does`,
    DoesNotFit: `change spec.resources or spec.limits; anneal estimate FILE tells the parts of the sum`,
    NameConflict: 'rename one of the two, or remove the other object',
    PermissionDenied: `${features[kind]} of the chart gives the operator its rights`,
    QuotaExceeded: 'free some of the quota, or raise it',
  };
  return known[reason] ?? '';
}
