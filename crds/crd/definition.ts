// What the definitions of all kinds have in common.
import { invariant } from '../failures/errors.ts';
import { group, version } from '../names/group.ts';
import type { SchemaNode } from '../tree/schema-tree.ts';
import { toStructural, type Validation } from './structural.ts';

export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

interface Kind {
  readonly names: Readonly<Record<string, unknown>> & { readonly plural: string };
  /** What `kubectl scale` sets and reads, for a kind with a status. */
  readonly scale?: { readonly wanted: string; readonly found: string; readonly selector: string };
  /** A kind with a status and nothing to scale. */
  readonly hasStatus?: boolean;
  readonly columns: readonly object[];
  readonly schema: SchemaNode;
}

/** Of the one version that there is. */
export function definitionOf({
  names,
  scale,
  hasStatus,
  columns,
  schema,
}: Kind): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(hasStatus === true && { subresources: { status: {} } }),
          ...(scale && {
            subresources: {
              status: {},
              scale: {
                specReplicasPath: scale.wanted,
                statusReplicasPath: scale.found,
                labelSelectorPath: scale.selector,
              },
            },
          }),
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

/** The schema of a kind with a status; `withRules` adds rules of its spec. */
export function schemaOf(
  { properties = {}, ...root }: SchemaNode,
  description: string,
  withRules: (spec: SchemaNode) => SchemaNode = (spec) => spec,
): SchemaNode {
  const { spec, status } = properties;
  invariant(spec && status, `${description}: the schema has no spec or no status`);
  return {
    ...withoutFieldPaths(toStructural(root)),
    description,
    required: ['spec'],
    properties: {
      ...typeMeta,
      spec: withRules(toStructural(spec, 'spec')),
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
function withoutFieldPaths(root: SchemaNode): SchemaNode {
  const own = validationsOf(root).map(({ rule, message, fieldPath = '' }) => ({
    rule,
    message: `${fieldPath.slice(1)} ${message}`,
  }));
  return { ...root, 'x-kubernetes-validations': own };
}

export function validationsOf(node: SchemaNode): readonly Validation[] {
  return (node['x-kubernetes-validations'] ?? []) as readonly Validation[];
}
