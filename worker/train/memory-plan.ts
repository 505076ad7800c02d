// The memory plan of a trainer, for the memory that is free as it starts: that of its device, and,
// where the device has its own, that of the process beside it.

import { TerminalError } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import type { DecidedRanks } from '../../crds/methods/adapter-shapes.ts';
import { outsideAllocator } from '../../crds/plan/beside-tensors.ts';
import { copyBytes } from '../../crds/plan/copies.ts';
import { cudaConstants } from '../../crds/plan/cuda-constants.ts';
import { type HostPlan, planHost } from '../../crds/plan/host-memory.ts';
import { type MemoryPlan, planMemory } from '../../crds/plan/memory.ts';
import { type MemoryQuestion, stagesOf } from '../../crds/plan/memory-question.ts';
import { outOfDeviceMemory } from '../../crds/plan/out-of-device-memory.ts';
import { heldBase, keptBetweenSteps, type PlannedRun } from '../../crds/plan/packing.ts';
import { trainedOf } from '../../crds/plan/parameters.ts';
import { tokensOfSound } from '../../crds/plan/sound-window.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { WorkerConfig } from '../config.ts';
import type { Feed } from '../data/feed.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { factsOf } from '../decoder/registry.ts';
import type { RoleContext } from '../role.ts';
import { type Device, deviceMemory } from '../tensor/device.ts';
import { memoryStatistics } from '../tensor/memory.ts';
import { freeMemory } from './free-memory.ts';

export interface TrainerMemory {
  readonly question: MemoryQuestion;
  readonly plan: MemoryPlan;
  /** Null where the device is the processor, whose memory is that of the process. */
  readonly host: HostMemory | null;
}

interface PlannedMemory extends TrainerMemory {
  /** What others of the process are to know of it. */
  readonly run: PlannedRun;
}

interface HostMemory {
  readonly plan: HostPlan;
  readonly limit: number;
  /** Of the plan of the device, what libtorch's allocator does not count. */
  readonly outside: number;
}

interface Planned {
  readonly run: RunRecord;
  readonly method: ResolvedMethod;
  readonly files: ModelFiles;
  readonly feed: Feed;
  readonly device: Device;
}

const byItself = { size: 1, neighbours: 1 } as const;

export function trainerMemory(
  { run, method, files, feed, device }: Planned,
  { config: { member, copies }, packed }: Pick<RoleContext, 'config' | 'packed'>,
): PlannedMemory {
  const { size, neighbours } = member ?? byItself;
  const all = packed?.all;
  const facts = factsOf(files.config, files.headers);
  const trained = trainedOf(facts, method).total;
  const mode = copies === undefined ? 'None' : copies.hasPeer ? 'LocalAndPeer' : 'Local';
  // All workers of the machine start together and see the same free memory, and their copies of the
  // state will be in it too.
  const free = all?.freeWhenEmpty('host', freeMemory()) ?? freeMemory();
  const hostBytes = Math.floor(free / neighbours) - copyBytes(trained, size, mode);
  // Records pass one after the other then.
  const clipsRecords = run.federated?.privacy !== undefined;
  const sequences = Math.ceil(feed.sequencesPerStep / size);
  const asked: MemoryQuestion = {
    facts,
    storedBfloat16: files.storedBfloat16,
    method,
    microBatchTokens: feed.largestMicroBatch,
    soundTokens: feed.microBatchSize * tokensOfSound(run.spec.dataset, facts),
    textTokens: feed.textTokens,
    perWave: clipsRecords ? 1 : Math.ceil(sequences / feed.microBatchSize),
    clipsRecords,
    waves: 1,
    shards: size,
    clip: run.spec.training.gradientClip.mode,
    followsBase: run.spec.training.trajectory !== undefined,
    recomputation: run.spec.parallelism.activationRecomputation ?? 'Auto',
    targetShare: feed.targetShare,
    stages: stagesOf(
      run.spec,
      Math.max(feed.textTokens, feed.largestEvaluationSequence),
      feed.largestSequence,
    ),
    device:
      device === 'cpu'
        ? { type: 'cpu', bytes: hostBytes }
        : { type: 'cuda', bytes: all?.freeWhenEmpty('device', freeOn(device)) ?? freeOn(device) },
  };
  const kept = keptBetweenSteps(asked);
  const question = all === undefined ? asked : beside(asked, (all.expected - 1) * kept);
  const memory = memoryFor(question, hostBytes);
  return { ...memory, run: { peak: trainingPeak(memory.plan), kept, base: heldBase(asked) } };
}

/** Once the ranks of layers are decided: before, the plan counts the most that all may have. */
export function withRanks(memory: TrainerMemory, ranks: DecidedRanks | undefined): TrainerMemory {
  if (ranks === undefined) return memory;
  const { question, host } = memory;
  const method = { ...question.method, ranks };
  return memoryFor({ ...question, method }, host?.limit ?? question.device.bytes);
}

function memoryFor(question: MemoryQuestion, limit: number): TrainerMemory {
  const plan = planMemory(question);
  if (question.device.type === 'cpu') return { question, plan, host: null };
  const outside = outsideAllocator(question);
  return { question, plan, host: { plan: planHost(question, plan.blocks), limit, outside } };
}

/** Others keep so many bytes of the device meanwhile. */
function beside(question: MemoryQuestion, bytes: number): MemoryQuestion {
  const { device } = question;
  return { ...question, device: { ...device, bytes: Math.max(0, device.bytes - bytes) } };
}

/** Publishing is a process of its own. */
function trainingPeak({ stages }: MemoryPlan): number {
  return Math.max(...stages.filter(({ stage }) => stage !== 'Publish').map(({ peak }) => peak));
}

/**
 * Bytes that a run may take of a device with its own memory, the context of this process included,
 * which is there as soon as it asks.
 */
export function freeOn(device: Device): number {
  const { free, reserved, allocated } = deviceMemory(device);
  return free + reserved - allocated + cudaConstants.context.value;
}

/** Runs `body`; where the device has no memory left, the error names what holds it. */
export async function withinDeviceMemory<T>(
  { plan, host }: TrainerMemory,
  device: Device,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const isFull = error instanceof TerminalError && error.code === 'E_DEVICE_OUT_OF_MEMORY';
    if (host === null || !isFull) throw error;
    const { total, free, reserved, allocated } = deviceMemory(device);
    throw outOfDeviceMemory({
      ...{ device, plan, totalBytes: total, freeBytes: free, cause: error },
      ...{ reservedBytes: reserved, allocatedBytes: allocated, contextBytes: host.outside },
    });
  }
}

/** Free memory beyond the highest use of a step so far. */
export function roomBeside({ member }: WorkerConfig): number {
  const { residentBytes, residentPeakBytes } = memoryStatistics();
  const { neighbours } = member ?? byItself;
  return Math.floor(freeMemory() / neighbours) - (residentPeakBytes - residentBytes);
}
