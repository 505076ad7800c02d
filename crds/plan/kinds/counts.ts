// What follows from the sizes of a model, by the kind of its blocks. A new kind is a file here.
import type { Linear } from '../../methods/linears.ts';
import type { ModelFacts } from '../model-facts.ts';
import { decoderCounts } from './decoder.ts';
import { diffusionCounts } from './diffusion.ts';
import { encoderCounts } from './encoder.ts';
import { imageTextCounts } from './image-text.ts';
import { restorationCounts } from './restoration.ts';
import { speechCounts } from './speech.ts';
import { trackingCounts } from './tracking.ts';
import { visionCounts } from './vision.ts';

export interface ModelCounts {
  /** The linear layers of one block, in execution order; of blocks of two kinds those of both. */
  readonly linears: readonly Linear[];
  /** Values of norms, biases and other vectors of a block of average size. */
  readonly blockVectors: number;
  /** All that is before the blocks, such as the tables of an encoder, and their norm. */
  readonly embedding: number;
  /** 0 if the head is tied to the embedding. */
  readonly head: number;
  /** Before the head, where it is no part of it. */
  readonly finalNorm: number;
  /** Values of the matrices that each target row passes behind the blocks. */
  readonly headMatrix: number;
  /** Outputs of each target row: logits, or values of pixels. */
  readonly outputs: number;
}

export function countsOf(facts: ModelFacts): ModelCounts {
  switch (facts.kind) {
    case 'decoder':
      return decoderCounts(facts);
    case 'encoder':
      return encoderCounts(facts);
    case 'vision':
      return visionCounts(facts);
    case 'diffusion':
      return diffusionCounts(facts);
    case 'restoration':
      return restorationCounts(facts);
    case 'speech':
      return speechCounts(facts);
    case 'imageText':
      return imageTextCounts(facts);
    case 'tracking':
      return trackingCounts(facts);
  }
}
