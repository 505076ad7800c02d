// Toys of the vision families, in memory or as a Hugging Face folder, and pictures by a rule like
// that of their weights.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printConfig } from '../../worker/decoder/print-config.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { ReadOptions } from '../../worker/families/family.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import type { VisionConfig } from '../../worker/vision/config.ts';
import type { VisionName } from '../../worker/vision/families.ts';
import { visionNameInFiles } from '../../worker/vision/file-names.ts';
import { tokensOfPicture } from '../../worker/vision/tokens.ts';
import { aSequence } from '../builders/training.ts';
import { type Fields, toySource, toyTensors, writeTensors } from './weights.ts';

const sizes = {
  ...{ hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 4, hidden_act: 'gelu' },
  ...{ image_size: 12, patch_size: 4, num_channels: 3, qkv_bias: true, initializer_range: 0.02 },
  ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  id2label: { 0: 'worse', 1: 'same', 2: 'better' },
  label2id: { worse: 0, same: 1, better: 2 },
} as const;

const own = {
  vit: {
    ...{ model_type: 'vit', architectures: ['ViTForImageClassification'] },
    ...{ intermediate_size: 36, layer_norm_eps: 1e-12 },
  },
  deit: {
    ...{ model_type: 'deit', architectures: ['DeiTForImageClassification'] },
    ...{ intermediate_size: 36, layer_norm_eps: 1e-12 },
  },
  dinov2: {
    ...{ model_type: 'dinov2', architectures: ['Dinov2ForImageClassification'] },
    ...{ mlp_ratio: 2, layer_norm_eps: 1e-6, layerscale_value: 1, drop_path_rate: 0 },
  },
} as const;

/** A `config.json` with three classes, of pictures of 12 x 12 pixels in 3 x 3 patches. */
export function visionJson(name: VisionName, changes: Fields = {}): Fields {
  return { ...sizes, ...own[name], ...changes };
}

export function visionSource(name: VisionName, changes: Fields = {}): ModelSource {
  return toySource(visionJson(name, changes));
}

interface VisionToyOptions extends ReadOptions {
  /** @default 'float32' */
  readonly dtype?: DType;
  /** Fields of `config.json` in place of the toy's own. */
  readonly config?: Fields;
  /** Name of a tensor in the file; null: the file does not have it. @default its own in files */
  readonly inFile?: (name: string) => string | null;
}

/** Returns the folder, whose pictures are only scaled. */
export async function makeVision(
  folder: string,
  name: VisionName,
  { dtype = 'float32', config = {}, inFile, ...options }: VisionToyOptions = {},
): Promise<string> {
  const json = visionJson(name, { ...config, torch_dtype: dtype });
  const nameOf = inFile ?? ((own: string) => visionNameInFiles(own, { family: name }));
  await writeTensors(folder, toyTensors(json, options), dtype, nameOf);
  const size = Number(json['image_size']);
  const preprocessor = {
    image_processor_type: 'ViTImageProcessor',
    ...{ do_resize: true, size: { height: size, width: size }, resample: 2 },
    ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, do_convert_rgb: true },
    ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
  };
  await writeFile(join(folder, 'config.json'), printConfig(json));
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  return folder;
}

export interface Picture {
  readonly height: number;
  readonly width: number;
  /** Each picture of a seed is another. */
  readonly seed: number;
  readonly label: number;
}

/** float32 `[channels, height, width]` from -1 to 1. */
export function pixelsOf({ height, width, seed }: Picture, channels = 3): Float32Array {
  return Float32Array.from({ length: channels * height * width }, (_, j) => {
    const u = ((37 * j * j + 13 * j + 211 * seed + 5) % 991) / 991;
    return 2 * u - 1;
  });
}

/** Pictures of one size side by side; padding is a document of its own without one. */
export function pictureSequence(
  config: Pick<VisionConfig, 'family' | 'patch' | 'channels'>,
  pictures: readonly Picture[],
  { key = 0, padding = 0 } = {},
): HostSequence {
  const [size] = pictures;
  const lengths = pictures.map((picture) => tokensOfPicture(config, picture));
  const padded = padding > 0 ? [...lengths, padding] : lengths;
  const sequence = aSequence(
    padded.map((length) => new Array<number>(length).fill(0)),
    key,
  );
  const labels = sequence.labels.map(() => -100);
  for (const [i, { label }] of pictures.entries()) labels[sequence.offsets[i] ?? 0] = label;
  const whole = { ...sequence, labels, targetCount: pictures.length };
  if (size === undefined) return whole;
  const { channels } = config;
  const values = Float32Array.from(pictures.flatMap((each) => [...pixelsOf(each, channels)]));
  return { ...whole, values: { pixels: { values, shape: [channels, size.height, size.width] } } };
}

/** Three pictures of the size that the toys are made for. */
export const toyPictures: readonly Picture[] = [
  { height: 12, width: 12, seed: 1, label: 2 },
  { height: 12, width: 12, seed: 2, label: 0 },
  { height: 12, width: 12, seed: 3, label: 1 },
];

/** Of another size: positions are resized to 2 x 4 patches, and a row of pixels is left over. */
export const widePictures: readonly Picture[] = toyPictures.map((picture) => ({
  ...picture,
  ...{ height: 9, width: 16 },
}));
