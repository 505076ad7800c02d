// Pieces that several values are made of. Each value has a default and a description: values.yaml,
// its schema and docs/chart.md are printed from both.
import * as z from 'zod';
import { quantity } from '../../crds/schema/quantity.ts';

export function image(repository: string, tag: string, what: string) {
  return z
    .strictObject({
      repository: z
        .string()
        .min(1)
        .max(255)
        .regex(/^[a-z0-9]+([._/:-]+[a-z0-9]+)*$/)
        .default(repository)
        .describe('Name of the image, with its registry.'),
      tag: z
        .string()
        .max(128)
        .regex(/^([A-Za-z0-9_][A-Za-z0-9._-]*)?$/)
        .default(tag)
        .describe(`Tag; ${tag === '' ? 'the version of the chart' : tag} unless given.`),
      digest: z
        .string()
        .regex(/^(sha256:[0-9a-f]{64})?$/)
        .default('')
        .describe('Digest such as sha256:…; overrides the tag when given.'),
      pullPolicy: z
        .enum(['Always', 'IfNotPresent', 'Never'])
        .default('IfNotPresent')
        .describe('When the image is pulled.'),
    })
    .prefault({})
    .describe(what);
}

export interface Size {
  readonly cpu: string;
  readonly memory: string;
  readonly memoryLimit: string;
}

/**
 * Memory is limited, the processor only asked for: a slow operator is better than a throttled one.
 */
export function resources({ cpu, memory, memoryLimit }: Size) {
  const amounts = z.record(z.string(), quantity());
  return z
    .strictObject({ requests: amounts.optional(), limits: amounts.optional() })
    .default({ requests: { cpu, memory }, limits: { memory: memoryLimit } })
    .describe('Processor and memory of a pod.');
}

/** Where pods go: fields of a pod, passed on as they are. */
export const placement = {
  nodeSelector: z
    .record(z.string(), z.string())
    .default({})
    .describe('Labels that a node must have.'),
  tolerations: z
    .array(z.looseObject({}))
    .default([])
    .describe('Taints that are tolerated, as in a pod.'),
  affinity: z
    .looseObject({})
    .default({})
    .describe('Affinity as in a pod; when empty, replicas prefer different nodes.'),
  priorityClassName: z.string().max(253).default('').describe('Priority class of the pods.'),
  podLabels: stringMap('Labels of the pods, beside those of the chart.'),
  podAnnotations: stringMap('Annotations of the pods.'),
};

export function stringMap(what: string) {
  return z.record(z.string(), z.string()).default({}).describe(what);
}

export function replicas(count: number, most: number, what: string) {
  return z.int().min(1).max(most).default(count).describe(what);
}

export const podDisruptionBudget = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether there is one.'),
    maxUnavailable: z.int().min(1).max(9).default(1).describe('Pods that may be away at once.'),
  })
  .prefault({})
  .describe('How many pods a drain may evict at once.');

export const serviceAccount = z
  .strictObject({
    create: z.boolean().default(true).describe('Whether the chart creates the account.'),
    name: z
      .string()
      .max(253)
      .default('')
      .describe('Its name; derived from the release when empty.'),
    annotations: stringMap('Annotations of the account.'),
  })
  .prefault({})
  .describe('Account under which the pods run.');

/** A namespace, or nothing. */
export function optionalNamespace(value: string, what: string) {
  return z
    .string()
    .regex(/^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$/)
    .default(value)
    .describe(what);
}
