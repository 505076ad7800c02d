// Before a pod joins a world that trains on devices: has the image CUDA kernels, and are there the
// devices that the job counts on, on which they run? What `nvidia-smi` says is taken where it says
// something; where it is missing or cannot be read, the trainer finds out by itself.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { cudaKernelsFile, unfitness } from '../../crds/devices/fitness.ts';
import { type Card, cardQuery, readCards } from '../../crds/devices/nvidia-smi.ts';
import { deviceFailure } from '../../crds/failures/device.ts';
import type { FailureCode } from '../../crds/failures/table.ts';
import { type Failure, failureWith } from './end-of-child.ts';

type DeviceCheck =
  | { readonly type: 'Fit'; readonly message: string; readonly product?: string }
  | { readonly type: 'Unfit'; readonly failure: Failure };

export interface DeviceFacts {
  /** Devices of the pod, by the job. */
  readonly wanted: number;
  readonly hasKernels: boolean;
  readonly smi: SmiAnswer;
}

type SmiAnswer =
  | { readonly type: 'Missing' }
  | { readonly type: 'Silent'; readonly seconds: number }
  | {
      readonly type: 'Ended';
      readonly ok: boolean;
      readonly stdout: string;
      readonly stderr: string;
    };

/** A driver that lost a device hangs. */
const limit = { seconds: 20, bytes: 2 ** 18 };

/** `wanted`: devices of the pod. `addon`: its path, where it is not that of the image. */
export async function checkDevices(wanted: number, addon?: string): Promise<DeviceCheck> {
  const hasKernels = existsSync(kernelsPath(addon));
  const smi: SmiAnswer = hasKernels ? await askSmi() : { type: 'Missing' };
  return deviceVerdict({ wanted, hasKernels, smi });
}

/** As worker/tensor/native.ts finds it, without loading libtorch. */
function kernelsPath(addon: string | undefined): string {
  const folder = addon === undefined ? join(import.meta.dirname, '../native/dist') : dirname(addon);
  return join(folder, cudaKernelsFile);
}

async function askSmi(): Promise<SmiAnswer> {
  const { seconds, bytes } = limit;
  const { exitCode, timedOut, stdout, stderr } = await execa('nvidia-smi', cardQuery, {
    ...{ reject: false, stdin: 'ignore', timeout: seconds * 1000, maxBuffer: bytes },
    forceKillAfterDelay: 1000,
  });
  if (timedOut) return { type: 'Silent', seconds };
  if (exitCode === undefined) return { type: 'Missing' };
  return { type: 'Ended', ok: exitCode === 0, stdout, stderr };
}

export function deviceVerdict({ wanted, hasKernels, smi }: DeviceFacts): DeviceCheck {
  if (!hasKernels) {
    const message = `spec.worker.devicesPerWorker is ${wanted}, and the image has no CUDA kernels; it must be the one whose tag ends with -cuda, or spec.worker.image one that was built from it`;
    return unfit('E_IMAGE_WITHOUT_CUDA', message);
  }
  if (smi.type === 'Missing') return usable('nvidia-smi is not in the container: not looked at');
  if (smi.type === 'Silent') {
    return unfit('E_DEVICE_LOST', `nvidia-smi gave no answer within ${smi.seconds} s`);
  }
  const { cards, unread } = readCards(smi.ok ? smi.stdout : '');
  if (cards.length > 0) return ofCards(cards, wanted);
  const [said = ''] = `${smi.stderr.trim()}\n${smi.stdout.trim()}`.trim().split('\n');
  const words = said.slice(0, 200);
  const code = deviceFailure(words);
  if (code !== undefined && code !== 'E_NO_DEVICE') return unfit(code, `nvidia-smi: ${words}`);
  // Of an instance of a divided device it may print other things.
  if (code === undefined && smi.ok && unread > 0)
    return usable(`nvidia-smi prints what cannot be read: "${words}"`);
  const why = words === '' ? 'nvidia-smi lists none' : `nvidia-smi: ${words}`;
  const hint = 'spec.worker.runtimeClassName or the container toolkit of the node may be missing';
  return unfit('E_NO_DEVICE', `the pod sees no CUDA device (${why}); ${hint}`);
}

function ofCards(cards: readonly Card[], wanted: number): DeviceCheck {
  if (wanted > 1 && cards.some(({ isDivided }) => isDivided)) {
    const message = `spec.worker.devicesPerWorker is ${wanted}, and a process sees one instance of a divided device (MIG); set it to 1, and spec.worker.replicas to the number of instances`;
    return unfit('E_DEVICE_UNFIT', message);
  }
  if (cards.length < wanted) {
    const message = `the pod sees ${cards.length} of the ${wanted} CUDA devices of spec.worker.devicesPerWorker; spec.worker.resourceClaims or the container toolkit of the node may give fewer`;
    return unfit('E_NO_DEVICE', message);
  }
  const used = cards.slice(0, wanted);
  for (const [number, card] of used.entries()) {
    const lacks = unfitness(card);
    if (lacks !== undefined)
      return unfit('E_DEVICE_UNFIT', `cuda:${number}, ${card.name}, ${lacks}`);
  }
  const others = wanted === 1 ? 'the first' : `the first ${wanted}`;
  const rest =
    cards.length === wanted ? '' : `, ${others} of ${cards.length} devices that the pod sees`;
  return usable(`${usedInWords(used)}${rest}`, used[0]?.name);
}

/** Equal ones in one clause. */
function usedInWords(used: readonly Card[]): string {
  const all = used.map(cardInWords);
  const [first = ''] = all;
  if (used.length > 1 && all.every((words) => words === first))
    return `cuda:0 to cuda:${used.length - 1} are each ${first}`;
  return all.map((words, number) => `cuda:${number} is ${words}`).join('; ');
}

function cardInWords({ name, bytes, driver }: Card): string {
  const memory = bytes === undefined ? '' : ` of ${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `${name}${memory}, driver ${driver}`;
}

function usable(message: string, product?: string): DeviceCheck {
  return { type: 'Fit', message, ...(product === undefined ? {} : { product }) };
}

function unfit(code: FailureCode, message: string): DeviceCheck {
  return { type: 'Unfit', failure: failureWith(code, message) };
}
