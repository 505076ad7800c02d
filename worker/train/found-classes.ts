// What class a model finds of the first held-out records, for people: of texts with their words, of
// pictures by their numbers.
import { setImmediate } from 'node:timers/promises';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { Feed } from '../data/feed.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { createTokenizer } from '../data/tokenizer.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { noSides } from '../engine/network.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import type { World } from '../engine/world.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { WriteSamples } from './parts.ts';

/** More are no help to look at. */
export const mostShown = 3;

interface Shown {
  readonly files: ModelFiles;
  readonly feed: Feed;
  readonly model: Model;
  readonly world: World;
}

/** They are found by the model as it is at the call; collective. */
export async function foundClassesOf(
  { spec }: RunRecord,
  { files, feed, model, world }: Shown,
): Promise<WriteSamples> {
  const { labels = [] } = spec.dataset;
  const nameOf = (label: number | undefined): string => labels[label ?? -1] ?? String(label);
  const isText = spec.model.task === 'SequenceClassification';
  const wordsOf = isText ? await decoderOf(files) : null;
  return async (stopped) => {
    const shown: { prompt: string; text: string }[] = [];
    for (const sequence of feed.evaluationSequences()) {
      if (shown.length >= mostShown) break;
      // A request to stop is received here.
      await setImmediate();
      if (stopped()) return null;
      const found = classesIn(model, sequence).map((label) => world.fromFirst(label));
      for (const [at, { ids, label }] of examplesIn(sequence).entries()) {
        const words = wordsOf?.(ids) ?? `held-out picture ${shown.length + 1}`;
        shown.push({ prompt: `${words} (${nameOf(label)})`, text: nameOf(found[at]) });
      }
    }
    return shown.slice(0, mostShown);
  };
}

/** Words between special tokens; two texts have a bar between them. */
async function decoderOf({ headers }: ModelFiles): Promise<(ids: Int32Array) => string> {
  const definition = await modelTokenizer(headers);
  const tokenizer = createTokenizer(definition);
  const special = new Set(
    definition.json.added_tokens.flatMap(({ id, special: isSpecial }) => (isSpecial ? [id] : [])),
  );
  return (ids) => {
    const texts: number[][] = [[]];
    for (const id of ids) {
      if (special.has(id)) texts.push([]);
      else texts.at(-1)?.push(id);
    }
    const words = texts.filter(({ length }) => length > 0).map((text) => tokenizer.decode(text));
    return words.map((text) => text.trim()).join(' | ');
  };
}

/** The most likely class of each example. */
function classesIn(model: Model, host: HostSequence): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, host);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    const { network, places } = model;
    const [sides = noSides] = walk.sides;
    return withLayer(model, places.outlet, null, () => {
      const states = network.targetStates(model, x as Tensor, sequence, sides);
      return toArray(ops.argmax(network.logits(model, states), -1));
    });
  }, model.device);
}

/** Documents that have a class. */
function examplesIn({ ids, labels, offsets }: HostSequence) {
  return [...offsets.subarray(1)].flatMap((to, document) => {
    const label = labels.subarray(offsets[document], to).find((one) => one >= 0);
    return label === undefined ? [] : [{ ids: ids.subarray(offsets[document], to), label }];
  });
}
