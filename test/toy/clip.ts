// Toys of two towers, in memory or as a Hugging Face folder, and pictures with texts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readClipConfig } from '../../worker/clip/config.ts';
import { clipNameInFiles } from '../../worker/clip/names.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence, HostTexts } from '../../worker/engine/packed-sequence.ts';
import { type ClipToy, clipJson } from './clip-json.ts';
import { pictureSequence, toyPictures } from './vision.ts';
import { toySource, toyTensors, writeTensors } from './weights.ts';

export function clipSource(name: ClipToy): ModelSource {
  return toySource(clipJson(name));
}

/** Returns the folder. `hasJoint`: whether the files have projections. */
export async function makeClip(
  folder: string,
  name: ClipToy,
  changes: Parameters<typeof clipJson>[1] = {},
  hasJoint = true,
): Promise<string> {
  const json = clipJson(name, { torch_dtype: 'float32', ...changes });
  const config = readClipConfig(json);
  await writeTensors(folder, toyTensors(json), 'float32', (own) =>
    hasJoint || !/_projection/.test(own) ? clipNameInFiles(own, config) : null,
  );
  await writeFile(join(folder, 'config.json'), printConfig(json));
  return folder;
}

/** With the end that the toys name last, which is also the largest id. */
export const toyTexts: readonly (readonly number[])[] = [
  [38, 5, 6, 39],
  [38, 7, 39],
  [38, 20, 4, 11, 30, 39],
  [38, 9, 39],
];

export function textsOf(texts: readonly (readonly number[])[], of: HostTexts['of']): HostTexts {
  const offsets = [0];
  for (const { length } of texts) offsets.push((offsets.at(-1) ?? 0) + length);
  return { ids: Int32Array.from(texts.flat()), offsets: Int32Array.from(offsets), of };
}

interface Numbered {
  readonly key?: number;
  readonly padding?: number;
}

/** Pictures by their seeds, from 1, each with the text of its number. */
export function pairs(seeds: readonly number[], settings: Numbered = {}): HostSequence {
  const texts = seeds.map((seed) => toyTexts[(seed - 1) % toyTexts.length] ?? []);
  const sequence = pictured(
    seeds.map((seed, i) => ({ seed, label: i })),
    settings,
  );
  return { ...sequence, texts: textsOf(texts, 'Pictures') };
}

/** Pictures with classes, beside the texts of all classes where they are asked for. */
export function ofClasses(
  pictures: readonly { readonly seed: number; readonly label: number }[],
  { brings = true, ...settings }: Numbered & { readonly brings?: boolean } = {},
): HostSequence {
  return {
    ...pictured(pictures, settings),
    texts: textsOf(brings ? toyTexts.slice(0, 3) : [], 'Classes'),
  };
}

function pictured(
  pictures: readonly { readonly seed: number; readonly label: number }[],
  settings: Numbered,
): HostSequence {
  const [{ height, width } = { height: 12, width: 12 }] = toyPictures;
  // CLIP's pictures have a token of the class alone before their patches, as those of DINOv2.
  const tokens = { family: 'dinov2', patch: 4, channels: 3 } as const;
  return pictureSequence(
    tokens,
    pictures.map((one) => ({ height, width, ...one })),
    settings,
  );
}
