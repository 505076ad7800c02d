// Where the division of a layer's inputs can be folded into what makes them. Every reader of a norm
// must be among the layers of its place, or it would read other values.
import type { DecoderConfig } from '../decoder/config.ts';
import { modulePath, type Role, tensorName } from '../decoder/names.ts';

export interface SmoothingPlace {
  /** Paths of the layers that read the inputs. */
  readonly readers: readonly string[];
  readonly producer: Producer;
}

type Producer =
  | { readonly type: 'Norm'; readonly name: string }
  /** Rows of a linear layer from `first` on. `Heads`: several channels may read one of them. */
  | { readonly type: 'Rows' | 'Heads'; readonly path: string; readonly first: number };

/** Of a block. */
export function smoothingPlaces(config: DecoderConfig, layer: number): readonly SmoothingPlace[] {
  const { fused, NH, NK, D, I } = config;
  const path = (role: Role) => modulePath(tensorName(config, role, layer));
  const norm = (role: Role): Producer => ({ type: 'Norm', name: tensorName(config, role, layer) });
  const v = fused ? { path: path('qkv'), first: (NH + NK) * D } : { path: path('v'), first: 0 };
  const up = fused ? { path: path('gateUp'), first: I } : { path: path('up'), first: 0 };
  return [
    {
      readers: (fused ? (['qkv'] as const) : (['q', 'k', 'v'] as const)).map(path),
      producer: norm('inputNorm'),
    },
    { readers: [path('o')], producer: { type: 'Heads', ...v } },
    {
      readers: (fused ? (['gateUp'] as const) : (['gate', 'up'] as const)).map(path),
      producer: norm('preMlpNorm'),
    },
    { readers: [path('down')], producer: { type: 'Rows', ...up } },
  ];
}
