// Clips of an object as documents: whenever one is read, two frames are drawn, and of them a
// template around the object and a search picture in which it is somewhere. What is drawn is named
// by the seed and the sequence, so it is the same on any worker and after a resume; held-out clips
// have the same pair each time. A document's targets are the patches that the object touches.
import { usualTracking } from '../../crds/api/tracking.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import { drawsOf, type Stream, streamOf } from '../tensor/streams.ts';
import type { Documents } from './documents.ts';
import { valueWriter } from './images/preprocess.ts';
import type { StoredClips } from './stored-clips.ts';
import type { TokenStore } from './token-store.ts';
import { type Box, patchesOfBox } from './tracked/box.ts';
import type { ClipHead } from './tracked/stored-clip.ts';
import {
  boxIn,
  drawnWindow,
  shown,
  templateFactor,
  type Window,
  windowAround,
} from './tracked/window.ts';

interface Part {
  readonly frame: number;
  readonly window: Window;
  /** Of the object, in parts of the window. */
  readonly box: Box;
}

interface DrawnPair {
  readonly template: Part;
  readonly search: Part;
}

/** The documents of a store of clips as the job reads them. `isHeldOut`: for evaluation. */
export function trackedDocuments(
  { dataset, training: { seed } }: Pick<FineTuneJobSpec, 'dataset' | 'training'>,
  store: TokenStore,
  clips: StoredClips,
  isHeldOut: boolean,
): Documents {
  const { maxGap } = dataset.tracking ?? usualTracking;
  const { about } = clips;
  const [z, s] = [about.template, about.search].map((edge) => edge / about.patch) as [
    ...[number, number],
  ];
  const drawn = (document: number, key: number): DrawnPair => {
    const names = isHeldOut ? ['held out'] : ['sequence', key];
    const stream = streamOf(seed, 'clip', ...names, store.sampleOf(document));
    return drawnPair(clips.headOf(document), maxGap, stream);
  };
  const rowsOf = (document: number, key: number): readonly number[] =>
    patchesOfBox(drawn(document, key).search.box, s).map((patch) => z * z + patch);
  return {
    ...{ digest: store.digest, count: store.count, classOf: undefined },
    ...{ sampleOf: store.sampleOf, lengthOf: store.lengthOf, copyTo: store.copyTo },
    targetRowsOf: rowsOf,
    targetTokensOf: (document, key) => rowsOf(document, key).length,
    valuesOf: (members, key) =>
      valuesOfPairs(
        clips,
        members.map((document) => ({ document, ...drawn(document, key) })),
        z,
      ),
  };
}

/** Two frames of a clip that are no more than `maxGap` apart, and their windows. */
export function drawnPair({ boxes }: ClipHead, maxGap: number, stream: Stream): DrawnPair {
  const draws = drawsOf(streamOf(stream.key, 'frames'));
  const first = draws.below(boxes.length);
  const [from, to] = [Math.max(0, first - maxGap), Math.min(boxes.length - 1, first + maxGap)];
  // One of the others.
  const drawn = from + draws.below(Math.max(1, to - from));
  const second = drawn < first ? drawn : Math.min(boxes.length - 1, drawn + 1);
  const boxAt = (frame: number): Box => boxes[frame] ?? [0, 0, 0, 0];
  const part = (frame: number, window: Window): Part => ({
    ...{ frame, window, box: boxIn(window, boxAt(frame)) },
  });
  return {
    template: part(first, windowAround(boxAt(first), templateFactor)),
    search: part(second, drawnWindow(boxAt(second), streamOf(stream.key, 'window'))),
  };
}

type PairOfClip = DrawnPair & { readonly document: number };

/** `z`: patches along the side of a template. */
function valuesOfPairs(
  clips: StoredClips,
  pairs: readonly PairOfClip[],
  z: number,
): NonNullable<HostSequence['values']> {
  const { about } = clips;
  const write = valueWriter(about.preprocessing);
  const pictures = (which: keyof DrawnPair) => {
    const edge = about[which];
    const values = new Float32Array(pairs.length * 3 * edge * edge);
    for (const [at, pair] of pairs.entries()) {
      const { frame, window } = pair[which];
      write(shown(clips.frameOf(pair.document, frame), window, edge), values, at * 3 * edge * edge);
    }
    return { values, shape: [3, edge, edge] };
  };
  const object = new Float32Array(pairs.length * z * z);
  for (const [at, { template }] of pairs.entries()) {
    for (const patch of patchesOfBox(template.box, z)) object[at * z * z + patch] = 1;
  }
  return {
    ...{ template: pictures('template'), search: pictures('search') },
    object: { values: object, shape: [z * z] },
    box: { values: Float32Array.from(pairs.flatMap(({ search }) => search.box)), shape: [4] },
  };
}
