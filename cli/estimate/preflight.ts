// What a job will need before it is submitted: the plan of `anneal estimate`, compared with the
// resources that the job file gives a worker. The client reads only what this machine can reach;
// the cluster checks again, on the real files, before training.
import { usualDeviceResource } from '../../crds/devices/node-devices.ts';
import {
  type FineTuneJobSpec,
  type MemoryPlan,
  planJob,
  processorOf,
  toAnnealError,
  unlimited,
} from '../../crds/index.ts';
import { trainersOfPod } from '../../crds/plan/world.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import type { DescribedModel } from '../../crds/wire/described-model.ts';
import type { Device } from './devices.ts';

export type Preflighted =
  | {
      readonly type: 'Known';
      readonly parts: MemoryPlan['parts'];
      /** Bytes of one worker, or of one GPU. */
      readonly peak: number;
      /** Its memory limit in bytes; undefined where the file sets none. */
      readonly limit: number | undefined;
      readonly fits: boolean;
      /** Undefined when the job counts epochs over data of unknown size. */
      readonly steps: number | undefined;
      readonly tokensPerStep: number;
    }
  | { readonly type: 'Unknown'; readonly why: string };

export interface Preflight {
  /** Starts a process that reads headers, from local files or the hub. */
  readonly describe: (spec: FineTuneJobSpec, signal: AbortSignal) => Promise<DescribedModel>;
  /** Whether this machine has a folder that represents the claim. */
  readonly hasVolume: (claim: string) => boolean;
  /** No request leaves the cluster. */
  readonly offline: boolean;
  /** Devices of the cluster, of this extended resource. */
  readonly gpus: (resourceName: string) => Promise<readonly Device[]>;
}

/** A slow hub must not block the submission of a job. */
const describeMs = 10_000;

export async function preflight(
  spec: FineTuneJobSpec,
  { describe, hasVolume, offline, gpus }: Preflight,
  signal: AbortSignal,
): Promise<Preflighted> {
  const { persistentVolumeClaim: claim, image } = spec.model.source;
  if (image !== undefined) return unknown('the model is in an image');
  if (claim === undefined && offline) return unknown('the model is not on this machine');
  if (claim !== undefined && !hasVolume(claim.claimName)) {
    return unknown(`the model is in the claim ${claim.claimName}`);
  }
  const device = await deviceOf(spec, gpus);
  if (device === null) return unknown('no node reports the memory of its GPUs');
  const limit = AbortSignal.timeout(describeMs);
  try {
    const model = await describe(spec, AbortSignal.any([signal, limit]));
    return plannedOn(device, spec, model);
  } catch (thrown) {
    signal.throwIfAborted();
    const late = `the model did not answer within ${describeMs / 1000} seconds`;
    return unknown(limit.aborted ? late : toAnnealError(thrown).message);
  }
}

function unknown(why: string): Preflighted {
  return { type: 'Unknown', why };
}

/** The device of the file, else the largest of the cluster; null where nothing tells its memory. */
async function deviceOf(
  { worker }: FineTuneJobSpec,
  gpus: Preflight['gpus'],
): Promise<Device['memory'] | null> {
  const { devicesPerWorker, deviceMemory, deviceResourceName = usualDeviceResource } = worker;
  if (devicesPerWorker > 0) {
    if (deviceMemory !== undefined) return { type: 'cuda', bytes: parseQuantity(deviceMemory) };
    const [largest] = (await gpus(deviceResourceName)).toSorted(
      (a, b) => b.memory.bytes - a.memory.bytes,
    );
    return largest === undefined || largest.memory.bytes === 0 ? null : largest.memory;
  }
  return processorOf(worker);
}

function plannedOn(
  device: Device['memory'],
  spec: FineTuneJobSpec,
  { facts, storedBytes }: DescribedModel,
): Preflighted {
  const ranks = spec.worker.replicas * trainersOfPod(spec.worker.devicesPerWorker);
  const storedBfloat16 = (storedBytes['BF16'] ?? 0) / 2;
  const plan = planJob({ spec, facts, storedBfloat16, device, ranks, shards: ranks });
  const { parts, peak, limit, fits } = plan.memory;
  return {
    ...{ type: 'Known', parts, peak, fits },
    limit: limit === unlimited ? undefined : limit,
    ...{ steps: plan.totalSteps, tokensPerStep: plan.tokensPerStep },
  };
}
