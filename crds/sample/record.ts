// What pictures were made of, beside them: `sample.json` in their folder.
import * as z from 'zod';
import { digest } from '../wire/local-work.ts';
import { pictureComposition, pictureSettings } from './settings.ts';

export const sampleRecordFile = 'sample.json';

const count = z.int().min(0);

/** How the parts of `dominant` were put in order (worker/sample/sequencing.ts). */
const sequencing = z.object({
  /** Of pictures that each part makes alone: the share of high frequencies. */
  frequencies: z.record(z.string(), z.number()),
  /** Parts that lead in turn before this step, and from it on. */
  early: z.array(z.string()),
  late: z.array(z.string()),
  changesAt: count,
  /** Who leads, and from which step; how much more than another part. */
  turns: z.array(z.object({ step: count, leader: z.string(), weight: z.number() })),
});

const madeBy = z.object({
  /** Of the base, an adapter, or a composition; and of the folder with the pictures. */
  name: z.string(),
  composition: pictureComposition.omit({ name: true }).optional(),
  sequencing: sequencing.optional(),
  /** Blocks that a picture passed, and how many there would be without those that were kept. */
  blocks: z.object({ passed: count, all: count }),
  seconds: z.number(),
});
export type MadeBy = z.output<typeof madeBy>;

export const sampleRecord = z.object({
  version: z.literal(1),
  base: z.object({ name: z.string(), origin: z.string(), digest: z.string() }),
  adapters: z.array(z.object({ name: z.string(), folder: z.string(), tensors: digest })),
  pictures: pictureSettings,
  made: z.array(madeBy),
});
export type SampleRecord = z.output<typeof sampleRecord>;
