// The few fields of a pod that a job may set, as Kubernetes spells them. Not the whole pod: no sidecars, no security
// context, no host network, no arbitrary volumes.
import * as z from 'zod';
import { quantity } from '../quantity.ts';
import { rule } from '../rule.ts';
import { mapOf, text } from '../text.ts';

const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
export const key = () => text(317, labelKey, 'a label key such as example.com/name');
const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, {
    error: 'a label value: letters, digits, -, _ and .',
  });

export const labelMap = () => mapOf(key(), labelValue, 64);
export const annotationMap = () => mapOf(key(), z.string().max(4096), 64);

const requirementOf = (operators: readonly [string, ...string[]]) =>
  z.strictObject({
    key: key().describe('Label key that the rule looks at.'),
    operator: z.enum(operators).describe('How the values are compared.'),
    values: z
      .array(z.string().max(63))
      .max(64)
      .optional()
      .describe('Values to compare with; none for Exists and DoesNotExist.'),
  });

const labelRequirement = requirementOf(['In', 'NotIn', 'Exists', 'DoesNotExist']);
const nodeRequirement = requirementOf(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']);

export const labelSelector = z.strictObject({
  matchLabels: labelMap().optional().describe('Labels that must be there with these values.'),
  matchExpressions: z
    .array(labelRequirement)
    .max(32)
    .optional()
    .describe('Rules that must all hold.'),
});

export const nodeSelectorTerm = z.strictObject({
  matchExpressions: z
    .array(nodeRequirement)
    .max(32)
    .optional()
    .describe('Rules on labels of the node.'),
  matchFields: z.array(nodeRequirement).max(8).optional().describe('Rules on fields of the node.'),
});

export const toleration = z.strictObject({
  key: key().optional().describe('Taint key; all keys when absent.'),
  operator: z.enum(['Exists', 'Equal']).optional().describe('How the value is compared.'),
  value: labelValue.optional().describe('Taint value to tolerate.'),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .optional()
    .describe('Taint effect; all effects when absent.'),
  tolerationSeconds: z.int().optional().describe('How long a NoExecute taint is tolerated.'),
});

export const topologySpreadConstraint = z.strictObject({
  maxSkew: z.int32().min(1).describe('Largest difference between two domains.'),
  topologyKey: key().describe('Node label that names the domain.'),
  whenUnsatisfiable: z
    .enum(['DoNotSchedule', 'ScheduleAnyway'])
    .describe('Whether the constraint is a rule or a wish.'),
  labelSelector: labelSelector.optional().describe('Pods that are counted.'),
  minDomains: z.int32().min(1).optional().describe('Smallest number of domains.'),
});

export const resourceClaim = z.strictObject({
  name: text(63).describe('Name of the claim inside the pod.'),
  resourceClaimName: text(253).optional().describe('Existing ResourceClaim to use.'),
  resourceClaimTemplateName: text(253)
    .optional()
    .describe('ResourceClaimTemplate from which each pod gets a claim.'),
});

export const resources = z.strictObject({
  requests: mapOf(text(317), quantity(), 32).optional().describe('What the scheduler sets aside.'),
  limits: mapOf(text(317), quantity(), 32).optional().describe('What the container may use.'),
});

const reservedEnv = ['ANNEAL_', 'KUBERNETES_', 'NATS_', 'NCCL_SOCKET_', 'AWS_', 'HF_'] as const;

export const env = rule(
  z.strictObject({
    name: text(256, /^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _').describe(
      'Name of the variable.',
    ),
    value: z.string().max(32_768).default('').describe('Its value, as written.'),
  }),
  {
    id: 'worker.env: own prefixes are refused',
    cel: reservedEnv.map((prefix) => `!self.name.startsWith('${prefix}')`).join(' && '),
    check: (self) => !reservedEnv.some((prefix) => self.name.startsWith(prefix)),
    message: `must not begin with a prefix that the project sets itself: ${reservedEnv.join(', ')}`,
    path: ['name'],
  },
);

export const localObjectReference = z.strictObject({
  name: text(253).describe('Name of the object, in the namespace of the job.'),
});
