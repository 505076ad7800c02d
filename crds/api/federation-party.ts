// What a hub and a client of a federation have in common on a cluster: the bus that joins them, a
// pod that keeps its state on a claim, and what the operator says of it.
import * as z from 'zod';
import { longestPartyName } from '../names/child-names.ts';
import type { Rule } from '../schema/rule.ts';
import { objectName, text } from '../schema/text.ts';
import { conditionList } from './conditions.ts';
import { imagePullSecrets, nodeSelector, resources, tolerations } from './pod-fields.ts';
import { claimPath } from './source.ts';

export const federationBus = z.strictObject({
  url: text(
    512,
    /^(nats|tls):\/\/([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$/,
    'an address such as tls://hub.example:4222',
  ).describe('NATS server that leads to the others.'),
  keySecretRef: z
    .strictObject({
      name: objectName().describe('Name of the Secret, in this namespace.'),
      key: text(253, /^[-._a-zA-Z0-9]+$/, 'a key of a Secret: letters, digits, -, _ and .')
        .default('key')
        .describe('Key inside the Secret.'),
    })
    .describe('Secret with the key that --make-keys made for this party. Only its pod reads it.'),
  authority: text(16_384, /^-----BEGIN CERTIFICATE-----/, 'certificates in PEM')
    .optional()
    .describe('Certificates that the server is trusted by; public authorities when absent.'),
});

export const federationPod = z.strictObject({
  state: z
    .strictObject({
      persistentVolumeClaim: claimPath.describe('A folder in a volume, written by the pod.'),
    })
    .describe('Where it goes on from: rounds, what was trained, and the account of privacy.'),
  resources: resources(undefined)
    .optional()
    .describe('Processor and memory; what the site gives to workers when absent.'),
  imagePullSecrets,
  nodeSelector,
  tolerations,
});

interface OnCluster {
  readonly bus?: unknown;
  readonly pod?: unknown;
}

/** On one machine both are refused, since the command says them. */
export const partyRules: readonly Rule<OnCluster>[] = [
  {
    id: 'federation: a cluster needs the bus',
    where: 'cluster',
    cel: 'has(self.bus)',
    check: ({ bus }) => bus !== undefined,
    message:
      'is missing; on a cluster it must say where the others are reached, and with which key',
    path: ['bus'],
  },
  {
    id: 'federation: a cluster needs the pod',
    where: 'cluster',
    cel: 'has(self.pod)',
    check: ({ pod }) => pod !== undefined,
    message: 'is missing; on a cluster it must say on which claim the pod keeps its state',
    path: ['pod'],
  },
];

export function nameOfPod(what: 'federation' | 'peer'): Rule<{
  readonly metadata: { readonly name?: string | undefined };
}> {
  return {
    id: `${what}: the name leaves room for that of a Job`,
    where: 'cluster',
    cel: `size(self.metadata.name) <= ${longestPartyName}`,
    check: ({ metadata: { name = '' } }) => name.length <= longestPartyName,
    message: `must have at most ${longestPartyName} characters, because its Job is named by it`,
    path: ['metadata', 'name'],
  };
}

const partyStatus = {
  observedGeneration: z.int().min(0).optional().describe('Generation that this is about.'),
  phase: z
    .enum(['Pending', 'Running', 'Succeeded', 'Failed'])
    .optional()
    .describe('Where it is; conditions say why.'),
  message: text(1024).optional().describe('What its pod does or waits for.'),
  round: z.int32().min(0).optional().describe('The last round of which there is news.'),
  rounds: z.int32().min(0).optional().describe('Rounds of the federation.'),
  progress: text(32).optional().describe('Round of rounds.'),
  epsilon: text(32)
    .optional()
    .describe('Most that the records of one client have spent, under differential privacy.'),
  failure: z
    .strictObject({
      code: text(64).describe('Code of the failure.'),
      message: text(2048).describe('What happened.'),
      hint: text(1024).optional().describe('What can be done.'),
    })
    .optional()
    .describe('Why it failed.'),
  conditions: conditionList(16).describe(
    'Accepted: its objects are written. Connected: the bus answers. TakesPart (of a client). Complete, Failed.',
  ),
};

const clientName = text(63);

export const hubStatus = z.strictObject({
  ...partyStatus,
  heldOutLoss: text(32).optional().describe('After that round, on records of the hub.'),
  clients: z
    .strictObject({
      summary: text(32).describe('Used of all.'),
      used: z.array(clientName).max(64).describe('Whose submissions were used.'),
      refused: z
        .array(
          z.strictObject({
            name: clientName.describe('Name of the client.'),
            reason: z.string().max(256).describe('Why the round went on without it.'),
          }),
        )
        .max(64)
        .describe('Who was left out.'),
    })
    .optional()
    .describe('Clients of that round.'),
});

export const clientStatus = z.strictObject({
  ...partyStatus,
  submitted: z.int32().min(0).optional().describe('The last round that it submitted.'),
});

type HubStatus = z.output<typeof hubStatus>;
type ClientStatus = z.output<typeof clientStatus>;
export type PartyStatus = HubStatus & ClientStatus;
export type PartyCondition = 'Accepted' | 'Connected' | 'TakesPart' | 'Complete' | 'Failed';
export type FederationBus = z.output<typeof federationBus>;
export type FederationPod = z.output<typeof federationPod>;
