// The adapters of a sampling, of the base that they were trained on, within the memory there is.
import { TerminalError } from '../../crds/failures/errors.ts';
import { planSampling } from '../../crds/plan/sampling-memory.ts';
import type { SampleSettings } from '../../crds/sample/settings.ts';
import { bytesInWords } from '../../crds/schema/quantity.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { factsOf } from '../decoder/registry.ts';
import type { Model } from '../engine/model.ts';
import { loadAdapter, type ServedAdapter } from '../serve/served-adapter.ts';
import { copiesOf } from '../serve/served-models.ts';
import { deviceMemory } from '../tensor/device.ts';
import { memoryLimit } from '../train/free-memory.ts';

interface LoadedAdapters extends Disposable {
  readonly byName: ReadonlyMap<string, ServedAdapter>;
}

/** `fits` throws where so many bytes of adapters do not. */
export async function loadAdapters(
  { adapters, compositions, anyBase }: SampleSettings,
  { model, digest }: { readonly model: Model; readonly digest: string },
  fits: (adapterBytes: number) => void,
): Promise<LoadedAdapters> {
  const byName = new Map<string, ServedAdapter>();
  const loaded: LoadedAdapters = {
    byName,
    [Symbol.dispose]: () => {
      for (const adapter of byName.values()) adapter[Symbol.dispose]();
    },
  };
  let all = 0;
  try {
    for (const { name, folder } of adapters) {
      const base = { model, digest, acceptsUnnamed: anyBase };
      const copies = copiesOf(name, compositions);
      const take = (bytes: number): void => {
        all += copies * bytes;
        fits(all);
      };
      byName.set(name, await loadAdapter(name, folder, base, take));
    }
    return loaded;
  } catch (error) {
    loaded[Symbol.dispose]();
    throw error;
  }
}

/** What `loadAdapters` asks; also for none, before the base is loaded. */
export function memoryOf(
  { compositions, pictures, device }: SampleSettings,
  files: Pick<ModelFiles, 'config' | 'headers' | 'storedBfloat16'>,
  limit = limitOf(device),
): (adapterBytes: number) => void {
  const parts = compositions.flatMap((one) => (one.mode === 'dominant' ? [one.parts.length] : []));
  const question = {
    base: {
      facts: factsOf(files.config, files.headers),
      storedBfloat16: files.storedBfloat16,
    },
    device: { type: device === 'cpu' ? 'cpu' : 'cuda', bytes: limit },
    keeps: pictures.caches ? Math.max(0, ...parts) : 0,
    passes: pictures.guidance === 1 ? 1 : 2,
  } as const;
  return (adapterBytes) => {
    const { weights, adapters, work, peak } = planSampling({ ...question, adapterBytes });
    if (peak <= limit) return;
    const words = `${bytesInWords(weights)} of weights + ${bytesInWords(adapters)} of adapters + ${bytesInWords(work)} of work`;
    throw new TerminalError({
      code: 'E_DOES_NOT_FIT',
      message: `sampling needs ${bytesInWords(peak)}: ${words}; ${bytesInWords(limit)} are there`,
      hint: 'name fewer adapters, or give it more memory',
    });
  };
}

function limitOf(device: DeviceName): number {
  return device === 'cpu' ? memoryLimit() : deviceMemory(device).total;
}
