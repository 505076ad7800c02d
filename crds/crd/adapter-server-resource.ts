// The CustomResourceDefinition of AdapterServer.
import { adapterServer } from '../api/adapter-server.ts';
import { invariant } from '../failures/errors.ts';
import { group, serverNames, version } from '../names/group.ts';
import { printSchema, type SchemaNode } from '../tree/schema-tree.ts';
import { type CustomResourceDefinition, typeMeta, withoutFieldPaths } from './custom-resource.ts';
import { toStructural } from './structural.ts';

export function adapterServerDefinition(): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${serverNames.plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: serverNames,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: [
            { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
            { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
            { name: 'Adapters', type: 'string', jsonPath: '.status.summary' },
            { name: 'URL', type: 'string', jsonPath: '.status.url', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: { openAPIV3Schema: schema() },
        },
      ],
    },
  };
}

function schema(): SchemaNode {
  const { properties = {}, ...root } = printSchema(adapterServer).root;
  const { spec, status } = properties;
  invariant(spec && status, 'the schema of a server has no spec or no status');
  return {
    ...withoutFieldPaths(toStructural(root)),
    description: 'Pods that answer requests with a model and adapters of it, by name.',
    required: ['spec'],
    properties: {
      ...typeMeta,
      spec: toStructural(spec, 'spec'),
      status: toStructural(status, 'status'),
    },
  };
}
