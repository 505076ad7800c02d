// S2FT: Efficient, Scalable and Generalizable LLM Fine-tuning by Structured Sparsity (Yang et al.
// 2024).
//
// Against LoRA: no product; the weights of chosen channels of the MLPs and of chosen heads train.
//   columns c of down_proj and o_proj:           y = x W^T + x[:, c] V^T
//   rows c of up_proj, gate_proj and v_proj:     y[:, c] += x V^T
// Channels are pairs (layer, channel) and heads pairs (layer, key/value head), drawn over the whole
// model, so layers have different numbers of them, and one without any has no adapter. Each kind is
// drawn in one order and a ratio takes the first of it: the same channels in down_proj, up_proj and
// gate_proj, as far as their ratios go. A key/value head has its rows of v_proj, and the columns of
// o_proj of all query heads that read it. Trained: V in float32. Kept: c, ascending.
// Differences from the release: weights are not permuted, c is an index; it takes o_proj by key/
// value heads although its columns are those of query heads, which is wrong where these differ in
// number. Left out: other ways to choose than at random.
import { shareOf } from '../../../crds/methods/s2ft.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { choose, streamOf } from '../../tensor/streams.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { Adapter, LinearLayer } from './adapter.ts';
import type { AdapterOf } from './from-parameters.ts';

const value = 's2ft_value';
const index = 's2ft_index';

interface Ratios {
  readonly downRatio: string;
  readonly upRatio: string;
  readonly gateRatio: string;
  readonly outputRatio: string;
  readonly valueRatio: string;
}

interface S2ftSettings extends Ratios {
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

export const s2ftOf: AdapterOf<'S2FT'> = (own, common) => s2ft({ ...own, ...common });

function s2ft({ seed, dtype, ...ratios }: S2ftSettings): Adapter {
  const placesOf = chooser(ratios, seed);
  return {
    name: 'S2FT',
    targets: (layer) => placesOf(layer).chosen.length > 0,
    initialize(layer) {
      const { form, chosen } = placesOf(layer);
      const count = chosen.length;
      const shape = form === 'columns' ? [layer.out, count] : [count, layer.in];
      return {
        trained: { [value]: ops.zeros(shape, { dtype }) },
        kept: { [index]: tensor(chosen, [count], 'int32') },
      };
    },
    factors: (layer, tensors) => ({
      form: placesOf(layer).form,
      index: tensors(index),
      value: tensors(value),
      scale: 1,
    }),
    learningRateFactor: () => 1,
    decays: () => true,
  };
}

interface Places {
  readonly form: 'columns' | 'rows';
  /** Ascending. */
  readonly chosen: readonly number[];
}

/** What is chosen of a linear layer. */
function chooser(ratios: Ratios, seed: bigint): (layer: LinearLayer) => Places {
  const made = new Map<string, readonly (readonly number[])[]>();
  const drawn = (kind: 'channel' | 'head', ratio: string, { layer, model }: LinearLayer) => {
    const { L, I, NK } = model;
    const each = kind === 'channel' ? I : NK;
    const key = `${kind} ${ratio} ${L} ${each}`;
    const byLayer = made.get(key) ?? drawByLayer(shareOf(ratio, L * each), L, each, seed, kind);
    made.set(key, byLayer);
    return byLayer[layer] ?? [];
  };
  return (layer) => {
    const { NH, NK, D, I } = layer.model;
    const read = (NH / NK) * D;
    const values = () => spread(drawn('head', ratios.valueRatio, layer), D);
    switch (layer.role) {
      case 'down':
        return { form: 'columns', chosen: drawn('channel', ratios.downRatio, layer) };
      case 'up':
        return { form: 'rows', chosen: drawn('channel', ratios.upRatio, layer) };
      case 'gate':
        return { form: 'rows', chosen: drawn('channel', ratios.gateRatio, layer) };
      case 'gate_up': {
        const up = drawn('channel', ratios.upRatio, layer).map((channel) => I + channel);
        return { form: 'rows', chosen: [...drawn('channel', ratios.gateRatio, layer), ...up] };
      }
      case 'o':
        return { form: 'columns', chosen: spread(drawn('head', ratios.outputRatio, layer), read) };
      case 'v':
        return { form: 'rows', chosen: values() };
      case 'qkv':
        return { form: 'rows', chosen: values().map((row) => (NH + NK) * D + row) };
      default:
        return { form: 'rows', chosen: [] };
    }
  };
}

/** Of `count` pairs (layer, place), the places of each layer. */
function drawByLayer(
  count: number,
  layers: number,
  each: number,
  seed: bigint,
  kind: string,
): readonly (readonly number[])[] {
  const byLayer = Array.from({ length: layers }, (): number[] => []);
  for (const pair of choose(count, layers * each, streamOf(seed, 's2ft', kind))) {
    byLayer[Math.floor(pair / each)]?.push(pair % each);
  }
  return byLayer.map((places) => places.toSorted((a, b) => a - b));
}

/** The `width` places of each head. */
function spread(heads: readonly number[], width: number): readonly number[] {
  return heads.flatMap((head) => Array.from({ length: width }, (_, i) => head * width + i));
}
