// A diffusion transformer as diffusers reads it: the model in a folder of its own, and beside it
// how pictures are sampled. Every field whose default is another there is written.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFiles } from '../decoder/model-files.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import { className } from '../diffusion/config-file.ts';
import { transformerFolder } from '../diffusion/names.ts';
import { linearSampler, printSamplerConfig } from '../diffusion/sampler-config.ts';
import { type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import { writeJson } from './write-json.ts';

/** Returns the bytes of the tensors. */
export async function writePipeline(
  folder: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  { headers, config }: Pick<ModelFiles, 'headers' | 'config'>,
): Promise<number> {
  const transformer = join(folder, transformerFolder);
  const scheduler = join(folder, 'scheduler');
  for (const each of [transformer, scheduler]) await mkdir(each, { recursive: true });
  const file = join(transformer, 'diffusion_pytorch_model.safetensors');
  const { bytes } = await writeSafetensors(file, tensors, { format: 'pt' });
  const { mlpNormEps } = diffusionConfig(config);
  const model = { ...headers.configJson, _class_name: className, norm_eps: mlpNormEps };
  await writeJson(join(transformer, 'config.json'), model);
  await writeJson(join(scheduler, 'scheduler_config.json'), printSamplerConfig(linearSampler));
  return bytes;
}
