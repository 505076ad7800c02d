// Text from fixed prompts, to show how training changes the model. Prefills the prompt, then
// decodes token by token with a key-value cache. Not optimised: a run asks for a few short answers.

import { embed } from '../engine/embedding.ts';
import { finalNormName, headName, type Model, tensorsOf } from '../engine/model.ts';
import { layerAfter, withLayer } from '../engine/weights.ts';
import { alone, type World } from '../engine/world.ts';
import { type BlockContext, block } from '../nn/block.ts';
import { rmsNorm } from '../nn/rms-norm.ts';
import { ropeTable } from '../nn/rope.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../tensor/tensor.ts';

interface TogetherOptions {
  readonly maxTokens: number;
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Ids that end the text; they are not returned. */
  readonly stop: ReadonlySet<number>;
  /** Asked before each token: whether the run was asked to stop. */
  readonly stopped?: () => boolean;
  /**
   * All ranks compute the logits; rank 0 chooses the token, since processors may round differently.
   */
  readonly world?: World;
}

interface Question {
  readonly prompt: readonly number[];
  /** A number in [0, 1) for the n-th token, from 0. */
  readonly draw: (n: number) => number;
}

export type GenerateOptions = TogetherOptions & Pick<Question, 'draw'>;

/** Token ids that follow `prompt`; fewer when `stopped`. */
export function generate(
  model: Model,
  prompt: readonly number[],
  options: GenerateOptions,
): readonly number[] {
  const [made = []] = generateTogether(model, [{ prompt, draw: options.draw }], options);
  return made;
}

/** Answers all questions together, token by token: ranks gather each block once for all of them. */
export function generateTogether(
  model: Model,
  questions: readonly Question[],
  options: TogetherOptions,
): readonly (readonly number[])[] {
  const { maxTokens, stop, stopped, temperature, world = alone } = options;
  return scope(() => {
    const answers = questions.map((question) => new Answer(model, question, maxTokens));
    for (;;) {
      const open = answers.filter((answer) => answer.isOpen);
      if (open.length === 0 || stopped?.() === true) break;
      const logits = scope(() => lastLogits(model, open));
      for (const [i, answer] of open.entries()) {
        const z = at(logits, i);
        answer.add(world.fromFirst(choose(z, temperature, answer)), stop);
        z.dispose();
      }
    }
    return answers.map(({ made }) => made);
  }, model.device);
}

/** An answer so far; its cache belongs to the scope that created it. */
class Answer {
  readonly cache: KeyValueCache;
  readonly made: number[] = [];
  /** Continue what the cache holds. */
  ids: readonly number[];
  readonly draw: Question['draw'];
  readonly #maxTokens: number;
  #isOver = false;

  constructor(model: Model, { prompt, draw }: Question, maxTokens: number) {
    this.cache = new KeyValueCache(model, prompt.length + maxTokens);
    this.ids = prompt;
    this.draw = draw;
    this.#maxTokens = maxTokens;
  }

  get isOpen(): boolean {
    return !this.#isOver && this.made.length < this.#maxTokens;
  }

  add(id: number, stop: ReadonlySet<number>): void {
    this.#isOver = stop.has(id);
    if (this.#isOver) return;
    this.made.push(id);
    this.ids = [id];
  }
}

/** Logits `[V]` after the last token of each answer. */
function lastLogits(model: Model, answers: readonly Answer[]): readonly Tensor[] {
  const { config, parameters } = model;
  const contexts = answers.map(({ cache, ids }) => cache.extend(ids.length));
  let streams = withLayer(model, 'embedding', 0, () =>
    answers.map(({ ids }) => embed(model, tensor(ids, [ids.length], 'int64'))),
  );
  const tensors = tensorsOf(model, new Map(), null);
  for (let layer = 0; layer < config.L; layer += 1) {
    const next = layerAfter(config, layer);
    const run = () =>
      streams.map((x, i) => scope(() => block(config, layer, tensors, x, contextAt(contexts, i))));
    streams = withLayer(model, layer, next, run, true);
  }
  return withLayer(model, 'head', null, () =>
    streams.map((x) => {
      const norm = parameters.value(finalNormName);
      const last = ops.narrow(x, 0, (x.shape[0] ?? 1) - 1, 1);
      const h = rmsNorm(last, { weight: norm, epsilon: config.normEps, offset: config.normOffset });
      const z = ops.to(ops.linear(h, parameters.value(headName(config)), null), 'float32');
      const cap = config.logitCap;
      const logits = cap === undefined ? z : ops.mulScalar(ops.tanh(ops.divScalar(z, cap)), cap);
      return ops.view(logits, [config.V]);
    }),
  );
}

function contextAt(contexts: readonly BlockContext[], index: number): BlockContext {
  const context = contexts[index];
  if (context === undefined) throw new RangeError(`no answer ${index}`);
  return context;
}

function choose(logits: Tensor, temperature: number, { draw, made }: Answer): number {
  if (temperature === 0) return scope(() => item(ops.argmax(logits)));
  const shares = scope(() => toArray(ops.softmax(ops.divScalar(logits, temperature), 0)));
  let left = draw(made.length);
  for (const [id, share] of shares.entries()) {
    left -= share;
    if (left < 0) return id;
  }
  return shares.length - 1;
}

/** Keys and values of all layers for one document; belongs to the scope that created it. */
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

  /** Positions and attention of the next `count` tokens. */
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

/**
 * Attention of one token: `q [1, N, D]` over `k, v [K, S, D]`. In float32: for bfloat16 libtorch
 * compiles and caches a primitive for each length, 56 MiB for 48 tokens.
 */
function decode(q: Tensor, k: Tensor, v: Tensor, scale: number, cap: number): Tensor {
  const [, heads = 0, size = 0] = q.shape;
  const wide = exactType(q.dtype);
  const groups = k.shape[0] ?? 0;
  const grouped = ops.to(ops.view(q, [groups, heads / groups, size]), wide);
  const scores = ops.mulScalar(ops.bmm(grouped, ops.transpose(ops.to(k, wide), 1, 2)), scale);
  const capped = cap > 0 ? ops.mulScalar(ops.tanh(ops.divScalar(scores, cap)), cap) : scores;
  const mixed = ops.bmm(ops.softmax(capped, -1), ops.to(v, wide));
  return ops.to(ops.view(mixed, [1, heads, size]), q.dtype);
}

function at(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) throw new RangeError(`no tensor ${index}`);
  return tensor;
}
