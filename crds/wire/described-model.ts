// What a model is, from its configuration and headers alone: the answer of the worker's role
// `describe` to `anneal estimate`. No weights are read for it; of a model on a hub only some
// megabytes are fetched.
import * as z from 'zod';
import { modelFacts } from '../plan/model-facts.ts';

/** File in the folder of the run. */
export const describedModelFile = 'described.json';

export const describedModel = z.object({
  version: z.literal(1),
  /** Its source in words: `owner/model at 01234567`, a folder. */
  source: z.string(),
  family: z.string(),
  format: z.enum(['safetensors', 'gguf']),
  /** Longest sequence that the model was made for. */
  contextLength: z.int().min(1),
  /** Bytes of its tensors as they are stored, by type: `{ Q4_1: 98000000 }`. */
  storedBytes: z.record(z.string(), z.int().min(0)),
  /**
   * Conversations can be told apart without a template of the job's own; absent where nobody
   * looked.
   */
  hasChatTemplate: z.boolean().optional(),
  facts: modelFacts,
});

export type DescribedModel = z.output<typeof describedModel>;
