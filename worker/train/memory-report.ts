// What a report says of the device and of memory: measured beside planned.
import { cpus } from 'node:os';
import type { StagePeak } from '../../crds/plan/memory.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { Life } from '../telemetry/life.ts';
import { type Device, deviceMemory } from '../tensor/device.ts';
import type { TrainerMemory } from './memory-plan.ts';
import type { PackedRuns } from './packed-runs.ts';

export function deviceReport(
  device: Device,
  { threads, deviceProduct: name = device }: RunRecord,
): RunReport['device'] {
  if (device === 'cpu') return { type: 'cpu', name: cpus()[0]?.model ?? 'unknown', threads };
  return { type: 'cuda', name, bytes: deviceMemory(device).total, threads };
}

export function memoryReport(
  { plan, host }: TrainerMemory,
  { peakBytes, devicePeak }: Life,
  packed: PackedRuns | undefined,
): Omit<RunReport['memory'], 'blocks'> {
  const stages = host === null ? plan.stages : host.plan.stages;
  const predicted = worstOf(stages.filter(({ stage }) => stage !== 'Publish'));
  const publish = stages.find(({ stage }) => stage === 'Publish');
  const onDevice = worstOf(plan.stages);
  const gapTo = (peak: number) => (peakBytes - peak) / peak;
  return {
    ...(predicted && { predicted, gap: gapTo(packed?.peak ?? predicted.peak) }),
    measured: { peak: peakBytes },
    ...(packed && { together: { runs: packed.count, predicted: packed.peak } }),
    ...(host !== null &&
      devicePeak &&
      onDevice && { device: ofDevice(onDevice, host.outside, devicePeak) }),
    ...(publish === undefined ? {} : { publish: { predicted: publish.peak } }),
  };
}

function ofDevice(
  plan: StagePeak,
  outside: number,
  { reserved, allocated }: NonNullable<Life['devicePeak']>,
): RunReport['memory']['device'] {
  const expected = plan.peak - outside;
  const gap = (reserved - expected) / expected;
  return { predicted: { ...plan, outside }, measured: { peak: reserved, allocated }, gap };
}

/** Undefined where nothing is planned: no step, no evaluation. */
function worstOf(stages: readonly StagePeak[]): StagePeak | undefined {
  const [first, ...others] = stages;
  return others.reduce((a, b) => (a === undefined || b.peak > a.peak ? b : a), first);
}
