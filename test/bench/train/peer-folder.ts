/** The demo's model as a Hugging Face folder, so that both programs load the same weights. */
import { mkdir } from 'node:fs/promises';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { PlannedTensor } from '../../../worker/files/safetensors.ts';
import { writeSafetensorsModel } from '../../../worker/files/safetensors-model.ts';
import { writeModelFiles } from '../../../worker/publish/model-folder.ts';

/** Writes `model` in the type that the benchmark trains in, as users have it on disk. */
export async function writePeerFolder(
  model: string,
  folder: string,
  dtype: 'float32' | 'bfloat16',
): Promise<void> {
  await mkdir(folder, { recursive: true });
  using files = openModel(model);
  const tensors = new Map<string, PlannedTensor>();
  for (const name of files.tensorNames) {
    const shape = files.headers.tensors.get(name)?.spec.shape ?? [];
    tensors.set(name, { shape, dtype, make: () => files.load(name, { dtype }) });
  }
  await writeSafetensorsModel(folder, tensors);
  await writeModelFiles(folder, files, dtype);
}
