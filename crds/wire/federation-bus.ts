// A federation whose hub and clients are in different places, on NATS: names, and the records that
// they tell each other. One bucket of records and one of objects are the hub's; each client has one
// record, its turn, and a bucket of objects. Tensors are objects, named by their SHA-256.
//
//   hub                    the open round, and what every client needs to train it      the hub
//   turn.<c>               the attempt of the client that counts, and how it ended      the client
//   objects of the hub     the state that the round begins with                         the hub
//   objects of a client    what it trained                                              the client
//
// JetStream publishes its answer to whatever subject a request names, so who may ask it may forge
// what others wrote. Therefore each client is in an account of its own, which has no JetStream, and
// reaches through imports only what `importsOf` lists: answers to these come back into its account,
// and the server knows from the account which client it is. Inside of it all clients use the same
// names, which no leaf node takes for those of its own JetStream.
import * as z from 'zod';
import { federationSpec } from '../api/federation.ts';
import { roundSpec, roundSubmit } from './federation.ts';

/** Longest object. Of FLoRA a state is all factors of all clients, the largest that there is. */
export const largestObjectBytes = 2 ** 28;
/** A state that is sent, one that is replaced, and the headers of their messages. */
const clientBytes = 2.5 * largestObjectBytes;
/** States of FLoRA are kept to the end, for clients that come late. */
const hubBytes = 8 * largestObjectBytes;
/** Servers take messages of 1 MB. */
export const chunkBytes = 2 ** 19;
export const largestMessageBytes = chunkBytes + 2 ** 14;
export const largestRecordBytes = 2 ** 18;
/** A reason is a sentence. */
const largestReason = 2_000;

export interface ObjectBucket {
  readonly bucket: string;
  /** Answers requests for stored messages; empty where nothing is read. */
  readonly read: string;
  /** Beginning of the subjects of chunks and of descriptions; empty where nothing is written. */
  readonly write: string;
}

export interface RecordKey {
  readonly read: string;
  readonly write: string;
}

interface Names {
  readonly records: string;
  readonly objects: string;
  readonly uploads: (client: string) => string;
}

/** Names of clients have no underscore, so no two federations have a bucket in common. */
export function namesOf(federation: string): Names {
  const records = `anneal_federation_${federation}`;
  return { records, objects: records, uploads: (client) => `${records}_${client}` };
}

export const streamOf = {
  records: (bucket: string) => `KV_${bucket}`,
  objects: (bucket: string) => `OBJ_${bucket}`,
} as const;

/** Bytes of each kind of bucket. */
export const bucketBytes = {
  records: 65 * largestRecordBytes,
  hub: hubBytes,
  client: clientBytes,
} as const;

/** Where the hub finds everything. */
export function hubSubjects(federation: string) {
  const { records, objects, uploads } = namesOf(federation);
  const record = (key: string): RecordKey => ({
    read: `$JS.API.DIRECT.GET.${streamOf.records(records)}.$KV.${records}.${key}`,
    write: `$KV.${records}.${key}`,
  });
  const bucket = (name: string): ObjectBucket => ({
    ...{ bucket: name, write: `$O.${name}` },
    read: `$JS.API.DIRECT.GET.${streamOf.objects(name)}`,
  });
  return {
    hub: record('hub'),
    turn: (client: string) => record(`turn.${client}`),
    objects: bucket(objects),
    uploads: (client: string) => bucket(uploads(client)),
  };
}

/** Where a client finds what it may reach, by names that are the same for all clients. */
export function clientSubjects(federation: string) {
  const { objects, uploads } = namesOf(federation);
  const at = `anneal.federation.${federation}`;
  return {
    hub: `${at}.hub`,
    turn: { read: `${at}.turn`, write: `${at}.turn.write` } satisfies RecordKey,
    objects: { bucket: objects, read: `${at}.objects`, write: '' } satisfies ObjectBucket,
    uploads: (client: string): ObjectBucket => ({
      ...{ bucket: uploads(client), read: '', write: `${at}.upload` },
    }),
    clear: `${at}.clear`,
  };
}

export interface Import {
  /** In the account of the client. */
  readonly as: string;
  /** In that of the hub. */
  readonly subject: string;
  readonly answers: 'one' | 'many';
}

/** All that a client reaches of the hub's account. */
export function importsOf(federation: string, client: string): readonly Import[] {
  const hub = hubSubjects(federation);
  const own = clientSubjects(federation);
  const { write, bucket } = hub.uploads(client);
  const turn = hub.turn(client);
  const purge = `$JS.API.STREAM.PURGE.${streamOf.objects(bucket)}`;
  return [
    { as: own.hub, subject: hub.hub.read, answers: 'one' },
    { as: own.objects.read, subject: hub.objects.read, answers: 'many' },
    { as: own.turn.read, subject: turn.read, answers: 'one' },
    { as: own.turn.write, subject: turn.write, answers: 'one' },
    { as: `${own.uploads(client).write}.>`, subject: `${write}.>`, answers: 'one' },
    { as: own.clear, subject: purge, answers: 'one' },
  ];
}

const { aggregation, rounds, weights, privacy, quorum } = federationSpec.shape;
const { name, rank, records } = federationSpec.shape.clients.element.shape;
const run = z.string().regex(/^[0-9a-f]{16}$/);

/** What a client is asked to do; what it trains on, and beside which model, it says itself. */
export const federationOffer = z.object({
  ...{ aggregation, rounds, weights, privacy, quorum },
  clients: z.array(z.object({ name, rank, records })).max(64),
  /** Of the template; read as a job together with what the client adds. */
  job: z.strictObject({
    model: z.record(z.string(), z.unknown()),
    dataset: z.record(z.string(), z.unknown()),
    method: z.unknown(),
    training: z.unknown(),
    checkpoint: z.unknown(),
    failurePolicy: z.unknown(),
  }),
});

export type FederationOffer = z.output<typeof federationOffer>;

export const hubRecord = z.object({
  version: z.literal(1),
  /** Names one start of the federation; what is of another one counts in none. */
  run,
  /** Process of the hub; one that finds a larger number has been replaced. */
  hub: z.int().min(1),
  state: z.enum(['Open', 'Complete']),
  offer: federationOffer,
  /** Absent before the first. */
  round: roundSpec.optional(),
});

export type HubRecord = z.output<typeof hubRecord>;

export const clientTurn = z.object({
  version: z.literal(1),
  run,
  round: z.int().min(1),
  /** Attempt of the client; a later one takes the round over. */
  epoch: z.int().min(1),
  submitted: roundSubmit.optional(),
  /** Why it does not take part in the round. */
  declined: z.string().max(largestReason).optional(),
});

export type ClientTurn = z.output<typeof clientTurn>;

export function reasonForWire(reason: string): string {
  return reason.slice(0, largestReason);
}
