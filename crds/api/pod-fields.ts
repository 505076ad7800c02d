// The few fields of a pod that a job may set, with the names of Kubernetes. No sidecars, no
// security context, no host network, no arbitrary volumes.
import * as z from 'zod';
import { compareQuantities, quantity } from '../schema/quantity.ts';
import { type Rule, rule } from '../schema/rule.ts';
import { mapOf, objectName, text, wordsKey } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';

const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/;
/** Keys occur in nested lists: as CEL rules they would exceed the cost limit of the API server. */
export const key = () =>
  text(317, labelKey, 'a label key such as example.com/name').meta({ [wordsKey]: undefined });

export const imageReference = () =>
  text(512, /^[^\s]+$/, 'a container image such as registry.example.com/worker:1');

const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?$/, {
    error: 'a label value: letters, digits, -, _ and .',
  });

export const labelMap = () => mapOf(key(), labelValue, 64);
export const annotationMap = () => mapOf(key(), z.string().max(4096), 64);

const requirementOf = (operators: readonly [string, ...string[]]) =>
  z.strictObject({
    key: key().describe('Label key.'),
    operator: z.enum(operators).describe('Comparison with the values.'),
    values: z.array(z.string().max(63)).max(64).optional().describe('Values to compare with.'),
  });

// A dozen lists of a job have these rules, and client-side apply limits the definition.
const labelRequirement = rule(requirementOf(['In', 'NotIn', 'Exists', 'DoesNotExist']), {
  id: 'requirement on labels: as many values as the operator compares with',
  cel: "self.operator.contains('Exist') != (has(self.values) && size(self.values) > 0)",
  check: ({ operator, values = [] }) => operator.includes('Exist') !== values.length > 0,
  message: 'must have values for In and NotIn, none for Exists and DoesNotExist',
  path: ['values'],
});

const nodeRequirement = rule(requirementOf(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']), {
  id: 'requirement on nodes: as many values as the operator compares with',
  cel: "self.operator in ['Gt', 'Lt'] ? has(self.values) && size(self.values) == 1 : self.operator.contains('Exist') != (has(self.values) && size(self.values) > 0)",
  check: ({ operator, values = [] }) =>
    operator === 'Gt' || operator === 'Lt'
      ? values.length === 1
      : operator.includes('Exist') !== values.length > 0,
  message: 'must have values for In and NotIn, one for Gt and Lt, none for Exists and DoesNotExist',
  path: ['values'],
});

export const labelSelector = z.strictObject({
  matchLabels: labelMap().optional().describe('Required labels and their values.'),
  matchExpressions: z
    .array(labelRequirement)
    .max(32)
    .optional()
    .describe('Requirements that must all hold.'),
});

export const nodeSelectorTerm = z.strictObject({
  matchExpressions: z
    .array(nodeRequirement)
    .max(32)
    .optional()
    .describe('Requirements on labels of the node.'),
  matchFields: z
    .array(nodeRequirement)
    .max(8)
    .optional()
    .describe('Requirements on fields of the node.'),
});

const toleration = rule(
  z.strictObject({
    key: key().optional().describe('Taint key; all keys when absent.'),
    operator: z.enum(['Exists', 'Equal']).optional().describe('Comparison with the value.'),
    value: labelValue.optional().describe('Taint value to tolerate.'),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .optional()
      .describe('Taint effect; all effects when absent.'),
    tolerationSeconds: z.int().optional().describe('How long a NoExecute taint is tolerated.'),
  }),
  {
    id: 'toleration: Exists compares no value',
    cel: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
    check: ({ operator, value = '' }) => operator !== 'Exists' || value === '',
    message: 'is set, but operator is Exists, which compares no value',
    path: ['value'],
  },
  {
    id: 'toleration: all keys are tolerated by Exists',
    cel: "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
    check: ({ key, operator }) => key !== undefined || operator === 'Exists',
    message: 'must be Exists where there is no key',
    path: ['operator'],
  },
  {
    id: 'toleration: a time is for NoExecute',
    cel: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    check: ({ tolerationSeconds, effect }) =>
      tolerationSeconds === undefined || effect === 'NoExecute',
    message: 'is set, but effect is not NoExecute',
    path: ['tolerationSeconds'],
  },
);

export const topologySpreadConstraint = z.strictObject({
  maxSkew: z.int32().min(1).describe('Largest difference between two domains.'),
  topologyKey: key().describe('Node label that names the domain.'),
  whenUnsatisfiable: z
    .enum(['DoNotSchedule', 'ScheduleAnyway'])
    .describe('Whether the constraint is required or preferred.'),
  labelSelector: labelSelector.optional().describe('Pods that are counted.'),
  minDomains: z.int32().min(1).optional().describe('Smallest number of domains.'),
});

export const resourceClaim = exactlyOne(
  z.strictObject({
    name: text(63, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'small letters, digits and hyphens').describe(
      'Name of the claim inside the pod.',
    ),
    resourceClaimName: objectName().optional().describe('Existing ResourceClaim to use.'),
    resourceClaimTemplateName: objectName()
      .optional()
      .describe('ResourceClaimTemplate from which each pod gets a claim.'),
  }),
  'worker.resourceClaims: one claim or a template',
  ['resourceClaimName', 'resourceClaimTemplateName'],
);

/**
 * Devices have their own fields, which limits of an administrator count; other device resources are
 * refused here.
 */
const plainResources = ['cpu', 'memory', 'ephemeral-storage'] as const;
const plainPrefixes = ['hugepages-', 'rdma/', 'vpc.amazonaws.com/'] as const;
const isPlain = (name: string) =>
  (plainResources as readonly string[]).includes(name) ||
  plainPrefixes.some((prefix) => name.startsWith(prefix));

const resourceFields = z.strictObject({
  requests: mapOf(text(317), quantity(), 32)
    .optional()
    .describe('Resources that the scheduler reserves.'),
  limits: mapOf(text(317), quantity(), 32)
    .optional()
    .describe('Resources that the container may use.'),
});

/** `field` is what asks for devices beside it; undefined where nothing does. */
export const resources = (field: string | undefined) =>
  rule(
    resourceFields.refine(
      ({ requests = {}, limits = {} }) =>
        Object.entries(requests).every(([name, wanted]) => {
          const limit = limits[name];
          return limit === undefined || compareQuantities(wanted, limit) <= 0;
        }),
      { error: 'has a request above its limit', path: ['requests'] },
    ),
    ...(['requests', 'limits'] as const).map(
      (map): Rule<z.output<typeof resourceFields>> => ({
        id: `worker.resources.${map}: no devices`,
        cel: `!has(self.${map}) || self.${map}.all(name, name in [${plainResources.map((name) => `'${name}'`).join(', ')}] || ${plainPrefixes.map((prefix) => `name.startsWith('${prefix}')`).join(' || ')})`,
        check: (self) => Object.keys(self[map] ?? {}).every(isPlain),
        message: `has a name besides ${plainResources.join(', ')} and those that begin with ${plainPrefixes.join(', ')}${field === undefined ? '' : `; devices are requested with ${field}`}`,
        path: [map],
      }),
    ),
  );

const reservedEnv = [
  ...['ANNEAL_', 'KUBERNETES_', 'NATS_', 'NCCL_SOCKET_', 'AWS_', 'HF_', 'TRACEPARENT'],
  // NVIDIA_VISIBLE_DEVICES would give a container devices that the scheduler did not count.
  'NVIDIA_',
] as const;

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

const localObjectReference = z.strictObject({
  name: objectName().describe('Name of the object, in the namespace of the job.'),
});

/** Where pods may run, and what pulls their image. */
export const imagePullSecrets = z
  .array(localObjectReference)
  .max(16)
  .optional()
  .describe('Secrets for pulling the image.');
export const nodeSelector = labelMap().optional().describe('Labels that a node must have.');
export const tolerations = z
  .array(toleration)
  .max(32)
  .optional()
  .describe('Taints that are tolerated.');
