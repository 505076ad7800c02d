import test from 'ava';
import { modelSizes } from '../../../crds/api/model-sizes.ts';
import type { DecoderFacts } from '../../../crds/plan/model-facts.ts';
import { factsOfSizes, sizesOf } from '../../../crds/plan/model-sizes.ts';
import { llama8b, phi3mini, smol135 } from '../../builders/facts.ts';

const odd: DecoderFacts = {
  ...{ ...smol135, tied: false, qkNorm: true, sandwichNorms: true },
  bias: { qkv: true, o: true, mlp: true },
};

for (const [name, facts] of Object.entries({ smol135, llama8b, phi3mini, odd })) {
  test(`the sizes of ${name} are kept whole`, (t) => {
    const sizes = sizesOf({ facts, storedBfloat16: 7 });
    t.deepEqual(factsOfSizes(modelSizes.parse(sizes)), { facts, storedBfloat16: 7 });
  });
}
