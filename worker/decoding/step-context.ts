// Positions and attention of one step for lanes of different lengths: those that begin, whole
// prompts behind each other, then those that go on, one token each.

import { pageTokens } from '../../crds/plan/serving-memory.ts';
import type { BlockContext } from '../decoder/block.ts';
import { decoderConfig } from '../decoder/config.ts';
import { ropeTables } from '../decoder/network.ts';
import type { Model } from '../engine/model.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { indices, type Tensor, tensor } from '../tensor/tensor.ts';
import type { PagedCache } from './paged-cache.ts';
import type { Lane } from './sequence.ts';

/** In the order of their rows; those that begin come first. */
export function stepContext(model: Model, cache: PagedCache, lanes: readonly Lane[]): BlockContext {
  const config = decoderConfig(model.config);
  const positions = Int32Array.from(lanes.flatMap(positionsOf));
  const begins = lanes.filter(({ cached }) => cached === 0);
  const going = lanes.slice(begins.length);
  const rows = rowsOf(lanes, config.NK);
  const prompts = promptsOf(begins);
  const reading = going.length === 0 ? null : readingOf(model, going);
  return {
    rope: ropeTables(model.network.inputs({ positions }, model.dtype)),
    attend(layer, q, k, v) {
      cache.write(layer, rows, k, v);
      const window = config.layers[layer]?.attention === 'sliding' ? (config.window ?? 0) : 0;
      const { attentionScale, attentionCap = 0 } = config;
      const part = (x: Tensor): Tensor => ops.narrow(x, 0, 0, prompts.tokens);
      const first =
        begins.length === 0
          ? []
          : [
              ops.attention(
                ...([part(q), part(k), part(v)] as const),
                ...([prompts.offsets, attentionScale, window, attentionCap] as const),
              ),
            ];
      if (reading === null) return ops.cat(first, 0);
      const last = ops.narrow(q, 0, prompts.tokens, going.length);
      const seen = cache.read(layer, reading.blocks, going.length * config.NK);
      const mask = window > 0 ? reading.windowMask : reading.mask;
      return ops.cat([...first, decode(last, { ...seen, mask }, attentionScale, attentionCap)], 0);
    },
  };
}

function positionsOf({ cached, ids }: Lane): readonly number[] {
  return ids.map((_, i) => cached + i);
}

function promptsOf(begins: readonly Lane[]) {
  const offsets = [0];
  for (const { ids } of begins) offsets.push((offsets.at(-1) ?? 0) + ids.length);
  return { tokens: offsets.at(-1) ?? 0, offsets: tensor(offsets, [offsets.length], 'int32') };
}

/** Where the keys of each token and head go: `[T * NK]`. */
function rowsOf(lanes: readonly Lane[], heads: number): Tensor {
  const rows = lanes.flatMap((lane) =>
    positionsOf(lane).flatMap((position) => {
      const page = lane.pages[Math.floor(position / pageTokens)] ?? 0;
      const inside = position % pageTokens;
      return Array.from(
        { length: heads },
        (_, head) => (page * heads + head) * pageTokens + inside,
      );
    }),
  );
  return indices(rows);
}

/** The blocks that are read, with page 0 behind shorter sequences, and what of them counts. */
function readingOf({ config, dtype }: Model, going: readonly Lane[]) {
  const { NK, window = 0 } = decoderConfig(config);
  const most = Math.max(...going.map(({ pages }) => pages.length));
  const blocks = new BigInt64Array(going.length * NK * most);
  for (const [i, { pages }] of going.entries()) {
    for (let head = 0; head < NK; head += 1) {
      for (const [p, page] of pages.entries()) {
        blocks[(i * NK + head) * most + p] = BigInt(page * NK + head);
      }
    }
  }
  const masked = (behind: (length: number) => number): Tensor => {
    const length = most * pageTokens;
    const mask = new Float32Array(going.length * length).fill(Number.NEGATIVE_INFINITY);
    for (const [i, { cached }] of going.entries()) {
      mask.fill(0, i * length + Math.max(0, behind(cached + 1)), i * length + cached + 1);
    }
    return ops.to(tensor(mask, [going.length, 1, length]), exactType(dtype));
  };
  const mask = masked(() => 0);
  return {
    blocks: tensor(blocks, [blocks.length], 'int64'),
    mask,
    windowMask: window === 0 ? mask : masked((length) => length - window),
  };
}

interface Seen {
  /** `[B * NK, S, D]` */
  readonly k: Tensor;
  readonly v: Tensor;
  /** `[B, 1, S]`, 0 or minus infinity. */
  readonly mask: Tensor;
}

/**
 * Attention of one token of each sequence, `q [B, N, D]`. In float32: for bfloat16 libtorch
 * compiles and caches a primitive for each length, 56 MiB for 48 tokens.
 */
function decode(q: Tensor, { k, v, mask }: Seen, scale: number, cap: number): Tensor {
  const [count = 0, heads = 0, size = 0] = q.shape;
  const [groups = 1, length = 0] = k.shape;
  const grouped = ops.reshape(ops.to(q, k.dtype), [groups, (count * heads) / groups, size]);
  const scores = ops.mulScalar(ops.bmm(grouped, ops.transpose(k, 1, 2)), scale);
  const capped = cap > 0 ? ops.mulScalar(ops.tanh(ops.divScalar(scores, cap)), cap) : scores;
  const seen = ops.add(ops.view(capped, [count, heads, length]), mask);
  const shares = ops.view(ops.softmax(seen, -1), capped.shape);
  return ops.to(ops.view(ops.bmm(shares, v), [count, heads, size]), q.dtype);
}
