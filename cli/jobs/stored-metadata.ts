// What the API server keeps of any object beside spec and status.
import * as z from 'zod';

/** The API server has validated it; a dot in a name is not refused here. */
const metadata = z.looseObject({
  namespace: z.string().default(''),
  name: z.string().default(''),
  uid: z.string().default(''),
  creationTimestamp: z.string().default(''),
  deletionTimestamp: z.string().optional(),
  generation: z.int().default(1),
  labels: z.record(z.string(), z.string()).default({}),
});
const stored = z.looseObject({ metadata: metadata.catch(metadata.parse({})) });

export interface StoredMetadata {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAt: string;
  /** It is being deleted. */
  readonly deleting: boolean;
  /** Counts changes of the spec. */
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
}

export function metadataOf(object: object): StoredMetadata {
  const { namespace, name, uid, creationTimestamp, deletionTimestamp, generation, labels } =
    stored.parse(object).metadata;
  return {
    ...{ namespace, name, uid, createdAt: creationTimestamp, generation, labels },
    deleting: deletionTimestamp !== undefined,
  };
}
