import test from 'ava';
import { resolveMethod } from '../../../crds/index.ts';
import { blockBytes } from '../../../crds/plan/block-bytes.ts';
import { blockKinds } from '../../../crds/plan/block-kinds.ts';
import { planFor } from '../../../crds/plan/memory.ts';
import type { MemoryQuestion, TapeMode } from '../../../crds/plan/memory-question.ts';
import { linearsOf } from '../../../crds/plan/parameters.ts';
import { readClipConfig } from '../../../worker/clip/config.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { clipJson } from '../../toy/clip-json.ts';

const facts = factsOf(readClipConfig(clipJson('dual')));
const lora = resolveMethod({ preset: 'LoRA' });

function ask(changes: Partial<MemoryQuestion> = {}): MemoryQuestion {
  return {
    ...{ facts, method: lora, microBatchTokens: 4000, textTokens: 900, perWave: 3, waves: 1 },
    ...{ shards: 1, clip: 'Global', recomputation: 'None', targetShare: 0.1 },
    ...{ device: { type: 'cpu', bytes: 2 ** 34 }, ...changes },
  };
}

test('each of two towers has blocks of its own sizes, tokens and layers', (t) => {
  const [text, pictures] = blockKinds(ask());
  t.deepEqual([text.blocks, text.tokens, text.sizes?.H, text.isOnce], [2, 900, 16, true]);
  t.deepEqual([pictures?.blocks, pictures?.tokens, pictures?.sizes?.H], [2, 4000, 24]);
  t.deepEqual([text.isScaled, pictures?.isScaled], [false, true]);
  const all = linearsOf(facts);
  t.is(all.length, 12);
  t.true(all.every((linear) => text.has(linear) !== pictures?.has(linear)));
  t.is(all.filter((linear) => text.has(linear)).length, 6);
  t.is(blockBytes(ask(), text).stream, 900 * 16 * 2);
  t.is(blockBytes(ask(), pictures).stream, 4000 * 24 * 2);
});

test('texts of classes are kept once, pictures by every micro-batch', (t) => {
  const of = (question: MemoryQuestion, text: TapeMode, pictures: TapeMode): number => {
    const modes = [text, text, pictures, pictures];
    const { stages } = planFor(question, modes);
    return stages.find(({ stage }) => stage === 'Step')?.parts.activations ?? 0;
  };
  const [text, pictures] = blockKinds(ask()).map((kind) => blockBytes(ask(), kind));
  if (text === undefined || pictures === undefined) return t.fail('two towers have two kinds');
  const keptTexts = of(ask(), 'keep', 'keep') - of(ask(), 'recompute', 'keep');
  t.is(keptTexts, 2 * (text.tape - text.stream));
  const more = of(ask({ perWave: 5 }), 'keep', 'keep') - of(ask(), 'keep', 'keep');
  t.is(more, 2 * (2 * pictures.tape + 2 * pictures.stream));
});
