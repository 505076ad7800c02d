// Toys of trackers, in memory or as the folder of their trunk, and pictures of objects by a rule
// like that of their weights.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { patchesOfBox } from '../../worker/data/tracked/box.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { TrackingSizes } from '../../worker/families/family.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import { readTrackingConfig, type TrackingConfig } from '../../worker/tracking/config.ts';
import { visionNameInFiles } from '../../worker/vision/file-names.ts';
import { pixelsOf, visionJson } from './vision.ts';
import { type Fields, toySource, toyTensors, writeTensors } from './weights.ts';

/** Positions of 3 x 3 patches are resized to 4 x 4, of which the template has the first 2 x 2. */
export const toySizes: TrackingSizes = { template: 8, search: 16 };
/** As many patches as there are positions. */
export const plainSizes: TrackingSizes = { template: 4, search: 12 };

export function trackingJson(changes: Fields = {}): Fields {
  return visionJson('dinov2', { architectures: ['Dinov2Model'], ...changes });
}

export function toyTracker(sizes = toySizes): TrackingConfig {
  return readTrackingConfig(trackingJson(), { tracking: sizes });
}

export function trackingSource(sizes = toySizes, changes: Fields = {}): ModelSource {
  return toySource(trackingJson(changes), { tracking: sizes });
}

/** Where the object is for a seed, in parts of the search picture. */
function boxOf(seed: number): readonly [number, number, number, number] {
  const [left, top] = [0.07 + 0.11 * (seed % 5), 0.13 + 0.09 * (seed % 6)];
  return [left, top, left + 0.21 + 0.05 * (seed % 3), top + 0.29];
}

/** Documents side by side, one for each seed; padding is a document of its own without pictures. */
export function trackedSequence(
  { trunk, templateSide, searchSide, contextLength: length }: TrackingConfig,
  seeds: readonly number[],
  { key = 0, padding = 0 } = {},
): HostSequence {
  const tokens = seeds.length * length + padding;
  const labels = new Int32Array(tokens).fill(-100);
  for (const [document, seed] of seeds.entries()) {
    const first = document * length + templateSide ** 2;
    for (const patch of patchesOfBox(boxOf(seed), searchSide)) labels[first + patch] = 0;
  }
  const offsets = Array.from({ length: seeds.length + 1 }, (_, document) => document * length);
  const all = (of: (seed: number) => Iterable<number>) =>
    Float32Array.from(seeds.flatMap((seed) => [...of(seed)]));
  const pictures = (side: number, other: number) => {
    const edge = side * trunk.patch;
    const picture = (seed: number) => ({ ...{ height: edge, width: edge, label: 0 }, seed });
    const values = all((seed) => pixelsOf(picture(seed + other), trunk.channels));
    return { values, shape: [trunk.channels, edge, edge] };
  };
  const inTemplate = (seed: number) =>
    Array.from({ length: templateSide ** 2 }, (_, patch) => (patch + seed) % 2);
  return {
    ids: new Int32Array(tokens),
    labels,
    positions: Int32Array.from({ length: tokens }, (_, token) => token % length),
    offsets: Int32Array.from(padding > 0 ? [...offsets, tokens] : offsets),
    values: {
      template: pictures(templateSide, 0),
      search: pictures(searchSide, 500),
      object: { values: all(inTemplate), shape: [templateSide ** 2] },
      box: { values: all(boxOf), shape: [4] },
    },
    targetCount: labels.filter((label) => label >= 0).length,
    key,
  };
}

interface TrackerOptions {
  /** The sizes whose heads the file has. @default none: it is a trunk alone */
  readonly tracking?: TrackingSizes;
  readonly dtype?: DType;
  readonly changes?: Fields;
}

/** Returns the folder of a trunk, with heads or without. */
export async function makeTracker(
  folder: string,
  { tracking, dtype = 'float32', changes = {} }: TrackerOptions = {},
): Promise<string> {
  const json = trackingJson({ ...changes, torch_dtype: dtype });
  const tensors = toyTensors(json, { tracking: tracking ?? toySizes });
  const isOfTrunk = (name: string): boolean => name.startsWith('dinov2.');
  await writeTensors(folder, tensors, dtype, (name) =>
    tracking === undefined && !isOfTrunk(name)
      ? null
      : visionNameInFiles(name, { family: 'dinov2' }),
  );
  const preprocessor = {
    image_processor_type: 'BitImageProcessor',
    ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, do_resize: false },
    ...{ do_center_crop: false, image_mean: [0.5, 0.4, 0.3], image_std: [0.25, 0.25, 0.2] },
  };
  await writeFile(join(folder, 'config.json'), printConfig(json));
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  return folder;
}
