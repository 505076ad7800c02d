// Where the division of a layer's inputs can be folded into what makes them. Every reader of what
// is divided must be among the layers of its place, or it would read other values.
//
// A norm of a diffusion transformer is scaled and shifted by what a linear layer makes of time step
// and class, g and b. All of its rows that make them are divided, and 1 + g stays one number more:
//   (1 + g) / f = 1 + g'     g' = g / f + (1 / f - 1)
// so the folding is exact at every time step and for every class, though g is another one there.
import type { DecoderConfig } from '../decoder/config.ts';
import { decoderConfig } from '../decoder/config.ts';
import { modulePath, type Role, tensorName } from '../decoder/names.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import { blockPath } from '../diffusion/names.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Heads } from './rescale.ts';

export interface SmoothingPlace {
  /** Paths of the layers that read the inputs. */
  readonly readers: readonly string[];
  readonly producer: Producer;
}

export type Producer =
  /** `offset`: 1 where a norm is stored less 1. */
  | { readonly type: 'Norm'; readonly name: string; readonly offset: 0 | 1 }
  /** Rows of a linear layer from `first` on. */
  | { readonly type: 'Rows'; readonly path: string; readonly first: number }
  /** The same, where several channels may read one of them. */
  | { readonly type: 'Heads'; readonly path: string; readonly first: number; readonly heads: Heads }
  /** Rows of a linear layer: `shift` is the first that makes b, `scale` the first that makes g. */
  | {
      readonly type: 'Modulation';
      readonly path: string;
      readonly shift: number;
      readonly scale: number;
    }
  /** Nothing that is linear: inputs are divided where they are read. */
  | { readonly type: 'Nothing' };

/** Of a block. */
export function smoothingPlaces(config: ModelConfig, layer: number): readonly SmoothingPlace[] {
  return config.kind === 'diffusion'
    ? placesOfDiffusion(diffusionConfig(config), layer)
    : placesOfDecoder(decoderConfig(config), layer);
}

function placesOfDecoder(config: DecoderConfig, layer: number): readonly SmoothingPlace[] {
  const { fused, NH, NK, D, I, normOffset: offset } = config;
  const path = (role: Role) => modulePath(tensorName(config, role, layer));
  const norm = (role: Role): Producer => ({
    ...{ type: 'Norm', name: tensorName(config, role, layer), offset },
  });
  const v = fused ? { path: path('qkv'), first: (NH + NK) * D } : { path: path('v'), first: 0 };
  const up = fused ? { path: path('gateUp'), first: I } : { path: path('up'), first: 0 };
  return [
    {
      readers: (fused ? (['qkv'] as const) : (['q', 'k', 'v'] as const)).map(path),
      producer: norm('inputNorm'),
    },
    { readers: [path('o')], producer: { type: 'Heads', ...v, heads: { NH, NK, D } } },
    {
      readers: (fused ? (['gateUp'] as const) : (['gate', 'up'] as const)).map(path),
      producer: norm('preMlpNorm'),
    },
    { readers: [path('down')], producer: { type: 'Rows', ...up } },
  ];
}

/** Rows of `norm1.linear` are shift, scale and gate of attention, then those of the MLP. */
function placesOfDiffusion({ H }: DiffusionConfig, layer: number): readonly SmoothingPlace[] {
  const path = (name: string): string => `${blockPath(layer)}.${name}`;
  const modulation = (first: number): Producer => ({
    ...{ type: 'Modulation', path: path('norm1.linear'), shift: first, scale: first + H },
  });
  return [
    {
      readers: ['attn1.to_q', 'attn1.to_k', 'attn1.to_v'].map(path),
      producer: modulation(0),
    },
    {
      readers: [path('attn1.to_out.0')],
      producer: { type: 'Rows', path: path('attn1.to_v'), first: 0 },
    },
    { readers: [path('ff.net.0.proj')], producer: modulation(3 * H) },
    { readers: [path('ff.net.2')], producer: { type: 'Nothing' } },
  ];
}
