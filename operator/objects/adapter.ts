// What a job made, as an object by itself: no owner, because it is there as long as its files are.
import type { AdapterSpec } from '../../crds/api/adapter.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { childName } from '../../crds/names/child-names.ts';
import { adapterForms } from '../../crds/names/result-folders.ts';
import type { BaseFacts } from '../../crds/plan/frozen-question.ts';
import { sizesOf } from '../../crds/plan/model-sizes.ts';
import { type BuiltJob, labelsOf } from './child.ts';

interface Made {
  readonly artifacts: NonNullable<FineTuneJobStatus['artifacts']>;
  /** What it is for, where that is what was trained on. */
  readonly model: BaseFacts | undefined;
}

/** Undefined where the job wrote no file of an adapter, or nobody knows of which base. */
export function adapterObject(
  job: BuiltJob,
  { model, plan, progress }: FineTuneJobStatus,
  { artifacts, model: base }: Made,
) {
  const forms = artifacts.filter(({ type }) => adapterForms.some((form) => form === type));
  const type = plan?.method?.adapter?.type;
  if (forms.length === 0 || model?.digest === undefined || type === undefined) return undefined;
  const { family } = model;
  const sizes = base && sizesOf(base);
  // An adapter that was trained on a pruned model is for the whole one, whatever commit that is.
  const digest = model.wholeDigest ?? model.digest;
  const revision = model.wholeDigest === undefined ? model.revision : undefined;
  const spec: AdapterSpec = {
    job: { name: job.name, uid: job.uid },
    base: {
      ...{ digest, ...(family && { family }), ...(revision && { revision }) },
      ...(sizes && { sizes }),
    },
    type,
    ...(plan?.method?.summary && { method: plan.method.summary }),
    ...(progress?.evalLoss && { heldOutLoss: progress.evalLoss }),
    forms: forms.map(({ type: format, uri, digest: files, size, verdict }) => ({
      ...{ type: format, uri, ...serviceOf(job, uri) },
      ...(files && { digest: files }),
      ...(size !== undefined && { size }),
      ...(verdict && { verdict }),
    })),
  };
  const name = childName.adapter(job.name, job.uid);
  return { metadata: { name, namespace: job.namespace, labels: labelsOf(job) }, spec };
}

/** Of a result that the job wrote to a bucket. */
function serviceOf({ spec }: BuiltJob, uri: string) {
  const { endpoint, region } = uri.startsWith('s3://') ? (spec.output.destination?.s3 ?? {}) : {};
  return { ...(endpoint && { endpoint }), ...(region && { region }) };
}
