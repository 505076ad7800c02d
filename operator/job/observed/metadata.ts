// The metadata of any object, as we keep it: no managedFields, of the owners only the controlling
// one.
import * as z from 'zod';
import type { ObjectMeta } from '../../runtime/resource.ts';

const map = z.record(z.string(), z.string()).nullish();

export const metadata = z
  .object({
    name: z.string(),
    namespace: z.string().default(''),
    uid: z.string(),
    resourceVersion: z.string(),
    creationTimestamp: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: map,
    annotations: map,
    finalizers: z.array(z.string()).nullish(),
    ownerReferences: z
      .array(z.object({ uid: z.string(), controller: z.boolean().optional() }))
      .nullish(),
  })
  .transform(
    ({ labels, annotations, finalizers, ownerReferences, ...rest }): ObjectMeta => ({
      ...rest,
      labels: labels ?? {},
      annotations: withoutLastApplied(annotations ?? {}),
      finalizers: finalizers ?? [],
      controlledBy: ownerReferences?.find(({ controller }) => controller === true)?.uid,
    }),
  );

/** kubectl keeps the whole manifest in it; we would keep it ten thousand times. */
function withoutLastApplied(annotations: Readonly<Record<string, string>>) {
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...rest } = annotations;
  return rest;
}
