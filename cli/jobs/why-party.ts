// Why a hub or a client of a federation whose objects are written is in its state, from its
// conditions. Pure.
import type { Condition } from '../../crds/api/conditions.ts';
import type { PartyCondition } from '../../crds/api/federation-party.ts';
import { partyChild } from '../../crds/names/child-names.ts';
import { type Party, partyPhase } from './parties.ts';
import type { Why } from './why.ts';

export function whyOfParty(party: Party): Why {
  const { status } = party;
  const of = (type: PartyCondition): Condition | undefined =>
    status.conditions?.find((one) => one.type === type);
  if (status.failure !== undefined) {
    const { code, message, hint = '' } = status.failure;
    const again = `then delete its Job: kubectl delete job ${childOf(party)} -n ${party.namespace}; it goes on from its last round`;
    return { code, happened: message, doing: '', change: [hint, again].filter(Boolean).join('; ') };
  }
  if (partyPhase(party) === 'Succeeded') {
    return { happened: 'all rounds are done', doing: '', change: '' };
  }
  const problems = (['Connected', 'TakesPart', 'Complete'] as const).flatMap((type) => {
    const found = of(type);
    return found?.status === 'False' ? [found] : [];
  });
  const problem = problems.find(({ reason }) => reason in changes) ?? problems[0];
  if (problem === undefined) return { happened: 'its pod starts', doing: '', change: '' };
  const { reason, message } = problem;
  const known = changes[reason];
  return {
    happened: message,
    doing: known?.doing ?? 'it goes on by itself',
    change: known?.change ?? '',
  };
}

const changes: Readonly<Record<string, Pick<Why, 'doing' | 'change'>>> = {
  BusNotReachable: {
    doing: 'its pod tries again every few seconds, and goes on from where it is',
    change:
      'spec.bus.url must lead to the NATS server of the hub from this cluster, and spec.bus.authority must have signed its certificate',
  },
  SecretNotFound: {
    doing: 'the pod starts as soon as the Secret is there',
    change:
      'make it with the file that anneal federate --make-keys wrote for this party: kubectl create secret generic NAME --from-file=key=FILE',
  },
  SecretKeyNotFound: {
    doing: 'the pod starts as soon as the Secret has it',
    change: 'write the key there, or name another one in spec.bus.keySecretRef.key',
  },
  Unschedulable: {
    doing: 'the pod starts as soon as a node can take it',
    change: 'the claims that it names must be there, and its resources must fit a node',
  },
  PrivacySpent: {
    doing: 'the round goes on without it, and it looks at the next one',
    change:
      'raise spec.privacy.maxEpsilon, or leave the federation; its hub can have fewer rounds or more noise',
  },
};

function childOf({ kind, name }: Party): string {
  return (kind === 'Federation' ? partyChild.hub : partyChild.client)(name);
}
