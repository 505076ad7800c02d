// The CustomResourceDefinition of FineTuneJob: names, columns, combinations, transitions.

import { pairs } from '../combinations/compatibility.ts';
import { kind, listKind, plural, shortName, singular } from '../names/group.ts';
import { jobSchema, type SchemaNode } from '../tree/schema-tree.ts';
import { clusterLimits } from './cluster-limits.ts';
import { type CustomResourceDefinition, definitionOf, schemaOf } from './definition.ts';
import { transitionsByObject } from './mutability-rules.ts';
import { withPlacedRules } from './place-rules.ts';
import { toValidation, type Validation } from './structural.ts';

export function customResourceDefinition(): CustomResourceDefinition {
  return definitionOf({
    names: { kind, listKind, plural, singular, shortNames: [shortName], categories: ['all'] },
    scale: {
      wanted: '.spec.worker.replicas',
      found: '.status.workers.replicas',
      selector: '.status.workers.selector',
    },
    columns: printerColumns,
    schema: openApiSchema(),
  });
}

export function openApiSchema(): SchemaNode {
  const description = 'A fine-tuning job: a model, data, a method, and the results.';
  return schemaOf(jobSchema(), description, (spec) =>
    withPlacedRules(spec, [...combinations(), ...transitionsByObject().map(toValidation)]),
  );
}

/**
 * The rules that the operator would refuse a job by, as far as CEL can express them, so that the
 * API server refuses it first.
 */
function combinations(): readonly Validation[] {
  const limits = clusterLimits.map(({ cel, message, hint, path }) =>
    toValidation({ cel, message, hint, path: path.split('.') }),
  );
  const ofPairs = pairs.flatMap(({ cel, sentence: message, hint, path, where }) => {
    if (cel === undefined || where === 'machine') return [];
    return [toValidation({ cel, message, path, ...(hint === undefined ? {} : { hint }) })];
  });
  return [...ofPairs, ...limits];
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
