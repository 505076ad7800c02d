// Values of axes on toys, whose matrices are small.
import type { GgufBlocks } from '../../crds/methods/fake-quantized.ts';

export const float32 = { type: 'Float32' } as const;
export const nf4 = { type: 'NF4', nf4: { blockSize: 32 } } as const;
export const int4 = { type: 'Int4', int4: { groupSize: 32 } } as const;
/** Made with inputs. */
export const madeIntegers = (bits: 2 | 3) => ({
  ...{ type: 'Integer' as const, integer: { bits, groupSize: 32, calibrationSequences: 4 } },
});
/** Forms that are chosen within a budget. */
export const mix = { type: 'Mixed', mixed: { averageBits: '4' } } as const;
export const fourBits = { type: 'FakeQuantized', fakeQuantized: { groupSize: 32 } };
export const changingFormats = { type: 'AdaPT', adapt: { minLookback: 3, maxLookback: 6 } };
/** Rounded to the blocks of a GGUF type. */
export const onBlocks = (gguf: GgufBlocks) => ({
  ...{ type: 'FakeQuantized', fakeQuantized: { gguf } },
});
const codes = { codebooks: 1, bits: 4, groupSize: 4 };
export const codebook = { type: 'Codebook', codebook: codes };
/** By what layers give on training data. */
export const fittedCodes = { type: 'Codebook', codebook: { ...codes, calibrationSequences: 2 } };
const oneBlock = { activeLayers: 1, intervalSteps: 2 };
export const lisaOfOne = { type: 'LISA', lisa: oneBlock };
export const owloreOfOne = { type: 'OwLore', owlore: oneBlock };
