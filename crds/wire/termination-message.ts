// What a container says when it ends: JSON in its termination log, at most 4,096 bytes, the only
// channel that needs neither bus nor network. The operator reads it from the pod's status, and from
// nowhere else.
import * as z from 'zod';
import { modelFacts } from '../plan/model-facts.ts';
import { jsonLimits, parseJson } from '../text/json.ts';

/** Where Kubernetes reads it from; longer texts are cut there, and half a record is none. */
export const terminationLog = '/dev/termination-log';
export const longestTerminationMessage = 4096;

const count = z.int().min(0);

/** The container ended badly. `code` is a row of the table of failures. */
const failurePart = z.object({
  code: z.string().max(64),
  reason: z.string().max(128),
  message: z.string().max(2048),
  step: count.optional(),
  round: count.optional(),
  index: count.optional(),
  rank: count.optional(),
  device: z.string().max(128).optional(),
  lastError: z.string().max(512).optional(),
  stackDigest: z.string().max(64).optional(),
});

/** What `prepare` put in place. */
const preparedPart = z.object({
  model: z.object({
    revision: z.string().max(200).optional(),
    digest: z.string().max(71),
    /** Of the model that it was cut out of. */
    wholeDigest: z.string().max(71).optional(),
    family: z.string().max(64),
    format: z.enum(['Safetensors', 'GGUF']),
    facts: modelFacts,
    /** Values that the files hold in bfloat16: frozen ones stay so in memory. */
    storedBfloat16: count.optional(),
  }),
  dataset: z.object({
    revision: z.string().max(200).optional(),
    digest: z.string().max(71),
    samples: count,
    tokens: count,
    targetTokens: count,
    skipped: count,
    /** Sequences of one pass, and tokens of the longest. */
    sequences: count,
    longest: count,
  }),
});

/** What `publish` put in place. */
const publishedPart = z.object({
  /** What servers of an adapter of it need to know; absent where the adapter is for another one. */
  model: z.object({ facts: modelFacts, storedBfloat16: count }).optional(),
  artifacts: z
    .array(
      z.object({
        type: z.string().max(64),
        uri: z.string().max(1024),
        digest: z.string().max(71).optional(),
        bytes: count.optional(),
        /** Of its evaluation. */
        verdict: z.enum(['Pass', 'Warn', 'Disabled']).optional(),
        evaluation: z.string().max(512).optional(),
      }),
    )
    .max(16),
});

/**
 * None: the container ended well and has nothing to tell. Two: a worker that finished, and wrote
 * the result as well.
 */
export const terminationMessage = z.object({
  v: z.literal(1),
  failure: failurePart.optional(),
  prepared: preparedPart.optional(),
  published: publishedPart.optional(),
  /** Training without a bus ended well, and why. */
  finished: z.object({ reason: z.enum(['Finished', 'FinishedEarly']), step: count }).optional(),
});

export type TerminationMessage = z.output<typeof terminationMessage>;

/**
 * Undefined where the text is no record of ours: a crash before any word, or the words of somebody
 * else.
 */
export function parseTerminationMessage(text: string | undefined): TerminationMessage | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const parsed = terminationMessage.safeParse(parseJson(text, jsonLimits.message));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
