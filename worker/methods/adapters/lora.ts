// LoRA: Low-Rank Adaptation of Large Language Models (Hu et al. 2021).
//
// Against full fine-tuning: W stays frozen, W + s B A is computed, only A and B are trained.
//   y = x W^T + s (drop(x) A^T) B^T      A [R, I] · B [O, R] · s = alpha / R
// With rsLoRA (Kalajdzievski 2023) s = alpha / sqrt(R). With LoRA+ (Hayou et al. 2024) the learning
// rate of B is `learningRateRatio` times that of A. Initialisation as in PEFT: A uniform in
// ±1/sqrt(I) (Kaiming with a = sqrt 5) or normal with deviation 1/R, B zero, so that step 0 is the
// base model; LoRAT (Lin et al. 2024) draws both, so that it is not. State: A and B in float32
// whatever the model's type (float64 in a float64 model).
import { alphaOf } from '../../../crds/methods/adapter-fields.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { dropoutMask, normal, uniform } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Adapter, type DropoutDraw, factorA, factorB, type LinearLayer } from './adapter.ts';
import type { ProductDelta } from './delta.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';

export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly scaling: 'Standard' | 'RankStabilized';
  readonly learningRateRatio: number;
  readonly initialization: 'KaimingUniform' | 'Gaussian' | 'Both';
  /** Whether the layer with this module path gets an adapter. */
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

/** LoRAT cuts its normal distribution off a hundred deviations away, which changes nothing. */
const deviationOfBoth = 0.02;

interface LoraAdapter extends Adapter {
  factors(...given: Parameters<Adapter['factors']>): ProductDelta;
}

export const loraOf: AdapterOf<'LoRA'> = (own, common) => {
  const { scaling, initialization } = own;
  const learningRateRatio = Number(own.learningRateRatio);
  return lora({ ...asLora(own, common), scaling, initialization, learningRateRatio });
};

/** What the product of both matrices is multiplied by. */
export function scaleOf(own: {
  readonly rank: number;
  readonly alpha?: string | undefined;
  readonly scaling: LoraSettings['scaling'];
}): number {
  return scaleAt({ ...own, alpha: alphaOf(own) });
}

function scaleAt({ rank, alpha, scaling }: Pick<LoraSettings, 'rank' | 'alpha' | 'scaling'>) {
  return alpha / (scaling === 'Standard' ? rank : Math.sqrt(rank));
}

export function lora(settings: LoraSettings): LoraAdapter {
  const { rank, dropout, dtype } = settings;
  const scale = scaleAt(settings);
  return {
    name: 'LoRA',
    targets: ({ path }) => settings.targets(path),
    initialize(layer) {
      const bound = 1 / Math.sqrt(layer.in);
      const shape = [rank, layer.in];
      const stream = streamOf(settings.seed, 'lora_A', layer.path);
      if (settings.initialization === 'Both') {
        const ofB = streamOf(settings.seed, 'lora_B', layer.path);
        const A = normal(shape, deviationOfBoth, stream, dtype);
        const B = normal([layer.out, rank], deviationOfBoth, ofB, dtype);
        return { trained: { [factorA]: A, [factorB]: B } };
      }
      const A =
        settings.initialization === 'Gaussian'
          ? normal(shape, 1 / rank, stream, dtype)
          : uniform(shape, -bound, bound, stream, dtype);
      return { trained: { [factorA]: A, [factorB]: ops.zeros([layer.out, rank], { dtype }) } };
    },
    factors: (layer, tensors, draw) => ({
      form: 'product',
      A: tensors(factorA),
      B: tensors(factorB),
      scale,
      drops: draw !== null && dropout > 0,
      dropped: (x) => (draw === null || dropout === 0 ? null : drop(x, dropout, layer, draw)),
    }),
    learningRateFactor: (suffix) => (suffix === factorB ? settings.learningRateRatio : 1),
    decays: () => true,
  };
}

/** Inverted dropout: kept values are divided by `share`, the probability of keeping. */
function drop(x: Tensor, share: number, layer: LinearLayer, draw: DropoutDraw): Tensor {
  const stream = streamOf(draw.seed, 'dropout', layer.path, draw.step, draw.key);
  return ops.mul(x, dropoutMask(x.shape, share, stream, x.dtype));
}
