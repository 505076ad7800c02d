// What the check of an artefact reads: tokens of the vocabulary, as one text or as eight that are
// classified, or pictures.
import { type ClipConfig, clipConfig } from '../clip/config.ts';
import { familyOf } from '../decoder/registry.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import { withNoise } from '../diffusion/noise.ts';
import { linearSampler } from '../diffusion/sampler-config.ts';
import { noiseLevels } from '../diffusion/schedule.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { ModelConfig } from '../families/family.ts';
import { type RestorationConfig, restorationConfig } from '../restoration/config.ts';
import { type TrackingConfig, trackingConfig } from '../tracking/config.ts';
import { type VisionConfig, visionConfig } from '../vision/config.ts';
import { tokensOfPicture } from '../vision/tokens.ts';
import { type WhisperConfig, whisperConfig } from '../whisper/config.ts';

/** At most. */
export const checkTokens = 64;

/** Token ids of the check: spread over the vocabulary, the same for every model of that size. */
export function checkIds(vocabulary: number): Int32Array {
  return Int32Array.from({ length: checkTokens }, (_, i) => (i * 7919 + 11) % vocabulary);
}

export function checkSequence(config: ModelConfig): HostSequence {
  if (config.kind === 'vision') return checkPictures(visionConfig(config));
  if (config.kind === 'diffusion') return checkNoise(diffusionConfig(config));
  if (config.kind === 'restoration') return checkRestored(restorationConfig(config));
  if (config.kind === 'tracking') return checkTracked(trackingConfig(config));
  if (config.kind === 'speech') return checkHeard(whisperConfig(config));
  if (config.kind === 'imageText') return checkCompared(clipConfig(config));
  const isWhole = familyOf(config).targets === 'Tokens';
  const count = isWhole ? 1 : 8;
  return documents(checkIds(config.V), checkTokens / count, isWhole);
}

/** Most patches along the side of a picture of the check: one of 37 x 37 would take long. */
const mostPatches = 5;

function checkPictures(config: VisionConfig): HostSequence {
  const side = config.patch * Math.min(config.side, mostPatches);
  return pictures(config, side, tokensOfPicture(config, { height: side, width: side }));
}

/** At least one, of `length` tokens each. */
function pictures({ channels }: { readonly channels: number }, side: number, length: number) {
  const count = Math.max(1, Math.floor(checkTokens / length));
  const values = checkValues(count * channels * side * side);
  return {
    ...documents(new Int32Array(count * length), length, false),
    values: { pixels: { values, shape: [channels, side, side] } },
  };
}

/** Pictures beside texts, each of which ends with the token whose state is that of the text. */
function checkCompared({ vision, text }: ClipConfig): HostSequence {
  const longest = text.kind === 'clip' ? text.positions : text.contextLength;
  const length = Math.min(8, longest);
  const ids = checkIds(text.V).subarray(0, Math.floor(checkTokens / length) * length);
  const offsets = Int32Array.from({ length: ids.length / length + 1 }, (_, i) => i * length);
  if (text.kind === 'clip' && text.endId !== null) {
    for (const end of offsets.subarray(1)) ids[end - 1] = text.endId;
  }
  // CLIP reads pictures of one size alone.
  const own =
    vision.kind === 'clip'
      ? pictures(vision, vision.imageSize, 1 + vision.side ** 2)
      : checkPictures(vision);
  return { ...own, texts: { ids, offsets, of: 'Classes' } };
}

/** Pictures with noise, at least one. */
function checkNoise(config: DiffusionConfig): HostSequence {
  const { contextLength: length, channels, side } = config;
  const count = Math.max(1, Math.floor(checkTokens / length));
  const shape = [channels, side, side];
  const pictures = {
    ...documents(new Int32Array(count * length), length, false),
    documents: Array.from({ length: count }, (_, n) => n),
    values: { pixels: { values: checkValues(count * channels * side * side), shape } },
  };
  const levels = noiseLevels(linearSampler.betas);
  const noised = withNoise(pictures, config, levels, { seed: 0, epoch: null });
  // Where inputs have grids, those of the first denoising step.
  const row = { values: new Float32Array(1), shape: [] };
  return { ...noised, values: { ...noised.values, row } };
}

/** From -1 to 1. */
function checkValues(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (2 * ((i * 7919 + 11) % 1009)) / 1008 - 1);
}

/** One picture, whose target is black: nothing is learned of it. */
function checkRestored({ scale, colours }: RestorationConfig): HostSequence {
  const side = Math.sqrt(checkTokens);
  const values = Float32Array.from(
    { length: checkTokens * colours },
    (_, i) => ((i * 7919 + 11) % 256) / 255,
  );
  const target = new Float32Array(values.length * scale ** 2);
  const shapeOf = (edge: number) => [edge, edge, colours];
  return {
    ...documents(new Int32Array(checkTokens), checkTokens, true),
    values: {
      input: { values, shape: shapeOf(side) },
      target: { values: target, shape: shapeOf(side * scale) },
    },
  };
}

/** One document, whose object is in the middle of both pictures. */
function checkTracked(config: TrackingConfig): HostSequence {
  const { contextLength: length, templateSide, searchSide, trunk } = config;
  const pictures = (side: number) => {
    const shape = [trunk.channels, side * trunk.patch, side * trunk.patch];
    return { values: checkValues(shape.reduce((all, size) => all * size, 1)), shape };
  };
  const object = Float32Array.from({ length: templateSide ** 2 }, (_, patch) => patch % 2);
  return {
    ...documents(new Int32Array(length), length, false),
    values: {
      ...{ template: pictures(templateSide), search: pictures(searchSide) },
      object: { values: object, shape: [object.length] },
      box: { values: Float32Array.of(0.25, 0.25, 0.75, 0.75), shape: [4] },
    },
  };
}

/** Frames of a sound of the check, at most: the half minute of a real one would take long. */
const checkFrames = 64;

/** Tokens after one short sound. */
function checkHeard({ V, mels, sourcePositions, contextLength }: WhisperConfig): HostSequence {
  const frames = Math.min(checkFrames, 2 * sourcePositions);
  const length = Math.min(checkTokens, contextLength);
  return {
    ...documents(checkIds(V).subarray(0, length), length, true),
    values: { mel: { values: checkValues(mels * frames), shape: [mels, frames] } },
  };
}

/** Of `length` tokens each, which all have a label or the first ones alone. */
function documents(ids: Int32Array, length: number, isWhole: boolean): HostSequence {
  const labels = ids.map((_, i) => (isWhole || i % length === 0 ? 0 : -100));
  return {
    ...{ ids, labels, positions: ids.map((_, i) => i % length), key: 0 },
    offsets: Int32Array.from({ length: ids.length / length + 1 }, (_, i) => i * length),
    targetCount: labels.filter((label) => label >= 0).length,
  };
}
