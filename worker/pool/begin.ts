// The run folder of a job that comes to a pool: its record, as a pod of its own would write it.
import { join } from 'node:path';
import type { TrainingEnd } from '../../crds/api/training-pool.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { digestOf, digestOfText } from '../../crds/plan/digest.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { planRecord, specOf } from '../../crds/wire/plan-record.ts';
import { runName, sharedFolder } from '../../crds/wire/pod.ts';
import type { ListedJob, PodPool } from '../../crds/wire/pool.ts';
import { preparedRecord, runFiles, trainedRecord } from '../../crds/wire/run-folder.ts';
import { readRecord, requireRecord } from '../run-folder.ts';
import { writeRun } from '../supervisor/run-record.ts';
import type { Begun } from './pool-jobs.ts';

/** `product`: of the device, where the driver tells. */
export async function begin(
  job: ListedJob,
  pool: PodPool,
  nowMs: number,
  product?: string,
): Promise<Begun> {
  const folder = join(pool.root, sharedFolder.runs, runName(job));
  try {
    const trained = await readRecord(folder, runFiles.trained, trainedRecord);
    if (trained !== null && trained.report.end.reason !== 'Stopped') {
      return { type: 'Trained', reason: reasonOf(trained.report.end.reason) };
    }
    if (digestOfText(job.plan) !== job.planDigest) {
      return failed('E_PLAN_MISMATCH', `the plan of ${job.name} is not that of its digest`);
    }
    const record = planRecord.parse(parseJson(job.plan, jsonLimits.message));
    const spec = specOf(record, job.live);
    if (digestOf(resolveMethod(spec.method)) !== digestOf(record.method)) {
      const message = `this worker resolves the method of ${job.name} to other axes than the operator did`;
      return failed('E_VERSION_SKEW', message);
    }
    const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
    if (prepared.request !== prepareDigest(spec)) {
      return failed('E_NOT_PREPARED', `what ${job.name} asks for is not what lies in its folder`);
    }
    const { namespace, volumes, root, devices, threads } = pool;
    const worker = { ...spec.worker, devicesPerWorker: devices, resources: cpuOf(threads) };
    await writeRun(
      {
        ...{ runFolder: folder, volumes, cache: join(root, sharedFolder.cache) },
        job: { name: job.name, namespace, uid: job.uid },
      },
      { ...spec, worker },
      nowMs,
      product,
    );
    return { type: 'Ready', folder };
  } catch (thrown) {
    const { code, message } = toAnnealError(thrown);
    return failed(code, message);
  }
}

export async function endOfTraining(folder: string): Promise<TrainingEnd> {
  const { report } = await requireRecord(folder, runFiles.trained, trainedRecord);
  return reasonOf(report.end.reason);
}

function reasonOf(reason: string): TrainingEnd {
  return reason === 'FinishedEarly' ? 'FinishedEarly' : 'Finished';
}

function failed(code: string, message: string): Begun {
  return { type: 'Failed', code, message };
}

function cpuOf(threads: number | undefined) {
  return threads === undefined ? undefined : { requests: { cpu: String(threads) } };
}
