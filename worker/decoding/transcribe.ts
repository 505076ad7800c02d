// What a model writes of sounds, token by token, the most likely one each time: all sounds of a
// sequence together, whose texts are equally long until all have ended. Keys and values of the
// tokens so far are kept, and those of the sounds are made once.
//
// Shapes: N sounds · T tokens of each so far · H hidden size · NH heads · D head size
import { BlockWalk } from '../engine/block-walk.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import { layerAfter, withLayer } from '../engine/weights.ts';
import type { World } from '../engine/world.ts';
import type { Attend } from '../nn/self-attention.ts';
import { lastNorm, vocabularyLogits } from '../nn/vocabulary-head.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { indices, type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import { type Memory, whisperBlock } from '../whisper/block.ts';
import { whisperConfig } from '../whisper/config.ts';
import { whisperHead } from '../whisper/ends.ts';
import { embedded, memoryOf } from '../whisper/inlets.ts';
import { places } from '../whisper/names.ts';

interface Rules {
  /** What each text begins with, and the token that ends it. */
  readonly before: readonly number[];
  readonly end: number;
  /** Tokens of a text at most, with those before it. */
  readonly most: number;
  /** All ranks compute the same sounds; rank 0 chooses, since processors may round differently. */
  readonly world: World;
}

type Pair = readonly [k: Tensor, v: Tensor];

/** Tokens of each sound of `host`, without those before and the end. */
export function transcribe(
  model: Model,
  host: HostSequence,
  { before, end, most, world }: Rules,
): readonly (readonly number[])[] {
  using heard = new HeardSounds(model, host);
  const texts = Array.from({ length: heard.count }, (): number[] => []);
  const ended = new Set<number>();
  let ids: readonly (readonly number[])[] = texts.map(() => before);
  for (let length = before.length; length < most && ended.size < texts.length; length += 1) {
    const chosen = heard.next(ids).map((id) => world.fromFirst(id));
    for (const [n, id] of chosen.entries()) {
      if (id === end) ended.add(n);
      if (!ended.has(n)) texts[n]?.push(id);
    }
    ids = chosen.map((id) => [id]);
  }
  return texts;
}

/** The sounds of a sequence, and what their texts are so far. */
class HeardSounds implements Disposable {
  readonly count: number;
  readonly #model: Model;
  /** Of the states of the encoder, all sounds behind each other. */
  readonly #states: Tensor;
  readonly #sounds: Tensor;
  /** By block: of the sounds `[N S, NH, D]`, and of the tokens `[N, T, NH, D]`. */
  readonly #ofSounds = new Map<number, Pair>();
  readonly #ofTokens = new Map<number, Pair>();
  #length = 0;

  constructor(model: Model, host: HostSequence) {
    this.#model = model;
    this.count = host.offsets.length - 1;
    const config = whisperConfig(model.config);
    const [states, sounds] = scope(() => {
      const sequence = toSequence(model, host);
      using walk = new BlockWalk(model, [sequence], { blocks: config.encoderBlocks });
      const [stream] = walk.finish();
      const value = (name: string) => model.parameters.value(name);
      const first = layerAfter(model.places, places.decoder);
      const found = withLayer(model, places.decoder, first, () =>
        memoryOf(config, stream as Tensor, value),
      );
      return [keep(found), keep(sequence.before[0]?.offsets as Tensor)];
    }, model.device);
    this.#states = states;
    this.#sounds = sounds;
  }

  /** The most likely token behind these, which are as many of each sound. */
  next(ids: readonly (readonly number[])[]): readonly number[] {
    return scope(() => toArray(this.#chosen(ids)), this.#model.device);
  }

  [Symbol.dispose](): void {
    this.#states.dispose();
    this.#sounds.dispose();
    for (const pairs of [this.#ofSounds, this.#ofTokens]) {
      for (const pair of pairs.values()) for (const one of pair) one.dispose();
    }
  }

  #chosen(ids: readonly (readonly number[])[]): Tensor {
    const model = this.#model;
    const config = whisperConfig(model.config);
    const added = ids[0]?.length ?? 0;
    const rows = ids.flatMap((own) => own.map((_, i) => this.#length + i));
    const inputs = { positions: indices(rows) };
    const sequence = { ids: indices(ids.flat()), inputs };
    let x = withLayer(model, places.decoder, config.encoderBlocks, () => embedded(model, sequence));
    const offsets = this.#offsets(added);
    for (let layer = config.encoderBlocks; layer < config.L; layer += 1) {
      x = withLayer(model, layer, layerAfter(model.places, layer), () =>
        scope(() =>
          whisperBlock(config, layer, tensorsOf(model, new Map(), null), x, {
            own: this.#own(layer, added, offsets),
            memory: this.#memory(layer, offsets),
          }),
        ),
      );
    }
    this.#length += added;
    const last = indices(ids.map((own, n) => (n + 1) * own.length - 1));
    const head = whisperHead(model);
    return withLayer(model, model.places.outlet, null, () => {
      const states = lastNorm(head, model, ops.indexSelect(x, 0, last));
      return ops.argmax(vocabularyLogits(head, model, states), -1);
    });
  }

  #offsets(each: number): Tensor {
    const ends = Array.from({ length: this.count + 1 }, (_, n) => n * each);
    return tensor(ends, [ends.length], 'int32');
  }

  /** Attention of new tokens to those before and to themselves. */
  #own(layer: number, added: number, offsets: Tensor): Attend {
    const { NH, D, attentionScale: scale } = whisperConfig(this.#model.config);
    return (q, k, v) => {
      const [own, values] = [k, v].map((one) => ops.view(one, [this.count, added, NH, D])) as [
        Tensor,
        Tensor,
      ];
      const old = this.#ofTokens.get(layer);
      const joined = (one: Tensor, before: Tensor | undefined): Tensor =>
        keep(before === undefined ? ops.clone(one) : ops.cat([before, one], 1));
      const all = [joined(own, old?.[0]), joined(values, old?.[1])] as const;
      for (const one of old ?? []) one.dispose();
      this.#ofTokens.set(layer, all);
      const length = this.#length + added;
      const [keys, read] = all.map((one) => ops.view(one, [this.count * length, NH, D])) as [
        Tensor,
        Tensor,
      ];
      // The first tokens of a text see those before them; one that is added sees all.
      const settings = old === undefined ? {} : { causal: false, cuK: this.#offsets(length) };
      return ops.attention(q, keys, read, offsets, scale, 0, 0, settings);
    };
  }

  #memory(layer: number, offsets: Tensor): Memory {
    const { attentionScale: scale } = whisperConfig(this.#model.config);
    const settings = { causal: false, cuK: this.#sounds };
    return {
      states: this.#states,
      attend: (q, k, v) => ops.attention(q, k, v, offsets, scale, 0, 0, settings),
      made: (make) => this.#once(layer, make),
    };
  }

  #once(layer: number, make: () => Pair): Pair {
    const found = this.#ofSounds.get(layer);
    if (found !== undefined) return found;
    const [k, v] = make();
    const made = [keep(ops.clone(k)), keep(ops.clone(v))] as const;
    this.#ofSounds.set(layer, made);
    return made;
  }
}
