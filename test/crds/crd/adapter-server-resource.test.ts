import test from 'ava';
import { adapterServerDefinition } from '../../../crds/crd/adapter-server-resource.ts';
import { nodeAt, type SchemaNode } from '../../../crds/tree/schema-tree.ts';

interface Version {
  readonly schema: { readonly openAPIV3Schema: SchemaNode };
  readonly additionalPrinterColumns: readonly { name: string; type: string; jsonPath: string }[];
  readonly subresources: { readonly scale: Readonly<Record<string, string>> };
}

const [version] = adapterServerDefinition().spec['versions'] as [Version];
const { schema, additionalPrinterColumns, subresources } = version;

test('columns and the scale of a server are fields that exist, with their types', (t) => {
  const {
    specReplicasPath = '',
    statusReplicasPath = '',
    labelSelectorPath = '',
  } = subresources.scale;
  const numbers = [specReplicasPath, statusReplicasPath].map((jsonPath) => {
    return { name: jsonPath, type: 'integer', jsonPath };
  });
  const selector = { name: labelSelectorPath, type: 'string', jsonPath: labelSelectorPath };
  for (const { name, type, jsonPath } of [...additionalPrinterColumns, ...numbers, selector]) {
    if (jsonPath.startsWith('.metadata')) continue;
    const node = nodeAt(jsonPath.slice(1).split('.'), schema.openAPIV3Schema);
    t.is(node?.type, type as 'string', name);
  }
});
