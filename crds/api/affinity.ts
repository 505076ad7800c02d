// Affinity as Kubernetes spells it, without its alpha parts.
import * as z from 'zod';
import { objectName } from '../schema/text.ts';
import { key, labelSelector, nodeSelectorTerm } from './pod-fields.ts';

const weight = () => z.int32().min(1).max(100).describe('Weight of this preference.');

const podAffinityTerm = z.strictObject({
  labelSelector: labelSelector.optional().describe('Pods that the term selects.'),
  namespaces: z.array(objectName(63)).max(32).optional().describe('Namespaces of those pods.'),
  namespaceSelector: labelSelector.optional().describe('Namespaces of those pods, by label.'),
  topologyKey: key().describe('Node label of the domain: nodes with the same value count as near.'),
});

const nodeAffinity = z.strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .strictObject({
      nodeSelectorTerms: z
        .array(nodeSelectorTerm)
        .min(1)
        .max(16)
        .describe('A node must match one of these terms.'),
    })
    .optional()
    .describe('Rules that a node must match.'),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(
      z.strictObject({
        weight: weight(),
        preference: nodeSelectorTerm.describe('Nodes that are preferred.'),
      }),
    )
    .max(16)
    .optional()
    .describe('Preferences about nodes.'),
});

const podAffinity = z.strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .array(podAffinityTerm)
    .max(16)
    .optional()
    .describe('Rules that must hold.'),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(
      z.strictObject({ weight: weight(), podAffinityTerm: podAffinityTerm.describe('The wish.') }),
    )
    .max(16)
    .optional()
    .describe('Wishes.'),
});

export const affinity = z.strictObject({
  nodeAffinity: nodeAffinity.optional().describe('Which nodes.'),
  podAffinity: podAffinity.optional().describe('Pods to be near to.'),
  podAntiAffinity: podAffinity.optional().describe('Pods to be far from.'),
});
