// An object with a spec of ours, as its controller sees it: one that cannot be read says why.
import * as z from 'zod';
import { group, version } from '../../../crds/names/group.ts';
import type { KubeObject, Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

export interface Specified<Spec, Status> extends KubeObject {
  readonly generation: number;
  /** Undefined when it cannot be read; `problem` says why. */
  readonly spec: Spec | undefined;
  readonly problem: string;
  readonly status: Status;
}

const outline = z.object({
  metadata,
  spec: z.unknown(),
  status: z.record(z.string(), z.unknown()).default({}),
});
/** The generation of what a person writes. */
export const numbered = z.object({ metadata: z.object({ generation: z.int().default(1) }) });

export function specifiedResource<Spec, Status>(
  { plural, kind }: { readonly plural: string; readonly kind: string },
  schema: z.ZodType<Spec>,
): Resource<Specified<Spec, Status>> {
  return {
    ...{ group, version, plural, kind },
    read(raw) {
      const { metadata: meta, spec, status } = outline.parse(raw);
      const { data, error } = schema.safeParse(spec);
      const [issue] = error?.issues ?? [];
      return {
        ...{ metadata: meta, spec: data },
        generation: numbered.parse(raw).metadata.generation,
        problem: issue === undefined ? '' : `spec.${issue.path.join('.')} ${issue.message}`,
        // Nobody writes it but us, and the API server holds it to the schema.
        status: status as Status,
      };
    },
  };
}
