// What pods and people ask the gateway, and what it answers. They have no other way to what the bus
// stores: the server publishes an answer to whatever subject was asked for, unchecked, so nobody
// whom we do not trust may ask the server itself. Who asks stands in the subject, which the server
// checks; the body says what. Both sides read with these schemas.
import * as z from 'zod';
import { unavailable } from './connection.ts';
import { type StreamName, stream } from './subjects.ts';

const key = z
  .string()
  .max(256)
  .regex(/^[-_a-zA-Z0-9]+(\.[-_a-zA-Z0-9]+)+$/);
const revision = z.int().min(0);
const streamName = z.enum(Object.keys(stream) as [StreamName, ...StreamName[]]);

/** About records; the last word of the subject. */
export const askRequest = {
  get: z.strictObject({ key }),
  create: z.strictObject({ key, value: z.unknown() }),
  update: z.strictObject({ key, value: z.unknown(), revision }),
  put: z.strictObject({ key, value: z.unknown() }),
  /** All records of the job. */
  list: z.strictObject({}),
  /** The newest revision of any of them. */
  head: z.strictObject({}),
} as const;

export type AskRequest =
  | { readonly what: 'get'; readonly key: string }
  | { readonly what: 'create' | 'put'; readonly key: string; readonly value: unknown }
  | {
      readonly what: 'update';
      readonly key: string;
      readonly value: unknown;
      readonly revision: number;
    }
  | { readonly what: 'list' | 'head' };

/** Which of them change nothing: pods that prepare and publish may ask these alone. */
export const reading = [
  'get',
  'list',
  'head',
] as const satisfies readonly (keyof typeof askRequest)[];

/** A message to keep. The last word of the subject is the stream. */
export const tellRequest = z.strictObject({
  /** The same one is kept once. */
  id: z.string().min(1).max(128),
  value: z.looseObject({}),
});

export const viewRequest = {
  page: z.strictObject({ stream: streamName, from: z.int().min(0) }),
} as const;

const entry = z.object({ value: z.unknown(), revision });

const keptMessage = z.object({ sequence: z.int(), index: z.int(), value: z.unknown() });

const gatewayAnswer = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Entry'), entry: entry.optional() }),
  z.object({ type: z.literal('Written'), revision }),
  /** Somebody else has written meanwhile. */
  z.object({ type: z.literal('Conflict') }),
  /** A part of a list; the last one has the head. */
  z.object({
    type: z.literal('Entries'),
    entries: z.array(entry.extend({ key: z.string() })),
    head: revision.optional(),
  }),
  z.object({ type: z.literal('Head'), head: revision }),
  z.object({ type: z.literal('Kept') }),
  z.object({ type: z.literal('Page'), messages: z.array(keptMessage), left: z.int().min(0) }),
  /** Asking again would not help. */
  z.object({ type: z.literal('Refused'), message: z.string() }),
  z.object({ type: z.literal('Unavailable'), message: z.string() }),
]);

export type GatewayAnswer = z.output<typeof gatewayAnswer>;
export type AnswerOf<T extends GatewayAnswer['type']> = Extract<GatewayAnswer, { type: T }>;

/**
 * Who may do what depends on these; a request that is larger or more often than that spoils its own
 * job.
 */
export const limit = {
  /** Of a request, with what is around the value. */
  messageBytes: 64 * 1024,
  /** Of the answer to a request for messages. */
  pageBytes: 512 * 1024,
  pageMessages: 512,
} as const;

/** An answer of one of these types; rejects with why there is none. */
export function answerOf<T extends GatewayAnswer['type']>(
  raw: unknown,
  what: string,
  ...types: readonly T[]
): AnswerOf<T> {
  const answer = gatewayAnswer.safeParse(raw).data;
  if (answer !== undefined && isOneOf(answer, types)) return answer;
  throw unavailable(
    what,
    new Error(
      answer !== undefined && 'message' in answer
        ? answer.message
        : 'an answer that cannot be read',
    ),
  );
}

function isOneOf<T extends GatewayAnswer['type']>(
  answer: GatewayAnswer,
  types: readonly T[],
): answer is AnswerOf<T> {
  return types.some((type) => type === answer.type);
}
