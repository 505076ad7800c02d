// Sizes and traits of a decoder that a plan depends on. The worker derives them from config.json
// (its record satisfies this type), and `estimate` gets them the same way. None of them needs
// weights.
//
// Legend: V vocabulary · H hidden size · L blocks · NH query heads · NK key/value heads · D head
// size · I MLP size
import * as z from 'zod';

const size = z.int().min(1);

export const decoderFacts = z.object({
  V: size,
  H: size,
  L: size,
  NH: size,
  NK: size,
  D: size,
  I: size,
  tied: z.boolean(),
  /** One matrix for q, k, v and one for gate and up, as Phi-3 stores them. */
  fused: z.boolean(),
  bias: z.object({ qkv: z.boolean(), o: z.boolean(), mlp: z.boolean() }),
  qkNorm: z.boolean(),
  sandwichNorms: z.boolean(),
});

export type DecoderFacts = Readonly<z.output<typeof decoderFacts>>;
