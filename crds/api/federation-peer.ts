// FederationPeer: a client of a federation whose hub is elsewhere. What it trains on, beside which
// model, and what it agrees to are its own; method and steps are those of the hub.
import * as z from 'zod';
import { apiVersion, federationPeerNames } from '../names/group.ts';
import { decimal } from '../schema/decimal.ts';
import { rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { trainSource } from './dataset.ts';
import { federationSpec } from './federation.ts';
import {
  clientStatus,
  federationBus,
  federationPod,
  nameOfPod,
  partyRules,
} from './federation-party.ts';
import { objectMeta } from './job.ts';
import { model } from './model.ts';

export const federationPeerKind = federationPeerNames.kind;

const allow = z.strictObject({
  aggregations: z
    .array(federationSpec.shape.aggregation)
    .min(1)
    .max(8)
    .optional()
    .describe('Aggregations that it takes part in; all when absent.'),
  rounds: z.int32().min(1).optional().describe('Most rounds of a federation.'),
  stepsPerRound: z.int32().min(1).optional().describe('Most optimizer steps of a round.'),
});

const privacy = z.strictObject({
  maxEpsilon: decimal({ above: 0 }).describe(
    'The most that its records may spend, over all federations that it was a client of from this machine. It refuses a round that would spend more, and sends nothing.',
  ),
  maxDelta: decimal({ above: 0, below: 1 })
    .default('1e-5')
    .describe('Largest delta at which epsilon is counted.'),
});

export const federationPeerSpec = rule(
  z.strictObject({
    federation: text(
      63,
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
      'small letters, digits and hyphens',
    ).describe('Name of the federation at its hub.'),
    model: model
      .pick({ source: true, digest: true })
      .describe('The base, which must be that of the hub to the bit.'),
    train: trainSource.describe(
      'Records that it trains on. They do not leave this machine, or its pod.',
    ),
    maxSamples: z
      .int()
      .min(1)
      .optional()
      .describe('Use only the first records, up to this number.'),
    allow: allow.prefault({}).describe('What it agrees to.'),
    privacy: privacy
      .optional()
      .describe('It takes part under differential privacy alone, within this budget.'),
    bus: federationBus.optional().describe('On a cluster: where it reaches the hub.'),
    pod: federationPod.optional().describe('On a cluster: the pod of the client.'),
  }),
  ...partyRules,
);

export type FederationPeerSpec = z.output<typeof federationPeerSpec>;

export const federationPeer = rule(
  z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
    kind: z.literal(federationPeerKind).describe('Kind of the object.'),
    metadata: objectMeta
      .extend({ name: federationSpec.shape.clients.element.shape.name })
      .describe('Its name among the clients.'),
    spec: federationPeerSpec.describe('The desired state.'),
    status: clientStatus.optional().describe('What is.'),
  }),
  nameOfPod('peer'),
);

export type FederationPeer = z.output<typeof federationPeer>;
