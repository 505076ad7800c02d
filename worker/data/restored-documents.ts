// Pictures that are to be restored as documents: of each a part is drawn whenever it is read, made
// smaller by the scale of the network, and made worse. What is drawn is named by the seed and the
// sequence, so it is the same on any worker and after a resume; held-out pictures have the same
// part each time.
import type { Restoration } from '../../crds/api/restoration.ts';
import { usualCrop } from '../../crds/api/restoration.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import { drawsOf, type Stream, streamOf } from '../tensor/streams.ts';
import { chosenDegradations, type Degradation, degraded } from './degrade/degrade.ts';
import type { Documents } from './documents.ts';
import type { Image } from './images/image.ts';
import { resize } from './images/resize.ts';
import { cutOut } from './images/stored-target.ts';
import type { TokenStore } from './token-store.ts';

interface Drawing {
  /** Of the input, in pixels. */
  readonly crop: number;
  readonly scale: number;
  readonly degradations: readonly Degradation[];
  readonly order: Restoration['order'];
}

interface Pair {
  readonly input: Image;
  readonly target: Image;
}

/** The documents of a store as the job reads them. `isHeldOut`: for evaluation. */
export function documentsOf(
  { dataset, training: { seed } }: Pick<FineTuneJobSpec, 'dataset' | 'training'>,
  store: TokenStore,
  isHeldOut: boolean,
): Documents {
  const { targets } = store;
  if (targets === undefined) return store;
  const { crop, scale } = targets.about;
  const { degradations = [], order = 'AsListed' } = dataset.restoration ?? {};
  const drawing = { crop, scale, degradations: degradations.map(inNumbers), order };
  const valuesOf = (members: readonly number[], key: number): NonNullable<HostSequence['values']> =>
    valuesOfPairs(
      drawing,
      members.map((document) => {
        const names = isHeldOut ? ['held out'] : ['sequence', key];
        const stream = streamOf(seed, 'picture', ...names, store.sampleOf(document));
        return drawnPair(targets.pictureOf(document), drawing, stream);
      }),
    );
  return {
    ...{ digest: store.digest, count: store.count, classOf: undefined, everyToken: true, valuesOf },
    sampleOf: store.sampleOf,
    lengthOf: store.lengthOf,
    targetTokensOf: store.lengthOf,
    copyTo: store.copyTo,
  };
}

/** Edge of the parts of a job, in pixels of the input. */
export function cropOf({ restoration }: FineTuneJobSpec['dataset']): number {
  return restoration?.crop ?? usualCrop;
}

function inNumbers(given: Restoration['degradations'][number]): Degradation {
  const { noise, blur, jpeg, downUp } = given;
  if (noise !== undefined) return { noise };
  if (blur !== undefined) return { blur: Number(blur) };
  return jpeg === undefined ? { downUp: downUp ?? 2 } : { jpeg };
}

/** A part of the picture, and what the network is to make it of. */
export function drawnPair(picture: Image, drawing: Drawing, stream: Stream): Pair {
  const { crop, scale, degradations, order } = drawing;
  const edge = crop * scale;
  const draws = drawsOf(streamOf(stream.key, 'crop'));
  const left = draws.below(picture.width - edge + 1);
  const target = cutOut(picture, [left, draws.below(picture.height - edge + 1)], edge);
  const chosen =
    order === 'Random'
      ? chosenDegradations(degradations, streamOf(stream.key, 'chosen'))
      : degradations;
  const small = resize(target, crop, crop, 'Bicubic');
  return { target, input: degraded(small, chosen, streamOf(stream.key, 'degraded')) };
}

/** Pixels from 0 to 1, by row and column. */
function valuesOfPairs({ crop, scale }: Drawing, pairs: readonly Pair[]) {
  const values = (which: keyof Pair, edge: number) => {
    const each = 3 * edge * edge;
    const all = new Float32Array(pairs.length * each);
    for (const [at, pair] of pairs.entries()) {
      for (const [i, value] of pair[which].pixels.entries()) all[at * each + i] = value / 255;
    }
    return { values: all, shape: [edge, edge, 3] };
  };
  return { input: values('input', crop), target: values('target', crop * scale) };
}
