import test from 'ava';
import { resolveMethod } from '../../../crds/index.ts';
import type { ModelFacts } from '../../../crds/plan/model-facts.ts';
import { pictureBytes } from '../../../crds/plan/picture-bytes.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { readVisionConfig } from '../../../worker/vision/config.ts';

const cpu = { type: 'cpu', bytes: 2 ** 34 } as const;
const cuda = { type: 'cuda', bytes: 2 ** 34 } as const;
const bfloat16 = resolveMethod({ preset: 'LoRA' });
const float32 = resolveMethod({ preset: 'LoRA', precision: { type: 'Float32' } });

test('a token of a picture has the values of its patch, and on a processor those it was made of', (t) => {
  const facts = factsOf(readVisionConfig({ model_type: 'dinov2' }));
  const values = 3 * 14 * 14;
  t.is(pictureBytes({ facts, method: bfloat16, device: cuda }, 10), 10 * 2 * values);
  t.is(pictureBytes({ facts, method: bfloat16, device: cpu }, 10), 10 * (2 + 4) * values);
  t.is(pictureBytes({ facts, method: float32, device: cpu }, 10), 10 * (4 + 4) * values);
});

test('texts have none', (t) => {
  const facts: ModelFacts = {
    ...{ kind: 'encoder', V: 64, H: 64, L: 1, NH: 1, NK: 1, D: 64, I: 64 },
    ...{ blocks: '', inlet: 0, classes: 2, whole: 0 },
  };
  t.is(pictureBytes({ facts, method: float32, device: cpu }, 10), 0);
});
