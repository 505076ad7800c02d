// The CustomResourceDefinition around the schema: names, columns, subresources, transition rules.

import { pairs } from '../combinations/compatibility.ts';
import { invariant } from '../failures/errors.ts';
import { group, kind, listKind, plural, shortName, singular, version } from '../names/group.ts';
import { jobSchema, type SchemaNode } from '../tree/schema-tree.ts';
import { clusterLimits } from './cluster-limits.ts';
import { wholeTransition } from './mutability-rules.ts';
import { toStructural, toValidation, type Validation } from './structural.ts';

export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function customResourceDefinition(): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind, plural, singular, shortNames: [shortName], categories: ['all'] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.worker.replicas',
              statusReplicasPath: '.status.workers.replicas',
              labelSelectorPath: '.status.workers.selector',
            },
          },
          additionalPrinterColumns: printerColumns,
          schema: { openAPIV3Schema: openApiSchema() },
        },
      ],
    },
  };
}

export function openApiSchema(): SchemaNode {
  const { properties = {}, ...root } = jobSchema();
  const { spec, status } = properties;
  invariant(spec && status, 'the schema of a job has no spec or no status');
  return {
    ...withoutFieldPaths(toStructural(root)),
    description: 'A fine-tuning job: a model, data, a method, and the results.',
    required: ['spec'],
    properties: {
      ...typeMeta,
      spec: withTransitions(withCombinations(toStructural(spec, 'spec'))),
      status: toStructural(status, 'status'),
    },
  };
}

/** The API server defines these three itself. */
export const typeMeta: Readonly<Record<string, SchemaNode>> = {
  apiVersion: { type: 'string', description: 'Version of this schema.' },
  kind: { type: 'string', description: 'Kind of the object.' },
  metadata: { type: 'object' },
};

/** A CRD rule may not have a fieldPath inside `metadata`; its message names the field instead. */
export function withoutFieldPaths(root: SchemaNode): SchemaNode {
  const own = validationsOf(root).map(({ rule, message, fieldPath = '' }) => ({
    rule,
    message: `${fieldPath.slice(1)} ${message}`,
  }));
  return { ...root, 'x-kubernetes-validations': own };
}

function validationsOf(node: SchemaNode): readonly Validation[] {
  return (node['x-kubernetes-validations'] ?? []) as readonly Validation[];
}

/**
 * The rules that the operator would refuse a job by, as far as CEL can express them, so that the
 * API server refuses it first.
 */
function withCombinations(spec: SchemaNode): SchemaNode {
  const limits = clusterLimits.map(({ cel, message, hint, path }) =>
    toValidation({ cel, message, hint, path: path.split('.') }),
  );
  const combinations = pairs.flatMap(({ cel, sentence: message, hint, path, where }) => {
    if (cel === undefined || where === 'machine') return [];
    return [toValidation({ cel, message, path, ...(hint === undefined ? {} : { hint }) })];
  });
  const own = validationsOf(spec);
  return { ...spec, 'x-kubernetes-validations': [...own, ...combinations, ...limits] };
}

function withTransitions(spec: SchemaNode): SchemaNode {
  const { cel, message } = wholeTransition();
  const transition: Validation = {
    rule: cel,
    messageExpression: message,
    message: 'has a change that is not allowed on an existing job',
  };
  return { ...spec, 'x-kubernetes-validations': [...validationsOf(spec), transition] };
}

/**
 * Columns of `kubectl get ftj`; those with priority 1 only with `-o wide`. Loss is a decimal, which
 * is a string here.
 */
const printerColumns = [
  { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
  { name: 'Workers', type: 'string', jsonPath: '.status.workers.summary' },
  { name: 'Step', type: 'integer', jsonPath: '.status.progress.step' },
  {
    name: 'Progress',
    type: 'integer',
    jsonPath: '.status.progress.percent',
    description: 'Percent.',
  },
  { name: 'Loss', type: 'string', jsonPath: '.status.progress.trainLoss' },
  { name: 'Restarts', type: 'integer', jsonPath: '.status.restarts.counted' },
  { name: 'Method', type: 'string', jsonPath: '.status.plan.method.summary', priority: 1 },
  { name: 'Model', type: 'string', jsonPath: '.status.model.family', priority: 1 },
  { name: 'Queue', type: 'string', jsonPath: '.spec.scheduling.queueName', priority: 1 },
  { name: 'Checkpoint', type: 'integer', jsonPath: '.status.checkpoint.latestStep', priority: 1 },
  { name: 'Round', type: 'integer', jsonPath: '.status.rendezvous.round', priority: 1 },
  { name: 'Reason', type: 'string', jsonPath: '.status.failure.reason', priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
] as const;
