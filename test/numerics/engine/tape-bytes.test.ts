// What the tapes of blocks keep, counted where the memory is taken, beside the plan of it.

import type { FineTuneJobSpec } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { blockBytes } from '../../../crds/plan/block-bytes.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { forwardBlock } from '../../../worker/engine/block-tape.ts';
import type { ModelSource } from '../../../worker/engine/build-model.ts';
import { gradientsFor } from '../../../worker/engine/multiplied-out.ts';
import { type HostSequence, toSequence } from '../../../worker/engine/packed-sequence.ts';
import { withLayer } from '../../../worker/engine/weights.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { dtypeOf } from '../../../worker/methods/index.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';
import { encoderSource } from '../../toy/encoder.ts';
import { quantNasSource } from '../../toy/quantnas.ts';
import { foundJson, supernetJson } from '../../toy/quantnas-json.ts';
import { pairSequence, restorationSource } from '../../toy/restoration.ts';
import { visionSource } from '../../toy/vision.ts';

const tokens = 2048;
const config = { hidden_size: 64, intermediate_size: 96 };
/** A heap counts its chunks, and a block has some forty tensors. */
const rounding = 0.02;

interface Compared {
  /** @default a decoder */
  readonly source?: ModelSource;
  readonly host?: HostSequence;
}

type Precision = { readonly type: 'BFloat16' } | { readonly type: 'Float32' };

function compared(
  adapter: object,
  precision: Precision,
  { source, host = aSequence([countUp(0, tokens)]) }: Compared = {},
) {
  const method = resolveMethod({ adapter, precision } as FineTuneJobSpec['method']);
  const dtype = dtypeOf(method);
  const own = source === undefined ? {} : { source };
  const model = aToyModel({ dtype, adapter: adapterOf(method, 5n, dtype), config, ...own });
  using _parameters = model.parameters;
  const planned = blockBytes({
    ...{
      facts: factsOf(model.config),
      method,
      microBatchTokens: tokens,
      perWave: 1,
      waves: 1,
      shards: 1,
    },
    ...{ clip: 'Global', recomputation: 'None', targetShare: 1 },
    device: { type: 'cpu', bytes: 2 ** 34 },
  }).tape;
  let kept = 0;
  scope(() => {
    const sequence = toSequence(model, host);
    for (let layer = 0; layer < model.config.L; layer += 1) {
      const x = normal([tokens, model.config.H], 1, streamOf(1, 'x', layer), dtype);
      const active = gradientsFor(model, model.parameters.trainedAt(layer));
      trimMemory();
      // The input is the first tensor of the tape, and the output of the last block of the next.
      const before = memoryStatistics().tensorBytes - x.bytes;
      const draw = { seed: 1n, step: 0, key: 0 };
      const pass = { model, layer, active, sequence, draw };
      const { output } = scope(() =>
        withLayer(model, layer, null, () => forwardBlock(pass, x, 'keep')),
      );
      kept += memoryStatistics().tensorBytes - before - output.bytes;
    }
  });
  return { kept: kept / model.config.L, planned };
}

const adapters = {
  LoRA: { type: 'LoRA', lora: { rank: 16 } },
  'LoRA on q and down': {
    type: 'LoRA',
    lora: { rank: 16, targetModules: ['q_proj', 'down_proj'] },
  },
  MixLoRA: { type: 'MixLoRA', mixLora: { rank: 16 } },
  'MixLoRA on q and down': {
    type: 'MixLoRA',
    mixLora: { rank: 16, topK: 3, targetModules: ['q_proj', 'down_proj'] },
  },
  PaCA: { type: 'PaCA', paca: { rank: 16 } },
  RandLoRA: { type: 'RandLoRA', randLora: { rank: 16 } },
  S2LoRA: { type: 'S2LoRA', s2Lora: { rank: 16 } },
  S2FT: {
    type: 'S2FT',
    s2ft: { downRatio: '0.2', upRatio: '0.2', outputRatio: '0.5', valueRatio: '0.5' },
  },
} as const;

for (const type of ['Float32', 'BFloat16'] as const) {
  for (const [name, adapter] of Object.entries(adapters)) {
    testOfProcessor(`the tape of ${name} in ${type} keeps what is planned`, (t) => {
      const { kept, planned } = compared(adapter, { type });
      const off = kept / planned - 1;
      t.true(Math.abs(off) < rounding, `${kept} bytes a block, ${planned} planned`);
    });
  }
}

const ofEncoders = {
  LoRA: { type: 'LoRA', lora: { rank: 16 } },
  // No layer of the MLP needs its input.
  'LoRA on query and value': {
    type: 'LoRA',
    lora: { rank: 16, targetModules: ['query', 'value'] },
  },
  S2FT: { type: 'S2FT', s2ft: { downRatio: '0', valueRatio: '0.5' } },
  'full fine-tuning': { type: 'None' },
} as const;

for (const type of ['Float32', 'BFloat16'] as const) {
  const encoder = encoderSource('bert', config);
  for (const [name, adapter] of Object.entries(ofEncoders)) {
    testOfProcessor(`the tape of an encoder with ${name} in ${type} keeps what is planned`, (t) => {
      const { kept, planned } = compared(adapter, { type }, { source: encoder });
      const off = kept / planned - 1;
      t.true(Math.abs(off) < rounding, `${kept} bytes a block, ${planned} planned`);
    });
  }
}

const ofConvolutions = {
  LoRA: { type: 'LoRA', lora: { rank: 6 } },
  'full fine-tuning': { type: 'None' },
} as const;

for (const type of ['Float32', 'BFloat16'] as const) {
  const network = {
    source: restorationSource({ num_feat: 16 }),
    host: pairSequence([1, 2], { height: 32, width: 32 }),
  };
  for (const [name, adapter] of Object.entries(ofConvolutions)) {
    testOfProcessor(
      `the tape of convolutions with ${name} in ${type} keeps what is planned`,
      (t) => {
        const { kept, planned } = compared(adapter, { type }, network);
        const off = kept / planned - 1;
        t.true(Math.abs(off) < rounding, `${kept} bytes a block, ${planned} planned`);
      },
    );
  }
}

const ofCells = {
  searched: quantNasSource(supernetJson({ num_feat: 16 })),
  'searched in one width': quantNasSource(
    supernetJson({ num_feat: 16, bits: [4], operations: ['growth1_3x3'] }),
  ),
  'searched by rounding': quantNasSource(supernetJson({ num_feat: 16 }), { surrogate: 'Rounding' }),
  found: quantNasSource(foundJson({ num_feat: 16 })),
};

for (const [name, source] of Object.entries(ofCells)) {
  testOfProcessor(`the tape of cells that are ${name} keeps what is planned`, (t) => {
    const host = pairSequence([1, 2], { height: 32, width: 32 });
    const { kept, planned } = compared({ type: 'None' }, { type: 'Float32' }, { source, host });
    const off = kept / planned - 1;
    t.true(Math.abs(off) < rounding, `${kept} bytes a block, ${planned} planned`);
  });
}

const ofPictures = {
  LoRA: { type: 'LoRA', lora: { rank: 16 } },
  'LoRA on query and value': { type: 'LoRA', lora: { rank: 16, targetModules: ['q_proj'] } },
  'LoRA on the MLP': { type: 'LoRA', lora: { rank: 16, targetModules: ['fc1', 'fc2'] } },
  S2FT: { type: 'S2FT', s2ft: { downRatio: '0', valueRatio: '0.5' } },
  'full fine-tuning': { type: 'None' },
} as const;

for (const type of ['Float32', 'BFloat16'] as const) {
  for (const family of ['vit', 'dinov2'] as const) {
    const source = visionSource(family, { ...config, mlp_ratio: 2 });
    for (const [name, adapter] of Object.entries(ofPictures)) {
      testOfProcessor(
        `the tape of ${family} with ${name} in ${type} keeps what is planned`,
        (t) => {
          const { kept, planned } = compared(adapter, { type }, { source });
          const off = kept / planned - 1;
          t.true(Math.abs(off) < rounding, `${kept} bytes a block, ${planned} planned`);
        },
      );
    }
  }
}

testOfProcessor(
  'in bfloat16 PaCA keeps less than LoRA of the same rank on a tape, and S2FT too',
  (t) => {
    const of = (name: keyof typeof adapters) => compared(adapters[name], { type: 'BFloat16' }).kept;
    const lora = of('LoRA');
    t.log(`${of('PaCA') / lora} of LoRA's, ${of('S2FT') / lora}`);
    t.true(of('PaCA') < 0.9 * lora && of('S2FT') < 0.9 * lora);
  },
);
