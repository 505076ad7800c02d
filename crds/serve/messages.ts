// What the HTTP edge of `anneal serve` and the process that holds the model say to each other. The
// edge checked the request; the model's process knows tokens, adapters and templates.
import * as z from 'zod';
import { composeModes } from '../names/compose-modes.ts';

const id = z.int().min(0);
const count = z.int().min(0);

const turn = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.string(),
});

const question = z.object({
  model: z.string(),
  prompt: z.union([
    z.object({ type: z.literal('Chat'), messages: z.array(turn) }),
    z.object({ type: z.literal('Text'), text: z.string() }),
    z.object({ type: z.literal('Tokens'), ids: z.array(z.int().min(0)) }),
  ]),
  maxTokens: count.optional(),
  temperature: z.number().min(0),
  topP: z.number(),
  seed: z.int(),
  stop: z.array(z.string()),
  /** The answer begins with the prompt. */
  echo: z.boolean().optional(),
  /** Log probabilities of the tokens of the answer, and of so many likeliest in place of each. */
  logprobs: count.optional(),
});

export type ServedQuestion = z.output<typeof question>;

export const serveOrder = z.discriminatedUnion('serve', [
  z.object({ serve: z.literal('Ask'), id, question }),
  /** The client went away. */
  z.object({ serve: z.literal('Drop'), id }),
]);

export type ServeOrder = z.output<typeof serveOrder>;

const servedModel = z.object({
  name: z.string(),
  /** Of an adapter, that of its base. */
  base: z.string().optional(),
  /** Where an adapter was loaded from. */
  folder: z.string().optional(),
  /** Of several adapters under one name. */
  composition: z
    .object({
      mode: z.enum(composeModes),
      /** Weights and span where the mode asks for them. */
      parts: z.array(z.object({ adapter: z.string(), weight: z.number().optional() })),
      span: count.optional(),
    })
    .optional(),
  /** Seconds since 1970 at which it was loaded. */
  since: count,
});

export type ServedModel = z.output<typeof servedModel>;

/** Numbers of the process, after a step or a change. */
const serveNumbers = z.object({
  waiting: count,
  decoding: count,
  /** Sequences of those that are decoded; a composed request may have several. */
  sequences: count,
  freePages: count,
  pages: count,
  steps: count,
  /** Tokens since the start. */
  made: count,
});

export type ServeNumbers = z.output<typeof serveNumbers>;

/** What a token spells, a character for each byte: some spell parts of a character. */
const bytes = z.string();

const servedToken = z.object({
  bytes,
  /** Code points of the answer before it. */
  at: count,
  /** Natural; null for the first token of a prompt, which follows nothing. */
  logprob: z.number().nullable(),
  /** The likeliest in its place, likeliest first. */
  top: z.array(z.object({ bytes, logprob: z.number() })),
});

export type ServedToken = z.output<typeof servedToken>;

export const serveMessage = z.discriminatedUnion('serve', [
  /** Once it answers, and when adapters come or go. */
  z.object({
    serve: z.literal('Models'),
    models: z.array(servedModel),
    /** Why an adapter is not served, in a sentence. */
    refused: z.array(z.object({ name: z.string(), reason: z.string() })),
  }),
  /** It will not be answered. */
  z.object({
    serve: z.literal('Refused'),
    id,
    reason: z.enum(['NoModel', 'Invalid', 'Failed']),
    message: z.string(),
  }),
  /** What a step gave. */
  z.object({
    serve: z.literal('Step'),
    texts: z.array(z.object({ id, text: z.string(), tokens: z.array(servedToken).optional() })),
    ends: z.array(
      z.object({
        id,
        reason: z.enum(['stop', 'length']),
        promptTokens: count,
        madeTokens: count,
      }),
    ),
    numbers: serveNumbers,
  }),
]);

export type ServeMessage = z.output<typeof serveMessage>;
