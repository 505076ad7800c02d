// The plan as an immutable ConfigMap whose name holds its digest: the operator needs the right to
// create it, and no other.
import type { V1ConfigMap } from '@kubernetes/client-node';
import { childName } from '../../crds/names/child-names.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { type BuiltJob, metadataOf } from './child.ts';

/**
 * `text` is the canonical JSON of the plan; its SHA-256 is `job.planDigest`. Beside it is what pods
 * and people trust the bus by.
 */
export function planConfigMap(job: BuiltJob, text: string, authority?: string) {
  return {
    metadata: metadataOf(job, childName.plan(job.name, job.planDigest)),
    immutable: true,
    data: {
      [podPath.planFile]: text,
      ...(authority === undefined ? {} : { [podPath.authorityFile]: authority }),
    },
  } satisfies V1ConfigMap;
}
