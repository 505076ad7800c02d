import test from 'ava';
import { customResourceDefinition, openApiSchema } from '../../../crds/crd/custom-resource.ts';
import { nodeAt } from '../../../crds/tree/schema-tree.ts';

interface Version {
  readonly additionalPrinterColumns: readonly {
    name: string;
    type: string;
    jsonPath: string;
    priority?: number;
  }[];
  readonly subresources: {
    readonly scale: Readonly<Record<string, string>>;
    readonly status: object;
  };
}

const [version] = customResourceDefinition().spec['versions'] as [Version];

test('every column shows a field that exists, with its type', (t) => {
  for (const { name, type, jsonPath } of version.additionalPrinterColumns) {
    if (jsonPath.startsWith('.metadata')) continue;
    const node = nodeAt(jsonPath.slice(1).split('.'), openApiSchema());
    t.is(node?.type, type as 'string', name);
  }
});

test('kubectl get shows phase, workers, step, progress, loss, restarts and age, and more with -o wide', (t) => {
  const shown = version.additionalPrinterColumns.filter(({ priority }) => priority === undefined);
  t.deepEqual(
    shown.map(({ name }) => name),
    ['Phase', 'Workers', 'Step', 'Progress', 'Loss', 'Restarts', 'Age'],
  );
});

test('the scale subresource points at fields that exist', (t) => {
  for (const path of Object.values(version.subresources.scale)) {
    t.truthy(nodeAt(path.slice(1).split('.'), openApiSchema()), path);
  }
});

test('status is a subresource of its own', (t) => {
  t.deepEqual(version.subresources.status, {});
});
