// The CustomResourceDefinition of AdapterServer.
import { adapterServer } from '../api/adapter-server.ts';
import { serverNames } from '../names/group.ts';
import { printSchema } from '../tree/schema-tree.ts';
import { type CustomResourceDefinition, definitionOf, schemaOf } from './definition.ts';

export function adapterServerDefinition(): CustomResourceDefinition {
  return definitionOf({
    names: serverNames,
    scale: {
      wanted: '.spec.replicas',
      found: '.status.replicas',
      selector: '.status.selector',
    },
    columns: [
      { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
      { name: 'Adapters', type: 'string', jsonPath: '.status.summary' },
      { name: 'URL', type: 'string', jsonPath: '.status.url', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    schema: schemaOf(
      printSchema(adapterServer).root,
      'Pods that answer requests with a model and adapters of it, by name.',
    ),
  });
}
