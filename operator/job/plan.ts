// The plan of a job: what its pods mount, made once for what is fixed in the spec. Its digest names
// it. Live fields stand outside, so changing one leaves the plan, and the workers, as they are.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { canonicalText, digestOfText } from '../../crds/plan/digest.ts';
import { splitLive } from '../../crds/plan/live.ts';
import { planRecord } from '../../crds/wire/plan-record.ts';

interface PlannedJob {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly spec: FineTuneJobSpec;
}

export interface WrittenPlan {
  /** Content of the file. */
  readonly text: string;
  /** SHA-256 of the text. */
  readonly digest: string;
}

export function writePlan({ name, namespace, uid, spec }: PlannedJob): WrittenPlan {
  const record = planRecord.parse({
    v: 1,
    job: { name, namespace, uid },
    spec: splitLive(spec).fixed,
    method: resolveMethod(spec.method),
  });
  const text = canonicalText(record);
  return { text, digest: digestOfText(text) };
}
