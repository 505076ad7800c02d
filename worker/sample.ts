// Text from fixed prompts, so that people see a model change. The prompt runs at once, then one
// token at a time over a cache of keys and values. Not made for speed: training asks for a handful
// of short answers.
import { alone, type World } from './cluster/world.ts';
import { embed } from './engine/embedding.ts';
import { placeAfter } from './engine/forward.ts';
import { finalNormName, headName, type Model, tensorsOf } from './engine/model.ts';
import { withPlace } from './engine/weights.ts';
import { type BlockContext, block } from './nn/block.ts';
import { rmsNorm } from './nn/rms-norm.ts';
import { ropeTable } from './nn/rope.ts';
import * as ops from './tensor/ops.generated.ts';
import { scope } from './tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from './tensor/tensor.ts';

export interface GenerateOptions {
  readonly maxTokens: number;
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** Ids that end the text; they are not returned. */
  readonly stop: ReadonlySet<number>;
  /** A number in [0, 1) for the n-th token, from 0. */
  readonly draw: (n: number) => number;
  /** Asked before each token: somebody wants the run to stop. */
  readonly stopped?: () => boolean;
  /** Ranks compute the same; where their processors round differently, rank 0 chooses the token. */
  readonly world?: World;
}

/** Token ids that follow `prompt`; fewer when it was stopped. */
export function generate(
  model: Model,
  prompt: readonly number[],
  options: GenerateOptions,
): readonly number[] {
  return scope(() => {
    const cache = new KeyValueCache(model, prompt.length + options.maxTokens);
    const made: number[] = [];
    let ids = prompt;
    while (made.length < options.maxTokens && options.stopped?.() !== true) {
      const logits = scope(() => lastLogits(model, ids, cache));
      const next = (options.world ?? alone).fromFirst(choose(logits, options, made.length));
      logits.dispose();
      if (options.stop.has(next)) break;
      made.push(next);
      ids = [next];
    }
    return made;
  });
}

/** Logits `[V]` behind the last of `ids`, which continue what the cache holds. */
function lastLogits(model: Model, ids: readonly number[], cache: KeyValueCache): Tensor {
  const { config, parameters, weights } = model;
  const input = tensor(ids, [ids.length], 'int64');
  const context = cache.extend(ids.length);
  let x = withPlace(weights, 'embedding', 0, () => embed(model, input));
  const tensors = tensorsOf(model, new Map(), null);
  for (let layer = 0; layer < config.L; layer += 1) {
    const next = placeAfter(config, layer);
    x = withPlace(weights, layer, next, () =>
      scope(() => block(config, layer, tensors, x, context)),
    );
  }
  const last = ops.narrow(x, 0, ids.length - 1, 1);
  const z = withPlace(weights, 'head', null, () => {
    const norm = parameters.value(finalNormName);
    const h = rmsNorm(last, { weight: norm, epsilon: config.normEps, offset: config.normOffset });
    return ops.to(ops.linear(h, parameters.value(headName(config)), null), 'float32');
  });
  const cap = config.logitCap;
  const logits = cap === undefined ? z : ops.mulScalar(ops.tanh(ops.divScalar(z, cap)), cap);
  return ops.view(logits, [config.V]);
}

function choose(logits: Tensor, { temperature, draw }: GenerateOptions, n: number): number {
  if (temperature === 0) return scope(() => item(ops.argmax(logits)));
  const shares = scope(() => toArray(ops.softmax(ops.divScalar(logits, temperature), 0)));
  let left = draw(n);
  for (const [id, share] of shares.entries()) {
    left -= share;
    if (left < 0) return id;
  }
  return shares.length - 1;
}

/** Keys and values of all layers for one document; lives in the scope it was made in. */
class KeyValueCache {
  readonly #model: Model;
  readonly #keys: readonly Tensor[];
  readonly #values: readonly Tensor[];
  #length = 0;

  constructor(model: Model, capacity: number) {
    const { L, NK, D } = model.config;
    const make = (): Tensor => ops.empty([capacity, NK, D], { dtype: model.dtype });
    this.#model = model;
    this.#keys = Array.from({ length: L }, make);
    this.#values = Array.from({ length: L }, make);
  }

  /** The surroundings of `count` further tokens. */
  extend(count: number): BlockContext {
    const start = this.#length;
    this.#length += count;
    const { rope, dtype } = this.#model;
    const positions = Int32Array.from({ length: count }, (_, i) => start + i);
    const full = ropeTable(rope.full, positions, dtype);
    const sliding = rope.sliding === null ? full : ropeTable(rope.sliding, positions, dtype);
    return {
      rope: { full, sliding },
      attend: (layer, q, k, v) => this.#attend(layer, start, q, k, v),
    };
  }

  #attend(layer: number, start: number, q: Tensor, k: Tensor, v: Tensor): Tensor {
    const { config } = this.#model;
    const count = q.shape[0] ?? 0;
    const keys = at(this.#keys, layer);
    const values = at(this.#values, layer);
    ops.copy_(ops.narrow(keys, 0, start, count), k);
    ops.copy_(ops.narrow(values, 0, start, count), v);
    const sliding = config.layers[layer]?.attention === 'sliding';
    const window = sliding ? (config.window ?? 0) : 0;
    const { attentionScale, attentionCap = 0 } = config;
    if (start === 0) {
      const offsets = tensor([0, count], [2], 'int32');
      return ops.attention(q, k, v, offsets, attentionScale, window, attentionCap);
    }
    const length = start + count;
    const first = window > 0 ? Math.max(0, length - window) : 0;
    const seen = (all: Tensor): Tensor =>
      ops.transpose(ops.narrow(all, 0, first, length - first), 0, 1);
    return decode(q, seen(keys), seen(values), attentionScale, attentionCap);
  }
}

/** Attention of one token: `q [1, N, D]` over `k, v [K, S, D]`. */
function decode(q: Tensor, k: Tensor, v: Tensor, scale: number, cap: number): Tensor {
  const [, heads = 0, size = 0] = q.shape;
  const groups = k.shape[0] ?? 0;
  const grouped = ops.view(q, [groups, heads / groups, size]);
  const scores = ops.mulScalar(ops.bmm(grouped, ops.transpose(k, 1, 2)), scale);
  const capped = cap > 0 ? ops.mulScalar(ops.tanh(ops.divScalar(scores, cap)), cap) : scores;
  const shares = ops.to(ops.softmax(ops.to(capped, 'float32'), -1), q.dtype);
  return ops.view(ops.bmm(shares, v), [1, heads, size]);
}

function at(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) throw new RangeError(`no cache for layer ${index}`);
  return tensor;
}
