// The CUDA devices that a worker of this installation would see, found without loading libtorch: by
// `nvidia-smi`, the variables of CUDA, and the library of our kernels beside the addon.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cudaKernelsFile } from '../../crds/devices/fitness.ts';
import { type Card, cardQuery, readCards } from '../../crds/devices/nvidia-smi.ts';
import type { Machine } from '../setup/machine.ts';

export interface FoundDevices {
  /** By number: the first is `cuda:0`. */
  readonly cards: readonly Card[];
  /** Why there are none, or fewer than the machine has. */
  readonly why: string | undefined;
  /** The addon of this installation was built with CUDA kernels. */
  readonly hasKernels: boolean;
  /** For the environment of workers, so that CUDA counts the devices in the same order. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A driver that hangs must not keep a command from starting on the processor. */
const limit = { ms: 10_000, bytes: 2 ** 18 };

type Asked = Pick<Machine, 'run' | 'env'>;

export async function findDevices(machine: Asked, checkout: string): Promise<FoundDevices> {
  const { env } = machine;
  const rest = {
    hasKernels: existsSync(kernelsPath(env, checkout)),
    variables: { CUDA_DEVICE_ORDER: env['CUDA_DEVICE_ORDER'] ?? 'PCI_BUS_ID' },
  };
  const ran = await machine.run('nvidia-smi', cardQuery, { limit });
  if (ran.kind === 'missing') return { cards: [], why: 'nvidia-smi is not on the PATH', ...rest };
  const { cards, unread } = readCards(ran.ok ? ran.stdout : '');
  if (!ran.ok || cards.length === 0) {
    const [said = ''] = (ran.stderr.trim() || ran.stdout.trim()).split('\n');
    const why = said === '' ? 'nvidia-smi lists none' : `nvidia-smi: ${said.slice(0, 200)}`;
    return { cards: [], why, ...rest };
  }
  const list = env['CUDA_VISIBLE_DEVICES'];
  const seen = list === undefined ? cards : visibleCards(cards, list);
  const hidden = cards.length - seen.length;
  const why = [
    ...(hidden > 0 ? [`CUDA_VISIBLE_DEVICES hides ${hidden} of ${cards.length}`] : []),
    ...(unread > 0 ? [`${unread} lines of nvidia-smi cannot be read`] : []),
  ].join('; ');
  return { cards: seen, why: why === '' ? undefined : why, ...rest };
}

/** Path of the library that worker/tensor loads for CUDA devices. */
export function kernelsPath(env: Machine['env'], checkout: string): string {
  const addon = env['ANNEAL_NATIVE'];
  const folder = addon ? dirname(addon) : join(checkout, 'worker/native/dist');
  return join(folder, cudaKernelsFile);
}

/**
 * As CUDA reads the variable: numbers and beginnings of UUIDs, up to the first that names nothing;
 * none if one is named twice.
 */
export function visibleCards(cards: readonly Card[], list: string): readonly Card[] {
  const seen: Card[] = [];
  for (const word of list.split(',').map((one) => one.trim())) {
    const card = cardNamed(cards, word);
    if (card === undefined) break;
    if (seen.some(({ uuid }) => uuid === card.uuid)) return [];
    seen.push(card);
  }
  return seen;
}

function cardNamed(cards: readonly Card[], word: string): Card | undefined {
  // An instance of a divided card; which one, and its memory, only CUDA knows.
  if (/^MIG-/i.test(word)) {
    const divided = cards.find(({ isDivided }) => isDivided);
    return divided && { ...divided, uuid: word };
  }
  if (/^\d{1,2}$/.test(word)) return cards.find(({ index }) => index === Number(word));
  if (!/^GPU-/i.test(word)) return undefined;
  const named = cards.filter(({ uuid }) => uuid.toLowerCase().startsWith(word.toLowerCase()));
  return named.length === 1 ? named[0] : undefined;
}
