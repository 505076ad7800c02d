// The records of a federation, as files of one folder: what hub and clients tell each other. Each
// is written once by one of them, but for claims, whose number grows. Tensors are objects beside
// them, named by their SHA-256.
//
//   federation.json              who, what, where           `anneal federate`
//   objects/<sha256>.safetensors tensors                    hub and clients
//   records/round.<t>.spec       what the round begins with the hub
//   records/round.<t>.claim.<c>  which attempt counts       the client
//   records/round.<t>.submit.<c> what it trained            the client
//   records/round.<t>.result     what was made of it        the hub; of round 0, the beginning
//   hub/                         the run folder of the coordinator
//   clients/<c>/round-<t>/       the run folder of a client, which no other process reads
//   clients/<c>/account.json     what its records have spent, and its secret key    the client
//   outcome.json                 how it ended               `anneal federate`
import * as z from 'zod';
import { federationSpec } from '../api/federation.ts';
import { digest, localWork } from './local-work.ts';

const count = z.int().min(0);
const client = z.string().max(63);

export const federationFiles = {
  federation: 'federation.json',
  objects: 'objects',
  records: 'records',
  hub: 'hub',
  clients: 'clients',
  report: 'federation.json',
  account: 'account.json',
  /** In the run folder of a client. */
  privateSteps: 'private-steps.json',
} as const;

export const federationRecord = z.object({ ...localWork, spec: federationSpec });

export type FederationRecord = z.output<typeof federationRecord>;

const storedObject = z.object({ digest, bytes: count });
export type StoredObject = z.output<typeof storedObject>;

/** What a client begins with. */
const federatedState = z.object({
  /** What no client trains. */
  fixed: storedObject.optional(),
  /** What all of them begin with; absent where each draws its own. */
  trained: storedObject.optional(),
  /** Products that are part of the base by now, oldest first. */
  merged: z.array(storedObject).default([]),
});

export type FederatedState = z.output<typeof federatedState>;

export const roundSpec = z.object({
  round: z.int().min(1),
  /** Of the weights of the model, and of the state. */
  base: z.string().max(200),
  state: digest,
  begins: federatedState,
  clients: z.array(client),
});

export type RoundSpec = z.output<typeof roundSpec>;

export const roundClaim = z.object({ round: count, client, epoch: z.int().min(1) });

/** What a client spends in a round, from what is public alone. */
const privateRun = z.object({
  clip: z.number(),
  /** Probability of each record to be in a step. */
  rate: z.number(),
  /** By which sums are divided, however many records a step has. */
  batch: z.int().min(1),
  delta: z.number(),
  targetEpsilon: z.number().optional(),
  noise: z.number().optional(),
  rounds: z.int().min(1),
  /** Of one round. */
  steps: count,
  maxEpsilon: z.number().optional(),
  testSeed: z.int().min(0).optional(),
});

export type PrivateRun = z.output<typeof privateRun>;

/** What the trainer of a client needs for its steps. It does not leave the client. */
export const privateSteps = z.object({
  ...{ clip: z.number(), noise: z.number(), rate: z.number(), batch: z.int().min(1) },
  /** Names the streams of noise and samples, with the number of the attempt. */
  key: z.string().regex(/^[0-9a-f]{32}$/),
  attempt: count,
});

export type PrivateSteps = z.output<typeof privateSteps>;

export const privacyAccount = z.object({
  version: z.literal(1),
  key: z.string().regex(/^[0-9a-f]{32}$/),
  spent: z.array(
    z.object({
      round: count,
      /** Of what decides the bits of the attempt: job, state, noise and data. */
      attempt: digest,
      rate: z.number(),
      noise: z.number(),
      steps: count,
    }),
  ),
});

export type PrivacyAccount = z.output<typeof privacyAccount>;

/** What a client tells of its account. */
const spentPrivacy = z.object({
  epsilon: z.number(),
  delta: z.number(),
  noise: z.number(),
  rate: z.number(),
  steps: count,
});

export const roundSubmit = z.object({
  round: count,
  client,
  epoch: z.int().min(1),
  base: z.string().max(200),
  state: digest,
  object: storedObject,
  /** With privacy the public number of the spec. */
  samples: count,
  privacy: spentPrivacy.optional(),
});

export type RoundSubmit = z.output<typeof roundSubmit>;

const evaluation = z.object({
  loss: z.number().nullable(),
  accuracy: z.number().nullable(),
  tokens: count,
});

export const roundResult = z.object({
  round: count,
  ends: federatedState,
  state: digest,
  base: z.string().max(200),
  used: z.array(client),
  weights: z.array(z.number()),
  refused: z.array(z.object({ client, reason: z.string() })),
  /** Whether the aggregation meets the mean of the clients' changes, and how far it was from it. */
  exact: z.boolean(),
  error: z.number(),
  /** Of the used submissions, and of what each client fetched for the round. */
  bytes: z.object({ up: count, down: count }),
  /** On the records that the coordinator holds out. */
  evaluation,
  /** What the records of each client have spent so far. */
  privacy: z
    .object({
      /** False where noise follows from a seed that is known. */
      holds: z.boolean(),
      clients: z.array(spentPrivacy.extend({ client })),
    })
    .optional(),
});

export type RoundResult = z.output<typeof roundResult>;

/** Why clients of a round have no submission, by name: the hub tells its aggregator. */
export const roundAbsent = z.object({ round: count, reasons: z.record(client, z.string()) });

export const recordName = {
  spec: (round: number) => `round.${round}.spec`,
  claim: (round: number, name: string) => `round.${round}.claim.${name}`,
  submit: (round: number, name: string) => `round.${round}.submit.${name}`,
  absent: (round: number) => `round.${round}.absent`,
  result: (round: number) => `round.${round}.result`,
} as const;

/** In the record of a run that is a part of a federation. */
export const federatedRun = z.object({
  /** The folder of the federation. */
  root: z.string(),
  round: count,
  epoch: count,
  /** Absent of the hub. */
  client: client.optional(),
  begins: federatedState,
  state: digest.optional(),
  privacy: privateRun.optional(),
  /** Public number of its records, which a submission names. */
  records: z.int().min(1).optional(),
});

export type FederatedRun = z.output<typeof federatedRun>;
