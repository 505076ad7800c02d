// The CustomResourceDefinition of Adapter.
import * as z from 'zod';
import { adapterSpec } from '../api/adapter.ts';
import { adapterNames } from '../names/group.ts';
import { printSchema, type SchemaNode } from '../tree/schema-tree.ts';
import { type CustomResourceDefinition, definitionOf, typeMeta } from './definition.ts';
import { toStructural } from './structural.ts';

export function adapterDefinition(): CustomResourceDefinition {
  return definitionOf({
    names: adapterNames,
    columns: [
      { name: 'Type', type: 'string', jsonPath: '.spec.type' },
      { name: 'Base', type: 'string', jsonPath: '.spec.base.family' },
      { name: 'Loss', type: 'string', jsonPath: '.spec.heldOutLoss' },
      { name: 'Job', type: 'string', jsonPath: '.spec.job.name' },
      { name: 'Where', type: 'string', jsonPath: '.spec.forms[0].uri', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    schema: schema(),
  });
}

function schema(): SchemaNode {
  const { root } = printSchema(z.strictObject({ spec: adapterSpec.describe('What was made.') }));
  const { properties = {}, ...rest } = toStructural(root);
  return {
    ...rest,
    description: 'An adapter that a job made: for which base, how, and where its files are.',
    properties: { ...typeMeta, ...properties },
  };
}
