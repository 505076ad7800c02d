/**
 * What a step costs besides arithmetic: the same step (same blocks, same calls) on a model whose
 * sizes are so small that its arithmetic is next to nothing. Everything between the kernels is in
 * it: JavaScript, the crossing into C++, the dispatcher, the tape. An upper bound for JavaScript
 * alone.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { PlannedTensor } from '../../../worker/files/safetensors.ts';
import { writeSafetensorsModel } from '../../../worker/files/safetensors-model.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import type { StepRequest } from './request.ts';

const small = 8;
const sizes = {
  hidden_size: 2 * small,
  intermediate_size: 2 * small,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: small,
  vocab_size: 2 * small,
};

/** A model of as many blocks as that in `model`, with nothing in them. */
export async function writeEmptyFolder(model: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, ...sizes }));
  using files = openModel(model);
  const { hidden_size: H, intermediate_size: I, vocab_size: V } = sizes;
  const shapes: readonly (readonly [RegExp, readonly number[]])[] = [
    [/norm\.weight$/, [H]],
    [/embed_tokens/, [V, H]],
    [/(q|o)_proj/, [2 * small, H]],
    [/(k|v)_proj/, [small, H]],
    [/(gate|up|down)_proj/, [I, H]],
  ];
  const tensors = new Map<string, PlannedTensor>();
  for (const name of files.tensorNames) {
    const shape = shapes.find(([pattern]) => pattern.test(name))?.[1] ?? [];
    tensors.set(name, {
      shape,
      dtype: 'bfloat16',
      make: () => ops.full(shape, 0.01, { dtype: 'bfloat16' }),
    });
  }
  await writeSafetensorsModel(folder, tensors);
}

/** One row of a few tokens, all learned. */
export function emptyRequest(request: StepRequest, folder: string): StepRequest {
  const row = Array.from({ length: small }, (_, i) => i);
  return { ...request, model: folder, steps: 30, batches: [{ ids: [row], labels: [row] }] };
}
