// Arguments: MODEL OUT NAMES. Writes the GGUF file of the model, and for each name an adapter with
// factors drawn from a seed, of rank 8 and 16 in turn on all linear layers: in PEFT's format, and
// as the publisher writes adapters for llama.cpp.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openModel } from '../../../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../../../worker/engine/build-model.ts';
import type { Model } from '../../../../worker/engine/model.ts';
import { writeSafetensors } from '../../../../worker/files/safetensors.ts';
import { lora } from '../../../../worker/methods/adapters/lora.ts';
import type { ArtifactFacts } from '../../../../worker/publish/artifact.ts';
import { ggufAdapterArtifact } from '../../../../worker/publish/gguf-adapter.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { writeToyGguf } from '../../../peers/toy-gguf.ts';

const [folder = '', out = '', names = ''] = process.argv.slice(2);
const ranks = [8, 16] as const;
/** Changes answers, and leaves them texts. */
const deviation = 0.02;

await writeToyGguf(folder, join(out, 'model.gguf'), 'BF16');
await mkdir(join(out, 'loras'), { recursive: true });
using files = openModel(folder);
for (const [turn, rank] of ranks.entries()) {
  const adapter = lora({
    ...{ rank, alpha: rank, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 1n, dtype: 'float32' },
  });
  const model = buildModel(modelSource(files), {
    ...{ dtype: 'bfloat16', adapter, sequenceLength: 512 },
  });
  using _parameters = model.parameters;
  for (const [place, name] of names.split(',').entries()) {
    if (place % ranks.length === turn) await write(model, name, rank);
  }
}

async function write(model: Model, name: string, rank: number): Promise<void> {
  const factors = model.parameters.trained();
  for (const { name: own, value } of factors) {
    scope(() => ops.copy_(value, normal(value.shape, deviation, streamOf(1, 'bench', name, own))));
  }
  const facts = { model, run: { name }, initial: new Map() } as unknown as ArtifactFacts;
  await ggufAdapterArtifact(facts).write(join(out, 'loras'));
  const peft = join(out, 'peft', name);
  await mkdir(peft, { recursive: true });
  const tensors = new Map(factors.map((one) => [`base_model.model.${one.name}`, one.value]));
  await writeSafetensors(join(peft, 'adapter_model.safetensors'), tensors, { format: 'pt' });
  const targets = new Set([...model.adapted.keys()].map((path) => path.split('.').at(-1)));
  const config = {
    ...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', r: rank, lora_alpha: rank },
    ...{ target_modules: [...targets], base_model_name_or_path: 'model' },
  };
  await writeFile(join(peft, 'adapter_config.json'), JSON.stringify(config));
}
