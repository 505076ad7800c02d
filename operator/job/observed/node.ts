// A node, as the replacement of lost pods looks at it: whether the cluster still reaches it.
import * as z from 'zod';
import type { Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

const node = z.object({
  metadata,
  spec: z
    .object({
      taints: z.array(z.object({ key: z.string(), effect: z.string().optional() })).nullish(),
    })
    .prefault({}),
});

export type Node = z.output<typeof node>;

export const nodes: Resource<Node> = {
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  read: (raw) => node.parse(raw),
};

export function isUnreachable({ spec }: Node): boolean {
  return (spec.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/unreachable');
}
