// Before a pod joins a world that trains on devices: has the image CUDA kernels, and is there a
// device that they run on? What `nvidia-smi` says is taken where it says something; where it is
// missing or cannot be read, the trainer finds out by itself.
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

/** `addon`: its path, where it is not that of the image. */
export async function checkDevice(addon?: string): Promise<DeviceCheck> {
  const hasKernels = existsSync(kernelsPath(addon));
  return deviceVerdict({ hasKernels, smi: hasKernels ? await askSmi() : { type: 'Missing' } });
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

export function deviceVerdict({ hasKernels, smi }: DeviceFacts): DeviceCheck {
  if (!hasKernels) {
    const message =
      'spec.worker.devicesPerWorker is 1, and the image has no CUDA kernels; it must be the one whose tag ends with -cuda, or spec.worker.image one that was built from it';
    return unfit('E_IMAGE_WITHOUT_CUDA', message);
  }
  if (smi.type === 'Missing') return usable('nvidia-smi is not in the container: not looked at');
  if (smi.type === 'Silent') {
    return unfit('E_DEVICE_LOST', `nvidia-smi gave no answer within ${smi.seconds} s`);
  }
  const { cards, unread } = readCards(smi.ok ? smi.stdout : '');
  const [card] = cards;
  if (card !== undefined) return ofCard(card, cards.length);
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

function ofCard(card: Card, count: number): DeviceCheck {
  const { name, driver, bytes } = card;
  const lacks = unfitness(card);
  if (lacks !== undefined) return unfit('E_DEVICE_UNFIT', `cuda:0, ${name}, ${lacks}`);
  const memory = bytes === undefined ? '' : ` of ${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const others = count === 1 ? '' : `, the first of ${count} devices that the pod sees`;
  return usable(`cuda:0 is ${name}${memory}, driver ${driver}${others}`, name);
}

function usable(message: string, product?: string): DeviceCheck {
  return { type: 'Fit', message, ...(product === undefined ? {} : { product }) };
}

function unfit(code: FailureCode, message: string): DeviceCheck {
  return { type: 'Unfit', failure: failureWith(code, message) };
}
