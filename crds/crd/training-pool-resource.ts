// The CustomResourceDefinition of TrainingPool.
import { trainingPool } from '../api/training-pool.ts';
import { poolNames } from '../names/group.ts';
import { printSchema } from '../tree/schema-tree.ts';
import { type CustomResourceDefinition, definitionOf, schemaOf } from './definition.ts';

export function trainingPoolDefinition(): CustomResourceDefinition {
  return definitionOf({
    names: poolNames,
    hasStatus: true,
    columns: [
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Jobs', type: 'string', jsonPath: '.status.summary' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    schema: schemaOf(
      printSchema(trainingPool).root,
      'A pod in which jobs of one base train together.',
    ),
  });
}
