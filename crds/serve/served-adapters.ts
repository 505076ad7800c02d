// What `GET /adapters` of a server says: the operator asks its pods.
import * as z from 'zod';

const count = z.int().min(0);

/** What was asked of one model since the process began. */
const servedLoad = z.object({
  /** Questions without an end. */
  open: count,
  answers: count,
  /** Made, of finished answers. */
  tokens: count,
});

export type ServedLoad = z.output<typeof servedLoad>;

export const servedAdapters = z.object({
  /** Adapters with the folders that they were loaded from, and compositions. */
  served: z.array(
    z.object({
      name: z.string(),
      folder: z.string().optional(),
      /** vLLM does not tell it, nor does an earlier version. */
      load: servedLoad.optional(),
    }),
  ),
  /** Why one is not served, in a sentence. */
  refused: z.array(z.object({ name: z.string(), reason: z.string() })),
});

export type ServedAdapters = z.output<typeof servedAdapters>;

/** The same of vLLM: its list of models, where `root` of an adapter is its folder. */
export const vllmModels = z
  .object({ data: z.array(z.object({ id: z.string(), root: z.string().nullish() })) })
  .transform(
    ({ data }): ServedAdapters => ({
      served: data.map(({ id, root }) => ({ name: id, folder: root ?? undefined })),
      refused: [],
    }),
  );
