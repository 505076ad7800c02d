// Which devices the trainers of a run on this machine get: a pure decision from what was asked,
// what the job says, and what the machine has.

import { unfitness } from '../../crds/devices/fitness.ts';
import { type FineTuneJobSpec, resolveMethod, UserError } from '../../crds/index.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import type { FoundDevices } from './find-devices.ts';

export type AskedDevice = 'auto' | DeviceName;

interface ChosenDevices {
  /** By rank, one for each trainer. */
  readonly devices: readonly DeviceName[];
  /** For people, where a job that asks for devices gets none. */
  readonly note?: string;
}

/** False where the choice does not depend on what the machine has. */
export function needsLooking(asked: AskedDevice, { worker }: FineTuneJobSpec): boolean {
  return asked === 'auto' ? worker.devicesPerWorker > 0 : asked !== 'cpu';
}

/**
 * `askedWorkers`: trainers that the command asks for. Without them this machine is one worker of
 * the job, with as many of its devices as there are.
 */
export function chooseDevices(
  asked: AskedDevice,
  spec: FineTuneJobSpec,
  askedWorkers: number | undefined,
  found: FoundDevices | undefined,
): ChosenDevices {
  const workers = askedWorkers ?? 1;
  if (!needsLooking(asked, spec) || found === undefined) {
    requireNoTf32(asked, spec);
    return { devices: processors(workers) };
  }
  if (asked === 'auto') return ofJob(spec, askedWorkers, found);
  const number = Number(asked.slice('cuda:'.length));
  const missing = whatLacks(found, number, workers);
  if (missing !== undefined || number >= found.cards.length) {
    throw notThere(asked, found, missing);
  }
  if (workers > 1) throw oneDevice(asked, workers);
  return { devices: [asked] };
}

function ofJob(
  spec: FineTuneJobSpec,
  askedWorkers: number | undefined,
  found: FoundDevices,
): ChosenDevices {
  const { devicesPerWorker } = spec.worker;
  const count = found.cards.length;
  const workers = askedWorkers ?? Math.max(1, Math.min(devicesPerWorker, count));
  const missing = whatLacks(found, 0, workers);
  if (missing !== undefined) {
    return { devices: processors(askedWorkers ?? 1), note: noteOf(spec, missing) };
  }
  if (workers > count) throw tooManyWorkers(workers, found);
  const isFewer = askedWorkers === undefined && workers < devicesPerWorker;
  return {
    devices: numbered(workers),
    ...(isFewer ? { note: fewer(devicesPerWorker, count) } : {}),
  };
}

function fewer(wanted: number, count: number): string {
  const here =
    count === 1 ? 'one CUDA device: training on it' : `${count} CUDA devices: training on these`;
  return `spec.worker.devicesPerWorker is ${wanted}, and this machine has ${here}`;
}

interface Missing {
  readonly code: 'E_USAGE' | 'E_SETUP';
  /** Follows "and". */
  readonly words: string;
  readonly hint: string;
}

/** Of the devices that would be used, from the first on. */
function whatLacks(
  { cards, why, hasKernels }: FoundDevices,
  first: number,
  workers: number,
): Missing | undefined {
  if (cards.length === 0) {
    const reason = why === undefined ? '' : ` (${why})`;
    const hint = 'anneal doctor shows what this machine has';
    return { code: 'E_USAGE', words: `this machine has no CUDA device${reason}`, hint };
  }
  if (!hasKernels) {
    const hint = 'ANNEAL_CUDA=1 npm run native builds them, with a CUDA toolkit';
    return { code: 'E_SETUP', words: 'this installation has no CUDA kernels', hint };
  }
  const [unfit] = cards.slice(first, first + workers).flatMap((card, at) => {
    const words = unfitness(card);
    return words === undefined ? [] : [`cuda:${first + at} ${words}`];
  });
  const hint = 'anneal doctor shows what this machine has';
  return unfit === undefined ? undefined : { code: 'E_SETUP', words: unfit, hint };
}

function processors(workers: number): readonly DeviceName[] {
  return new Array<DeviceName>(workers).fill('cpu');
}

function numbered(workers: number): readonly DeviceName[] {
  return Array.from({ length: workers }, (_, rank): DeviceName => `cuda:${rank}`);
}

/** One line: what the job asks for, why it does not get it, and what happens instead. */
function noteOf(spec: FineTuneJobSpec, { words, code, hint }: Missing): string {
  const exact = usesTf32(spec) ? ', where products of float32 are exact' : '';
  const more = code === 'E_SETUP' ? `; ${hint}` : '';
  return `spec.worker.devicesPerWorker is ${spec.worker.devicesPerWorker}, and ${words}: training on the processor${exact}${more}`;
}

function usesTf32({ method }: FineTuneJobSpec): boolean {
  const { precision } = resolveMethod(method);
  return precision.type === 'Float32' && precision.float32.products === 'TF32';
}

function requireNoTf32(asked: AskedDevice, spec: FineTuneJobSpec): void {
  if (!usesTf32(spec)) return;
  const path = 'spec.method.precision.float32.products';
  const because =
    asked === 'cpu' ? '--device is cpu' : 'spec.worker.devicesPerWorker is 0: the processor';
  throw new UserError({
    code: 'E_INCOMPATIBLE_METHOD',
    path,
    value: 'TF32',
    message: `${path} is TF32, and ${because}; processors compute products of float32 exactly`,
    hint: 'leave products out, or train on a device with --device cuda:0',
  });
}

function notThere(asked: DeviceName, { cards }: FoundDevices, missing?: Missing): UserError {
  const names = numbered(cards.length).join(', ');
  const words =
    missing?.words ??
    `this machine has ${cards.length === 1 ? 'one CUDA device' : `${cards.length} CUDA devices`}: ${names}`;
  return new UserError({
    code: missing?.code ?? 'E_USAGE',
    path: '--device',
    value: asked,
    message: `--device is ${asked}, and ${words}`,
    hint: missing?.hint ?? `use ${names.replace(/, ([^,]*)$/, ' or $1')}, or --device cpu`,
  });
}

function tooManyWorkers(workers: number, { cards }: FoundDevices): UserError {
  const devices = cards.length === 1 ? 'one CUDA device' : `${cards.length} CUDA devices`;
  return new UserError({
    code: 'E_USAGE',
    path: '--workers',
    value: workers,
    message: `--workers is ${workers}, and this machine has ${devices}; each worker needs its own`,
    hint: `use --workers ${cards.length}, or --device cpu`,
  });
}

function oneDevice(asked: DeviceName, workers: number): UserError {
  return new UserError({
    code: 'E_USAGE',
    path: '--device',
    value: asked,
    message: `--workers is ${workers}, and --device is ${asked}, which is one device; each worker needs its own`,
    hint: 'leave --device out, or use --workers 1',
  });
}
