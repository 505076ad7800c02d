import test from 'ava';
import {
  federationDefinition,
  federationPeerDefinition,
} from '../../../crds/crd/federation-resources.ts';
import { nodeAt, type SchemaNode } from '../../../crds/tree/schema-tree.ts';

interface Version {
  readonly schema: { readonly openAPIV3Schema: SchemaNode };
  readonly additionalPrinterColumns: readonly { name: string; type: string; jsonPath: string }[];
  readonly subresources: unknown;
}

for (const definition of [federationDefinition(), federationPeerDefinition()]) {
  const { name } = definition.metadata;
  const [version] = definition.spec['versions'] as [Version];

  test(`columns of ${name} are fields that exist, with their types`, (t) => {
    const { schema, additionalPrinterColumns, subresources } = version;
    t.deepEqual(subresources, { status: {} });
    for (const { name: column, type, jsonPath } of additionalPrinterColumns) {
      if (jsonPath.startsWith('.metadata')) continue;
      const node = nodeAt(jsonPath.slice(1).split('.'), schema.openAPIV3Schema);
      t.is(node?.type, type as 'string', column);
    }
  });

  test(`the API server asks for the bus and the pod of ${name}, and for a name that fits`, (t) => {
    const rules = JSON.stringify(version.schema.openAPIV3Schema);
    for (const words of [
      'on a cluster it must say where the others are reached',
      'on a cluster it must say on which claim the pod keeps its state',
      'size(self.metadata.name) <= 52',
    ]) {
      t.true(rules.includes(words), words);
    }
  });
}
