import test from 'ava';
import { resolveMethod } from '../../../crds/index.ts';
import { blockBytes } from '../../../crds/plan/block-bytes.ts';
import { blockKinds } from '../../../crds/plan/block-kinds.ts';
import { planFor } from '../../../crds/plan/memory.ts';
import type { MemoryQuestion, TapeMode } from '../../../crds/plan/memory-question.ts';
import { heardBytes, sideBytes, soundBytes } from '../../../crds/plan/speech-bytes.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { readWhisperConfig } from '../../../worker/whisper/config.ts';
import { smol135 } from '../../builders/facts.ts';

const tiny = factsOf(readWhisperConfig({ model_type: 'whisper' }));
const lora = resolveMethod({ preset: 'LoRA' });

function ask(changes: Partial<MemoryQuestion> = {}): MemoryQuestion {
  return {
    ...{ facts: tiny, method: lora, microBatchTokens: 40, soundTokens: 3000, perWave: 2, waves: 1 },
    ...{ shards: 1, clip: 'Global', recomputation: 'None', targetShare: 1 },
    ...{ device: { type: 'cpu', bytes: 2 ** 34 }, ...changes },
  };
}

const H = 384;

test('blocks of Whisper are of two kinds, those of texts of one', (t) => {
  const [encoder, decoder] = blockKinds(ask());
  t.deepEqual([encoder.blocks, encoder.tokens, encoder.read], [4, 3000, 0]);
  t.deepEqual([decoder?.blocks, decoder?.tokens, decoder?.read], [4, 40, 3000]);
  const all = blockKinds(ask({ facts: smol135 }));
  t.deepEqual(
    all.map(({ blocks, tokens, read }) => [blocks, tokens, read]),
    [[30, 40, 0]],
  );
});

test('sounds are states beside the stream, their gradient, and frames of them', (t) => {
  t.deepEqual(sideBytes(ask()), { kept: 2 * 2 * 3000 * H * 2, gradient: 4 * 2 * 3000 * H });
  t.is(soundBytes(ask()), 2 * 3000 * 2 * 80 * (2 + 4));
  t.is(soundBytes(ask({ device: { type: 'cuda', bytes: 2 ** 34 } })), 2 * 3000 * 2 * 80 * 2);
  t.deepEqual(sideBytes(ask({ facts: smol135 })), { kept: 0, gradient: 0 });
  t.is(soundBytes(ask({ facts: smol135 })), 0);
});

test('longer sounds take more in the encoder, and in the decoder what it reads of them', (t) => {
  const [short, long] = [1500, 3000].map((soundTokens) => {
    const question = ask({ soundTokens });
    return blockKinds(question).map((kind) => blockBytes(question, kind).tape);
  });
  t.is(long?.[0], 2 * (short?.[0] ?? 0));
  const read = (long?.[1] ?? 0) - (short?.[1] ?? 0);
  // Keys and values, and what LoRA of rank 16 keeps of each.
  t.is(read, 1500 * (2 * H * 2 + 2 * 4 * 16));
});

test('kept blocks of the encoder cost what the encoder keeps', (t) => {
  const modes = (encoder: TapeMode) => [
    ...new Array<TapeMode>(4).fill(encoder),
    ...new Array<TapeMode>(4).fill('recompute'),
  ];
  const of = (encoder: TapeMode) => planFor(ask(), modes(encoder)).parts.activations;
  const { tape, stream } = blockBytes(ask());
  t.true(of('keep') - of('recompute') >= 2 * 3 * (tape - stream));
});

test('sounds without a tape are states, frames of one micro-batch, and the work of a block', (t) => {
  const { kept, keysAndValues, working, written } = heardBytes(ask());
  t.is(kept, 2 * 3000 * H * 2 + 3000 * 2 * 80 * (2 + 4));
  t.is(keysAndValues, 2 * 3000 * H * 2);
  // Three streams, queries, keys and values, and two of the MLP.
  t.is(working, 3000 * 2 * (3 * H + 3 * H + 2 * 4 * H));
  t.is(written, 4 * keysAndValues);
  const nothing = { kept: 0, keysAndValues: 0, working: 0, written: 0 };
  t.deepEqual(heardBytes(ask({ facts: smol135 })), nothing);
  const stages = { evaluationTokens: 40, formats: [], ggufType: 'BF16' } as const;
  const peakOf = (soundTokens: number) =>
    planFor(ask({ soundTokens, stages }), new Array<TapeMode>(8).fill('recompute')).stages.find(
      ({ stage }) => stage === 'Evaluate',
    )?.peak ?? 0;
  t.is(peakOf(6000) - peakOf(3000), kept + Math.max(working, written));
});
