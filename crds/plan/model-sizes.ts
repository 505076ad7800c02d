// Facts of a language model as an object of the API keeps them.
import type { ModelSizes } from '../api/model-sizes.ts';
import type { BaseFacts } from './frozen-question.ts';
import { decoderFacts } from './model-facts.ts';

/** Undefined for what is no language model. */
export function sizesOf({ facts, storedBfloat16 }: BaseFacts): ModelSizes | undefined {
  if (facts.kind !== 'decoder') return undefined;
  const { V, H, L, NH, NK, D, I, tied, fused, bias, qkNorm, sandwichNorms } = facts;
  const traits = [
    ...(tied ? ['TiedHead' as const] : []),
    ...(fused ? ['Fused' as const] : []),
    ...(bias.qkv ? ['BiasQKV' as const] : []),
    ...(bias.o ? ['BiasO' as const] : []),
    ...(bias.mlp ? ['BiasMLP' as const] : []),
    ...(qkNorm ? ['NormQK' as const] : []),
    ...(sandwichNorms ? ['SandwichNorms' as const] : []),
  ];
  return {
    ...{ vocabulary: V, hidden: H, blocks: L, heads: NH, keyValueHeads: NK, headSize: D, mlp: I },
    ...{ traits, bfloat16Values: storedBfloat16 },
  };
}

export function factsOfSizes({ traits, bfloat16Values, ...sizes }: ModelSizes): BaseFacts {
  const has = (trait: (typeof traits)[number]): boolean => traits.includes(trait);
  const { vocabulary: V, hidden: H, blocks: L, heads: NH, keyValueHeads: NK } = sizes;
  const facts = decoderFacts.parse({
    ...{ kind: 'decoder', V, H, L, NH, NK, D: sizes.headSize, I: sizes.mlp },
    ...{ tied: has('TiedHead'), fused: has('Fused') },
    bias: { qkv: has('BiasQKV'), o: has('BiasO'), mlp: has('BiasMLP') },
    ...{ qkNorm: has('NormQK'), sandwichNorms: has('SandwichNorms') },
  });
  return { facts, storedBfloat16: bfloat16Values };
}
