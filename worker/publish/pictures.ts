// Pictures for people beside the report: of the first held-out ones (the first ones where none are
// held out) what a network saw, what it made of it, and what it should be, in one PNG each; or what
// a tracker saw, where the object is, and where it found it; or what is made of noise.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { picturesFolder } from '../../crds/names/result-folders.ts';
import { openFeed } from '../data/feed.ts';
import { pngOf } from '../data/images/write-png.ts';
import { readManifest } from '../data/token-store.ts';
import type { Model } from '../engine/model.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import { replaceFolder } from '../remote/destination.ts';
import { restorationConfig } from '../restoration/config.ts';
import { asPictures, picturesIn } from '../restoration/pictures.ts';
import { type Plane, sideBySide } from '../restoration/side-by-side.ts';
import { scope } from '../tensor/scope.ts';
import { toFloats } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';
import { madePlanes } from './made-pictures.ts';
import { outputsOf } from './reload-check.ts';
import { below, type ResultFile, resultFiles } from './result-files.ts';
import { trackedPlanes } from './tracked-pictures.ts';

/** At most: those of one sequence. */
const mostPictures = 4;

/** Their files, by paths in the destination; none of other models. */
export async function publishPictures(
  facts: Pick<ArtifactFacts, 'run' | 'prepared' | 'files' | 'model' | 'report'>,
  destination: string,
  stop: AbortSignal,
): Promise<readonly ResultFile[]> {
  const strips = await stripsOf(facts, stop);
  if (strips.length === 0) return [];
  const to = join(destination, picturesFolder);
  await replaceFolder(to, async (partial) => {
    await mkdir(partial, { recursive: true });
    for (const [index, planes] of strips.entries()) {
      await writeFile(join(partial, `${index + 1}.png`), pngOf(sideBySide(planes)));
    }
  });
  return below(picturesFolder, await resultFiles(to, stop));
}

type Strip = readonly Plane[];

/** One for each file. */
async function stripsOf(
  facts: Pick<ArtifactFacts, 'run' | 'prepared' | 'files' | 'model' | 'report'>,
  stop: AbortSignal,
): Promise<readonly Strip[]> {
  const { run, prepared, model, report } = facts;
  if (model.config.kind === 'diffusion') {
    return report.training.steps === 0 ? [] : madePlanes(facts, mostPictures);
  }
  const planesOf = await shower(model, prepared.data.train);
  if (planesOf === null) return [];
  using feed = await openFeed(run.spec, prepared.data, stop);
  const [sequence = feed.allSequences(0)[0]] = feed.evaluationSequences();
  if (sequence === undefined) return [];
  return [...picturesOf(sequence)].slice(0, mostPictures).map(planesOf);
}

type Shower = (picture: HostSequence) => Strip;

/** Of a document; null for models that nothing is shown of. `store`: of their data. */
async function shower(model: Model, store: string | undefined): Promise<Shower | null> {
  if (model.config.kind === 'restoration') return (picture) => restored(model, picture);
  if (model.config.kind !== 'tracking' || store === undefined) return null;
  const pictures = (await readManifest(store))?.pictures ?? null;
  if (pictures === null || !('patch' in pictures)) return null;
  return (picture) => trackedPlanes(model, picture, pictures.preprocessing);
}

/** The input of the picture, what the model makes of it, and its target. */
function restored(model: Model, picture: HostSequence): readonly Plane[] {
  return scope(() => {
    const config = restorationConfig(model.config);
    const sequence = toSequence(model, picture);
    const { size, pixels, target } = picturesIn(sequence.inputs);
    const larger = { height: size.height * config.scale, width: size.width * config.scale };
    const made = outputsOf(model, sequence);
    return [
      { ...size, values: toFloats(pixels) },
      { ...larger, values: toFloats(asPictures(config, made, size)) },
      { ...larger, values: toFloats(asPictures(config, target, size)) },
    ];
  }, model.device);
}

/** The pictures of a sequence, each by itself: they pass the model one after the other. */
function* picturesOf({ offsets, values = {}, ...of }: HostSequence): Generator<HostSequence> {
  for (const [index, from] of offsets.subarray(0, -1).entries()) {
    const to = offsets[index + 1] ?? from;
    const own = Object.entries(values).map(([name, { shape, values: all }]) => {
      const each = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, values: all.subarray(index * each, (index + 1) * each) }] as const;
    });
    yield {
      ...of,
      ids: of.ids.subarray(from, to),
      labels: of.labels.subarray(from, to),
      positions: of.positions.subarray(from, to),
      offsets: Int32Array.of(0, to - from),
      targetCount: of.labels.subarray(from, to).filter((label) => label >= 0).length,
      values: Object.fromEntries(own),
    };
  }
}
