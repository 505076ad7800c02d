// What the tapes of blocks of a diffusion transformer keep, counted where the memory is taken,
// beside the plan of it.
import type { FineTuneJobSpec } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { blockBytes } from '../../../crds/plan/block-bytes.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { forwardBlock } from '../../../worker/engine/block-tape.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import { gradientsFor } from '../../../worker/engine/multiplied-out.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { dtypeOf } from '../../../worker/methods/index.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { diffusionSource, noisedPictures } from '../../toy/diffusion.ts';

/** Pictures of sixteen patches, and vectors that are long beside a head's numbers. */
const changes = { attention_head_dim: 32, sample_size: 8 };
const pictures = Array.from({ length: 128 }, (_, n) => n);
/** A heap counts its chunks, and a block has some fifty tensors. */
const rounding = 0.02;

type Precision = { readonly type: 'BFloat16' } | { readonly type: 'Float32' };

function compared(adapter: object, precision: Precision) {
  const method = resolveMethod({ adapter, precision } as FineTuneJobSpec['method']);
  const dtype = dtypeOf(method);
  const model = buildModel(diffusionSource(changes), {
    ...{ dtype, adapter: adapterOf(method, 5n, dtype), sequenceLength: 2048 },
  });
  using _parameters = model.parameters;
  const host = noisedPictures(pictures, { changes });
  const tokens = host.ids.length;
  const planned = blockBytes({
    ...{ facts: factsOf(model.config), method, microBatchTokens: tokens },
    ...{ perWave: 1, waves: 1, shards: 1, clip: 'Global', recomputation: 'None' },
    ...{ targetShare: 1 / 16, device: { type: 'cpu', bytes: 2 ** 34 } },
  }).tape;
  let kept = 0;
  scope(() => {
    const sequence = toSequence(model, host);
    const { sides } = model.network.enter(model, sequence, 0, null);
    const wantsSides = model.parameters.trainedAt('embedding').length > 0;
    for (let layer = 0; layer < model.config.L; layer += 1) {
      const x = normal([tokens, model.config.H], 1, streamOf(1, 'x', layer), dtype);
      const active = gradientsFor(model, model.parameters.trainedAt(layer));
      trimMemory();
      const before = memoryStatistics().tensorBytes - x.bytes;
      const pass = { model, layer, active, sequence, sides, wantsSides, draw: null };
      const { output } = scope(() => forwardBlock(pass, x, 'keep'));
      kept += memoryStatistics().tensorBytes - before - output.bytes;
    }
  });
  return { kept: kept / model.config.L, planned };
}

const adapters = {
  LoRA: { type: 'LoRA', lora: { rank: 16 } },
  // Neither scales nor gates change, and no layer of the MLP needs its input.
  'LoRA on to_q and to_v': { type: 'LoRA', lora: { rank: 16, targetModules: ['to_q', 'to_v'] } },
  'LoRA on scales and gates': {
    type: 'LoRA',
    lora: { rank: 16, targetModules: ['norm1.linear'] },
  },
  'full fine-tuning': { type: 'None' },
} as const;

for (const type of ['Float32', 'BFloat16'] as const) {
  for (const [name, adapter] of Object.entries(adapters)) {
    testOfProcessor(
      `the tape of a diffusion transformer with ${name} in ${type} is as planned`,
      (t) => {
        const { kept, planned } = compared(adapter, { type });
        const off = kept / planned - 1;
        t.true(Math.abs(off) < rounding, `${kept} bytes a block, ${planned} planned`);
      },
    );
  }
}
