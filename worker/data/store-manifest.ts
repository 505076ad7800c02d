// Describes the bytes of a token store. Written last, read first; a store without it does not
// exist.
import * as z from 'zod';
import { picturesRecord } from './pictures-record.ts';

/** Incremented when the same inputs give other bytes, or the layout changes. */
export const storeVersion = 6;

export const storeFiles = {
  manifest: 'manifest.json',
  tokens: 'tokens-000.bin',
  targets: 'targets-000.bin',
  index: 'index.bin',
} as const;

/**
 * Bytes of a document's index entry: u64 offset of its first token, then u32 length, target tokens
 * or class, line and sample.
 */
export const indexEntryBytes = 24;

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const storeManifest = z.strictObject({
  version: z.literal(storeVersion),
  /** Digest of the inputs: the name of the folder. */
  digest: sha256,
  /** All inputs that the tokens depend on. */
  inputs: z.record(z.string(), z.unknown()),
  shape: z.string(),
  /** What a document is learned for: each next target token, its class, a picture, or a box. */
  objective: z.enum(['NextToken', 'Class', 'Picture', 'Box']),
  /** Documents of each class; empty where they have none. */
  classes: z.array(count),
  vocabularySize: z.int().min(1),
  /** Two where every id fits, else four. */
  bytesPerToken: z.union([z.literal(2), z.literal(4)]),
  samples: count,
  documents: count,
  tokens: count,
  targetTokens: count,
  skipped: z.strictObject({ Invalid: count, NoTargets: count, TooLong: count }),
  /** The first hundred records that were skipped as invalid, and as too long. */
  problems: z.array(
    z.strictObject({
      skipped: z.enum(['Invalid', 'TooLong']),
      file: z.string(),
      line: count,
      reason: z.string(),
    }),
  ),
  /** Records that were truncated, and the number of tokens cut off. */
  cutSamples: count,
  lostTokens: count,
  /** Records whose answers are all empty. */
  silentSamples: count,
  /** Number of documents by length, in powers of two. */
  lengths: z.array(z.strictObject({ upTo: count, documents: count })),
  files: z.array(z.strictObject({ path: z.string(), sha256, firstDocument: count })),
  /** The first documents, as segments of target text and other text; a class is target text. */
  examples: z.array(z.array(z.strictObject({ text: z.string(), isTarget: z.boolean() }))),
  /** Where documents have pictures or sounds: what they become, and the files they are in. */
  pictures: picturesRecord.nullable(),
  /** SHA-256 of the other files. */
  contents: z.strictObject({ tokens: sha256, targets: sha256, index: sha256 }),
});
export type StoreManifest = z.output<typeof storeManifest>;
export type Problem = StoreManifest['problems'][number];
