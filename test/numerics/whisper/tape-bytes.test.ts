// What the tapes of both kinds of blocks of Whisper keep, counted where the memory is taken, beside
// the plan of it.
import type { FineTuneJobSpec } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { blockBytes } from '../../../crds/plan/block-bytes.ts';
import { blockKinds } from '../../../crds/plan/block-kinds.ts';
import type { MemoryQuestion } from '../../../crds/plan/memory-question.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { forwardBlock } from '../../../worker/engine/block-tape.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import { activeIn } from '../../../worker/engine/model.ts';
import { gradientsFor } from '../../../worker/engine/multiplied-out.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { dtypeOf } from '../../../worker/methods/index.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { soundSequence, whisperSource } from '../../toy/whisper.ts';

/** Sounds of 1,024 tokens with 192 tokens of text each. */
const changes = {
  ...{ d_model: 64, encoder_ffn_dim: 128, decoder_ffn_dim: 128 },
  ...{ max_source_positions: 1024, max_target_positions: 256 },
};
const frames = 2048;
const sounds = [0, 1].map((seed) => ({ ids: new Array<number>(192).fill(3), seed }));
/** A heap counts its chunks, and a block has some sixty tensors. */
const rounding = 0.02;

type Precision = { readonly type: 'BFloat16' } | { readonly type: 'Float32' };

function compared(adapter: object, precision: Precision) {
  const method = resolveMethod({ adapter, precision } as FineTuneJobSpec['method']);
  const dtype = dtypeOf(method);
  const model = buildModel(whisperSource(changes), {
    ...{ dtype, adapter: adapterOf(method, 5n, dtype), sequenceLength: 256 },
  });
  using _parameters = model.parameters;
  const host = soundSequence(sounds, { frames });
  const soundTokens = frames;
  const question: MemoryQuestion = {
    ...{ facts: factsOf(model.config), method, microBatchTokens: host.ids.length, soundTokens },
    ...{ perWave: 1, waves: 1, shards: 1, clip: 'Global', recomputation: 'None' },
    ...{ targetShare: 1, device: { type: 'cpu', bytes: 2 ** 34 } },
  };
  const planned = blockKinds(question).map((kind) => blockBytes(question, kind).tape);
  const kept = [0, 0];
  scope(() => {
    const sequence = toSequence(model, host);
    const active = (layer: Parameters<typeof model.parameters.trainedAt>[0]) =>
      model.parameters.trainedAt(layer);
    const H = model.config.H;
    const states = normal([soundTokens, H], 1, streamOf(1, 'states'), dtype);
    const { sides } = model.network.enter(model, sequence, 1, states);
    for (const [layer, half, tokens] of [
      [0, 0, soundTokens],
      [1, 0, soundTokens],
      ...[2, 3, 4].map((decoder) => [decoder, 1, host.ids.length] as const),
    ] as const) {
      const x = normal([tokens, H], 1, streamOf(1, 'x', layer), dtype);
      const own = { active: gradientsFor(model, activeIn(active, layer)), sequence, draw: null };
      trimMemory();
      const before = memoryStatistics().tensorBytes - x.bytes;
      const pass = { model, layer, ...own, ...(half === 1 && { sides, wantsSides: true }) };
      const { output } = scope(() => forwardBlock(pass, x, 'keep'));
      kept[half] = (kept[half] ?? 0) + memoryStatistics().tensorBytes - before - output.bytes;
    }
  });
  return { kept: [(kept[0] ?? 0) / 2, (kept[1] ?? 0) / 3], planned };
}

const adapters = {
  LoRA: { type: 'LoRA', lora: { rank: 16 } },
  'S2-LoRA': { type: 'S2LoRA', s2Lora: { rank: 16 } },
  // No layer of the MLP needs its input, nor do queries of the states of the encoder.
  'LoRA on own queries': { type: 'LoRA', lora: { rank: 16, targetModules: ['self_attn.q_proj'] } },
  'LoRA on keys of the encoder': {
    type: 'LoRA',
    lora: { rank: 16, targetModules: ['encoder_attn.k_proj'] },
  },
  'full fine-tuning': { type: 'None' },
} as const;

for (const type of ['Float32', 'BFloat16'] as const) {
  for (const [name, adapter] of Object.entries(adapters)) {
    testOfProcessor(`the tapes of Whisper with ${name} in ${type} keep what is planned`, (t) => {
      const { kept, planned } = compared(adapter, { type });
      for (const [half, bytes] of planned.entries()) {
        const off = (kept[half] ?? 0) / bytes - 1;
        t.true(Math.abs(off) < rounding, `${half}: ${kept[half]} bytes, ${bytes} planned`);
      }
    });
  }
}
