// Federation: several clients train one adapter, each on data of its own. A kind beside
// FineTuneJob, whose spec is the template of what a client runs in one round: a federation has many
// jobs, and none of its fields means anything to one of them.
import * as z from 'zod';
import { apiVersion, federationNames } from '../names/group.ts';
import { decimal } from '../schema/decimal.ts';
import { rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';
import { trainSource } from './dataset.ts';
import {
  federationBus,
  federationPod,
  hubStatus,
  nameOfPod,
  partyRules,
} from './federation-party.ts';
import { fineTuneJobSpec, objectMeta } from './job.ts';

export const federationKind = federationNames.kind;

const client = z.strictObject({
  name: text(63, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'small letters, digits and hyphens').describe(
    'Name of the client; states are summed in the order of names.',
  ),
  train: trainSource
    .optional()
    .describe(
      'Records that this client trains on. No other process reads them. Absent over a bus, where the client names them.',
    ),
  maxSamples: z.int().min(1).optional().describe('Use only the first records, up to this number.'),
  rank: z
    .int32()
    .min(1)
    .max(4096)
    .optional()
    .describe('Rank of its adapter, where it is not that of the template. With FLoRA alone.'),
  records: z
    .int()
    .min(1)
    .optional()
    .describe(
      'With privacy: about how many records it has. This number is public and is used in place of the true one: each record is in a step with the probability globalBatchSize / records.',
    ),
  maxEpsilon: decimal({ above: 0 })
    .optional()
    .describe(
      'With privacy: the most that its records may spend. The client refuses a round that would spend more, and sends nothing.',
    ),
});

const quorum = z.strictObject({
  minClients: z
    .int32()
    .min(1)
    .optional()
    .describe('Fewest clients of a round; three fifths of all, rounded up, when absent.'),
  deadlineSeconds: z
    .int32()
    .min(1)
    .optional()
    .describe(
      'Longest turn of a client in a round. One that takes longer is left out of it. Over a bus, where clients train at once, the longest round; one below its quorum by then waits as long once more.',
    ),
});

const aggregation = z
  .enum(['FedAvg', 'FFALoRA', 'FLoRA', 'FedSB', 'LoRAFAIR'])
  .describe(
    'How what clients trained becomes one adapter. FedAvg: both factors averaged, which is not the mean of the changes; the baseline. FFALoRA: A stays at its start, B is averaged. FLoRA: factors stacked, and merged into the base of the next round; clients may have different ranks. FedSB: the core between fixed factors is averaged; the adapter is LoRASB or LoRAXS. LoRAFAIR: as FedAvg, with a residual on B.',
  );

export type Aggregation = z.output<typeof aggregation>;

const privacy = exactlyOne(
  z.strictObject({
    unit: z
      .enum(['Record'])
      .default('Record')
      .describe('What is protected: that a single record of a client is there.'),
    clip: decimal({ above: 0 }).describe(
      'Largest norm of the gradient of one record, over all tensors that train; larger ones are scaled down to it.',
    ),
    targetEpsilon: decimal({ above: 0 })
      .optional()
      .describe('What all steps of all rounds spend together; the noise follows from it.'),
    noise: decimal({ above: 0 })
      .optional()
      .describe('Deviation of the noise of a step, as a multiple of clip.'),
    delta: decimal({ above: 0, below: 1 })
      .optional()
      .describe('Delta of the guarantee; the least of 1e-5 and 1 / (10 records) when absent.'),
    testSeed: z
      .int()
      .min(0)
      .optional()
      .describe(
        'For tests: noise and samples follow from this number instead of a secret one. Nothing is private then, and results say so.',
      ),
  }),
  'privacy has one amount of noise',
  ['targetEpsilon', 'noise'],
);

export const federationSpec = rule(
  z.strictObject({
    template: fineTuneJobSpec.describe(
      'The job of a client in one round. Its records are those of the coordinator: it computes from them what the adapter begins with, and evaluates each round on those that it holds out.',
    ),
    aggregation,
    rounds: z.int32().min(1).max(10_000).describe('Rounds.'),
    clients: z.array(client).min(1).max(64).describe('Who trains.'),
    weights: z
      .enum(['Samples', 'Uniform'])
      .default('Samples')
      .describe('Whether clients count by their records or all alike.'),
    quorum: quorum.prefault({}).describe('When a round counts without some of its clients.'),
    lambda: decimal({ above: 0 })
      .optional()
      .describe('Of LoRAFAIR: how much the residual on B is held back; 0.01 when absent.'),
    maxNorm: decimal({ above: 0 })
      .optional()
      .describe('A change with a larger Frobenius norm is refused; none is when absent.'),
    privacy: privacy
      .optional()
      .describe('Differential privacy of the records of each client against all others.'),
    bus: federationBus.optional().describe('On a cluster: where clients reach the hub.'),
    pod: federationPod.optional().describe('On a cluster: the pod of the hub.'),
  }),
  ...partyRules,
);

export type FederationSpec = z.output<typeof federationSpec>;

/** Clients without which a round does not count. */
export function fewestClients({ clients, quorum }: FederationSpec): number {
  return quorum.minClients ?? Math.ceil(0.6 * clients.length);
}

export type FederationClient = FederationSpec['clients'][number];

export const federation = rule(
  z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
    kind: z.literal(federationKind).describe('Kind of the object.'),
    metadata: objectMeta.describe('Name, namespace and labels of the federation.'),
    spec: federationSpec.describe('The desired state.'),
    status: hubStatus.optional().describe('What is.'),
  }),
  nameOfPod('federation'),
);

export type Federation = z.output<typeof federation>;
