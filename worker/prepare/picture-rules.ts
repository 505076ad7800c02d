// What a model makes of a picture: its preprocessor config, held against its configuration.
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { clipConfig } from '../clip/config.ts';
import { fixedSize, type Preprocessing, type Size } from '../data/images/preprocessing.ts';
import {
  type PicturesOfModel,
  preprocessorFile,
  readPreprocessorConfig,
  usualPreprocessing,
} from '../data/images/preprocessor-config.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import type { ModelConfig } from '../families/family.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { type VisionConfig, visionConfig } from '../vision/config.ts';
import type { VisionName } from '../vision/families.ts';
import { tokensOfPicture } from '../vision/tokens.ts';

interface ReadPictureRules {
  readonly preprocessing: Preprocessing;
  /** Of the pictures that the model reads, and the tokens of one. */
  readonly size: Size;
  readonly tokens: number;
  /** Something that the user should know. */
  readonly warning?: string;
}

/** Of a model in a folder. Throws a UserError where the two files do not fit. */
export async function pictureRulesIn(
  folder: string,
  config: ModelConfig,
): Promise<ReadPictureRules> {
  const path = join(folder, preprocessorFile);
  try {
    return pictureRules(await readJsonFile(path, jsonLimits.modelConfig), config, path);
  } catch (cause) {
    if (!(cause instanceof RefusedBytes)) throw cause;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: RefusedBytes): UserError {
  const message = `${path} ${cause.message}`;
  return new UserError({ code: 'E_INVALID_MODEL', path, message, cause });
}

/** `json`: of the preprocessor config; undefined where the model has none. */
export function pictureRules(json: unknown, of: ModelConfig, path: string): ReadPictureRules {
  if (of.kind === 'diffusion') return rulesOfMaking(json, diffusionConfig(of), path);
  const reader = readerOf(of);
  const model = picturesOf(reader, path);
  const isMissing = json === undefined;
  const preprocessing = isMissing
    ? usualPreprocessing(model)
    : readPreprocessorConfig(json, model, path);
  const size = fixedSize(preprocessing) ?? model.imageSize;
  requireModelSize(size, reader, path);
  const tokens = reader.tokensOf(size);
  if (!isMissing) return { preprocessing, size, tokens };
  const warning = `the model has no ${preprocessorFile}; its pictures become what transformers makes of those of a ${reader.family}: ${size.width} x ${size.height} pixels`;
  return { preprocessing, size, tokens, warning };
}

/** What reads pictures, and compares them with nothing or with texts. */
interface Reader extends Pick<VisionConfig, 'channels' | 'imageSize'> {
  readonly family: string;
  readonly processor: PicturesOfModel['processor'];
  readonly tokensOf: (size: Size) => number;
}

function readerOf(of: ModelConfig): Reader {
  if (of.kind !== 'imageText') return ofVision(visionConfig(of));
  const { vision, family } = clipConfig(of);
  if (vision.kind === 'vision') return ofVision(vision);
  const { channels, imageSize, side } = vision;
  // Of the class, and of the patches.
  return { family, channels, imageSize, processor: 'CLIP', tokensOf: () => 1 + side ** 2 };
}

function ofVision(config: VisionConfig): Reader {
  const { family, channels, imageSize } = config;
  const tokensOf = (size: Size) => tokensOfPicture(config, size);
  return { family, channels, imageSize, processor: processors[family], tokensOf };
}

/** Of a diffusion transformer: values from -1 to 1, as ViT's processor makes them. */
function rulesOfMaking(json: unknown, config: DiffusionConfig, path: string): ReadPictureRules {
  const { channels, side, contextLength: tokens } = config;
  if (channels !== 1 && channels !== 3) throw otherChannels('in_channels', channels, path);
  const imageSize = { height: side, width: side };
  const model: PicturesOfModel = { channels, imageSize, processor: 'ViT' };
  const preprocessing =
    json === undefined ? usualPreprocessing(model) : readPreprocessorConfig(json, model, path);
  const size = fixedSize(preprocessing) ?? imageSize;
  if (size.height === side && size.width === side) return { preprocessing, size, tokens };
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `${path} makes pictures of ${size.width} x ${size.height} pixels, but the model makes ones of ${side} x ${side}, as sample_size in config.json says`,
    hint: 'set size or crop_size to that',
  });
}

function otherChannels(field: string, channels: number, path: string): UserError {
  return new UserError({
    code: 'E_INVALID_MODEL',
    path,
    value: channels,
    message: `config.json has ${field} ${channels}; pictures are read as grey, which is 1, or RGB, which is 3`,
  });
}

const processors = { vit: 'ViT', deit: 'DeiT', dinov2: 'Bit' } as const satisfies Readonly<
  Record<VisionName, PicturesOfModel['processor']>
>;

function picturesOf({ channels, imageSize, processor }: Reader, path: string): PicturesOfModel {
  if (channels === 1 || channels === 3) {
    return { channels, imageSize: { height: imageSize, width: imageSize }, processor };
  }
  throw otherChannels('num_channels', channels, path);
}

/** DINOv2 resizes its positions to those of any picture; the others refuse them in transformers. */
function requireModelSize(size: Size, { family, processor, imageSize }: Reader, path: string) {
  const fits = size.height === imageSize && size.width === imageSize;
  if (fits || processor === processors.dinov2) return;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `${path} makes pictures of ${size.width} x ${size.height} pixels, but this ${family} reads ${imageSize} x ${imageSize}, as image_size in config.json says`,
    hint: 'set size or crop_size to that',
  });
}
