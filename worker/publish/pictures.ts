// Pictures that a network restored, beside the report: of the first held-out ones (the first ones
// where none are held out) what it saw, what it made of it, and what it should be, in one PNG each.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { picturesFolder } from '../../crds/names/result-folders.ts';
import { openFeed } from '../data/feed.ts';
import { pngOf } from '../data/images/write-png.ts';
import type { Model } from '../engine/model.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import { replaceFolder } from '../remote/destination.ts';
import { restorationConfig } from '../restoration/config.ts';
import { asPictures, picturesIn } from '../restoration/pictures.ts';
import { type Plane, sideBySide } from '../restoration/side-by-side.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toFloats } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';
import { outputsOf } from './reload-check.ts';
import { below, type ResultFile, resultFiles } from './result-files.ts';

/** At most: those of one sequence. */
const mostPictures = 4;

/** Their files, by paths in the destination; none of a model that restores no pictures. */
export async function publishPictures(
  { run, prepared, model }: Pick<ArtifactFacts, 'run' | 'prepared' | 'model'>,
  destination: string,
  stop: AbortSignal,
): Promise<readonly ResultFile[]> {
  if (model.config.kind !== 'restoration') return [];
  using feed = await openFeed(run.spec, prepared.data, stop);
  const [sequence = feed.allSequences(0)[0]] = feed.evaluationSequences();
  if (sequence === undefined) return [];
  const pictures = restoredOf(model, sequence).slice(0, mostPictures);
  const to = join(destination, picturesFolder);
  await replaceFolder(to, async (partial) => {
    await mkdir(partial, { recursive: true });
    for (const [index, planes] of pictures.entries()) {
      await writeFile(join(partial, `${index + 1}.png`), pngOf(sideBySide(planes)));
    }
  });
  return below(picturesFolder, await resultFiles(to, stop));
}

/** Of each picture of the sequence: its input, what the model makes of it, and its target. */
function restoredOf(model: Model, host: HostSequence): readonly (readonly Plane[])[] {
  return scope(() => {
    const config = restorationConfig(model.config);
    const sequence = toSequence(model, host);
    const { size, pixels, target } = picturesIn(sequence.inputs);
    const larger = { height: size.height * config.scale, width: size.width * config.scale };
    const planes = [
      planesOf(pixels, size),
      planesOf(asPictures(config, outputsOf(model, sequence), size), larger),
      planesOf(asPictures(config, target, size), larger),
    ];
    return (planes[0] ?? []).map((_, picture) => planes.flatMap((all) => all[picture] ?? []));
  }, model.device);
}

/** `[pictures, height, width, 3]`, or the same values row by row. */
function planesOf(values: Tensor, { height, width }: Omit<Plane, 'values'>): readonly Plane[] {
  const all = toFloats(values);
  const each = 3 * height * width;
  return Array.from({ length: all.length / each }, (_, picture) => ({
    ...{ height, width, values: all.subarray(picture * each, (picture + 1) * each) },
  }));
}
