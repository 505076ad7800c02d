// What a transfer will take, told before it loads the first base: a warning where the memory that
// is free is less, as of any run, since memory may become free until a later stage begins.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { planTransfer, type TransferPlan } from '../../crds/plan/transfer-memory.ts';
import { bytesInWords } from '../../crds/schema/quantity.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import type { TransferKit, TransferRecord } from '../../crds/wire/transfer.ts';
import { readModelHeaders } from '../decoder/model-headers.ts';
import { factsOf } from '../decoder/registry.ts';
import { storedBfloat16 } from '../decoder/stored-bfloat16.ts';
import { modelPath, type ResolvedSource } from '../prepare/resolve-source.ts';
import { tensorFile } from '../publish/peft-files.ts';
import type { RoleContext } from '../role.ts';
import { freeMemory } from '../train/free-memory.ts';
import { freeOn } from '../train/memory-plan.ts';
import { together } from './decode-texts.ts';

interface Transferred {
  readonly record: TransferRecord;
  readonly kit: TransferKit;
  readonly from: ResolvedSource;
  readonly to: ResolvedSource;
  /** Folder of the old adapter. */
  readonly adapter: string;
}

export async function plannedMemory(transferred: Transferred): Promise<TransferPlan> {
  const { record, kit, from, to, adapter } = transferred;
  const { size } = await stat(join(adapter, tensorFile));
  return planTransfer({
    ...{ spec: record.spec, together, adapterBytes: size, device: memoryOf(record.device) },
    ...{ from: baseOf(from), to: baseOf(to) },
    seedCharacters: kit.seeds.reduce((sum, seed) => sum + seed.length, 0),
  });
}

export async function tellMemory(
  transferred: Transferred,
  { emit }: Pick<RoleContext, 'emit'>,
): Promise<void> {
  const plan = await plannedMemory(transferred);
  emit({ type: 'stage', stage: 'Prepare', state: 'Done', subject: 'memory', note: inWords(plan) });
  if (plan.fits) return;
  const { stage, peak } = plan.largest;
  const free = bytesInWords(plan.limit);
  const message = `${stageWords[stage]} needs ${bytesInWords(peak)} by the memory plan, and ${free} are free`;
  emit({ type: 'warning', reason: 'DoesNotFit', message });
}

function baseOf(source: ResolvedSource) {
  const headers = readModelHeaders(modelPath(source));
  return { facts: factsOf(headers.config, headers), storedBfloat16: storedBfloat16(headers) };
}

function memoryOf(device: DeviceName) {
  return device === 'cpu'
    ? ({ type: 'cpu', bytes: freeMemory() } as const)
    : ({ type: 'cuda', bytes: freeOn(device) } as const);
}

const stageWords = {
  Synthesize: 'making records, with both bases,',
  Job: 'the job',
  Compare: 'the comparison',
} as const;

function inWords({ stages, largest }: TransferPlan): string {
  const each = stages.map(({ stage, peak }) => `${stage.toLowerCase()} ${bytesInWords(peak)}`);
  return `at most ${bytesInWords(largest.peak)}: ${each.join(', ')}`;
}
