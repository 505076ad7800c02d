// What a job made, as an object by itself: no owner, because it is there as long as its files are.
import type { AdapterSpec } from '../../crds/api/adapter.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { childName } from '../../crds/names/child-names.ts';
import { adapterForms } from '../../crds/names/result-folders.ts';
import { type BuiltJob, labelsOf } from './child.ts';

type Artifacts = NonNullable<FineTuneJobStatus['artifacts']>;

/** Undefined where the job wrote no file of an adapter, or nobody knows of which base. */
export function adapterObject(
  job: BuiltJob,
  { model, plan, progress }: FineTuneJobStatus,
  artifacts: Artifacts,
) {
  const forms = artifacts.filter(({ type }) => adapterForms.some((form) => form === type));
  const type = plan?.method?.adapter?.type;
  if (forms.length === 0 || model?.digest === undefined || type === undefined) return undefined;
  const { family } = model;
  // An adapter that was trained on a pruned model is for the whole one, whatever commit that is.
  const digest = model.wholeDigest ?? model.digest;
  const revision = model.wholeDigest === undefined ? model.revision : undefined;
  const spec: AdapterSpec = {
    job: { name: job.name, uid: job.uid },
    base: { digest, ...(family && { family }), ...(revision && { revision }) },
    type,
    ...(plan?.method?.summary && { method: plan.method.summary }),
    ...(progress?.evalLoss && { heldOutLoss: progress.evalLoss }),
    forms: forms.map(({ type: format, uri, digest: files, size, verdict }) => ({
      ...{ type: format, uri },
      ...(files && { digest: files }),
      ...(size !== undefined && { size }),
      ...(verdict && { verdict }),
    })),
  };
  const name = childName.adapter(job.name, job.uid);
  return { metadata: { name, namespace: job.namespace, labels: labelsOf(job) }, spec };
}
