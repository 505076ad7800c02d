// A FineTuneJob, as the reconciler sees it. The API server has checked it against the CRD; the spec
// is parsed once more, so that a job of another version of the CRD is a sentence in its status and
// not a crash.
import * as z from 'zod';
import { type FineTuneJobSpec, fineTuneJobSpec } from '../../../crds/api/job.ts';
import type { FineTuneJobStatus } from '../../../crds/api/status.ts';
import { controllerName, group, kind, plural, version } from '../../../crds/names/group.ts';
import type { ObjectMeta, Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

export interface ObservedFineTuneJob {
  readonly metadata: ObjectMeta;
  readonly generation: number;
  readonly managedBy: string;
  /** Undefined when it cannot be read; `problem` says why. */
  readonly spec: FineTuneJobSpec | undefined;
  readonly problem: string;
  readonly status: FineTuneJobStatus;
}

const outline = z.object({
  metadata,
  spec: z.looseObject({ managedBy: z.string().default(controllerName) }),
  status: z.record(z.string(), z.unknown()).default({}),
});

const numbered = z.object({ metadata: z.object({ generation: z.int().default(1) }) });

export const fineTuneJobs: Resource<ObservedFineTuneJob> = {
  group,
  version,
  plural,
  kind,
  read: (raw) => {
    const { metadata, spec, status } = outline.parse(raw);
    const parsed = fineTuneJobSpec.safeParse(spec);
    return {
      metadata,
      generation: numbered.parse(raw).metadata.generation,
      managedBy: spec.managedBy,
      spec: parsed.data,
      problem: parsed.success ? '' : sentence(parsed.error),
      // Nobody writes it but us, and the API server holds it to the schema.
      status: status as FineTuneJobStatus,
    };
  },
};

function sentence(error: z.ZodError): string {
  const [first] = error.issues;
  return first === undefined ? error.message : `spec.${first.path.join('.')}: ${first.message}`;
}
