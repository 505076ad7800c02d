// Reads `preprocessor_config.json` of a vision model: what is done to a picture before the model
// sees it. The four processors do the same steps in the same order and differ in their defaults.
import { z } from 'zod';
import { UserError } from '../../../crds/failures/errors.ts';
import type { Preprocessing, ResizeFilter, Size } from './preprocessing.ts';

/** Name in the folder of a model. */
export const preprocessorFile = 'preprocessor_config.json';

const maxEdge = 4096;
const edgeRule = `must be a whole number from 1 to ${maxEdge}`;
const edge = z.int(edgeRule).min(1, edgeRule).max(maxEdge, edgeRule);
const edges = z.strictObject({ height: edge, width: edge });
const number = z.number().refine(Number.isFinite);
const flag = z.boolean('must be true or false').nullish();
const perChannel = z
  .union(
    [z.tuple([number]), z.tuple([number, number, number])],
    'must be a list of 1 or 3 numbers, one a channel',
  )
  .nullish();

const fields = z.object({
  image_processor_type: z.string('must be a text').nullish(),
  feature_extractor_type: z.string('must be a text').nullish(),
  do_convert_rgb: flag,
  do_resize: flag,
  size: z
    .union(
      [edge, edges, z.strictObject({ shortest_edge: edge })],
      'must be {height, width}, {shortest_edge} or a number',
    )
    .nullish(),
  resample: z.int('must be a number of a filter of Pillow').nullish(),
  default_to_square: flag,
  do_center_crop: flag,
  crop_size: z.union([edge, edges], 'must be {height, width} or a number').nullish(),
  do_rescale: flag,
  rescale_factor: z.number('must be a number').nullish(),
  do_normalize: flag,
  image_mean: perChannel,
  image_std: perChannel,
});
type Fields = z.output<typeof fields>;

/** Of transformers; they change nothing about the pixels. */
const withoutEffect: ReadonlySet<string> = new Set([
  ...['processor_class', '_processor_class', '_valid_processor_keys', 'return_tensors'],
  ...['data_format', 'input_data_format', 'device', 'disable_grouping', 'auto_map'],
]);

interface Defaults {
  readonly isSquare: boolean;
  readonly size: Size | { readonly shortestEdge: number };
  readonly filter: ResizeFilter;
  readonly crop: Size | undefined;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const processorNames = ['ViT', 'DeiT', 'Bit', 'CLIP'] as const;

/** What a family of models says of the pictures that it reads. */
export interface PicturesOfModel {
  readonly channels: 1 | 3;
  /** Of `config.json`: the pictures for which positions were trained. */
  readonly imageSize: Size;
  /** Of transformers, where the files of a model name none. */
  readonly processor: (typeof processorNames)[number];
}

const halves = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const openAi = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};
const square = (side: number): Size => ({ height: side, width: side });

const cropped: Defaults = {
  ...{ isSquare: false, size: { shortestEdge: 224 }, filter: 'Bicubic', crop: square(224) },
  ...openAi,
};

const processors: Readonly<Record<PicturesOfModel['processor'], Defaults>> = {
  ViT: {
    ...{ isSquare: true, size: square(224), filter: 'Bilinear', crop: undefined, ...halves },
  },
  DeiT: {
    ...{ isSquare: true, size: square(256), filter: 'Bicubic', crop: square(224), ...halves },
  },
  /** DINOv2 too. */
  Bit: cropped,
  CLIP: cropped,
};

/** Numbers of Pillow; 0, nearest, is no filter. */
const filters: readonly (ResizeFilter | undefined)[] = [
  ...([undefined, 'Lanczos', 'Bilinear', 'Bicubic', 'Box', 'Hamming'] as const),
];

/**
 * Throws a UserError for an unknown processor, a value out of bounds, a number of channels that is
 * not the model's, or a field that is not known here and that is neither null nor false: it might
 * change pixels.
 */
export function readPreprocessorConfig(
  json: unknown,
  { channels }: Pick<PicturesOfModel, 'channels'>,
  path: string = preprocessorFile,
): Preprocessing {
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  if (!isObject) throw invalid(path, 'it is not an object with fields');
  const parsed = fields.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    throw invalid(
      path,
      `${name} is ${shown(new Map(Object.entries(json)).get(name))}; it ${issue?.message}`,
    );
  }
  requireKnown(json, path);
  const config = parsed.data;
  if (config.do_convert_rgb === true && channels === 1) {
    throw invalid(path, 'do_convert_rgb is true; the model reads pictures of 1 channel');
  }
  const defaults = defaultsOf(config, path);
  return {
    channels,
    resize: config.do_resize === false ? null : resizeOf(config, defaults, path),
    crop: cropOf(config, defaults) ?? null,
    scale: config.do_rescale === false ? null : (config.rescale_factor ?? 1 / 255),
    normalize: normalizeOf(config, defaults, channels, path),
  };
}

/** What transformers does for a family of models whose files have no preprocessor config. */
export function usualPreprocessing(model: PicturesOfModel): Preprocessing {
  const { processor, imageSize } = model;
  const usual = { image_processor_type: `${processor}ImageProcessor` };
  return readPreprocessorConfig({ ...usual, ...sizesOf(processor, imageSize) }, model);
}

/** Positions of all but DINOv2 fit one size of pictures alone. */
function sizesOf(processor: PicturesOfModel['processor'], size: Size): object {
  if (processor === 'Bit') return {};
  if (processor === 'CLIP') return { size: { shortest_edge: size.height }, crop_size: size };
  return { size, do_center_crop: false };
}

function requireKnown(json: object, path: string): void {
  for (const [name, value] of Object.entries(json)) {
    const isIdle = value === null || value === false || withoutEffect.has(name);
    if (isIdle || name in fields.shape) continue;
    throw invalid(
      path,
      `${name} is ${shown(value)}; pictures are converted, resized, cropped, scaled and normalised, and no other field is known`,
      `remove ${name} if the model was trained without it`,
    );
  }
}

function defaultsOf(config: Fields, path: string): Defaults {
  const name = config.image_processor_type ?? config.feature_extractor_type ?? 'missing';
  const stem = name.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, '');
  const known = processorNames.find((each) => each === stem);
  if (known !== undefined && stem !== name) return processors[known];
  const names = processorNames.map((each) => `${each}ImageProcessor`);
  throw invalid(path, `image_processor_type is ${name}; it must be one of ${names.join(', ')}`);
}

function resizeOf(config: Fields, defaults: Defaults, path: string): Preprocessing['resize'] {
  const isSquare = config.default_to_square ?? defaults.isSquare;
  const filter = config.resample == null ? defaults.filter : filters[config.resample];
  if (filter === undefined) {
    throw invalid(
      path,
      `resample is ${config.resample}; filters of Pillow are read: 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming`,
    );
  }
  const stated = config.size;
  if (stated == null) return { to: defaults.size, filter };
  if (typeof stated === 'number') {
    return { to: isSquare ? square(stated) : { shortestEdge: stated }, filter };
  }
  const to = 'shortest_edge' in stated ? { shortestEdge: stated.shortest_edge } : stated;
  return { to, filter };
}

function cropOf(config: Fields, defaults: Defaults): Size | undefined {
  const isCropped = config.do_center_crop ?? defaults.crop !== undefined;
  if (!isCropped) return undefined;
  const stated = config.crop_size;
  return typeof stated === 'number' ? square(stated) : (stated ?? defaults.crop ?? square(224));
}

function normalizeOf(
  config: Fields,
  defaults: Defaults,
  channels: number,
  path: string,
): Preprocessing['normalize'] {
  if (config.do_normalize === false) return null;
  // Those of colours say nothing about grey, unless all are equal.
  const usual = (numbers: readonly number[]) =>
    new Set(numbers).size === 1 ? numbers.slice(0, channels) : numbers;
  const mean = perChannelOf(
    'image_mean',
    config.image_mean ?? usual(defaults.mean),
    channels,
    path,
  );
  const std = perChannelOf('image_std', config.image_std ?? usual(defaults.std), channels, path);
  if (std.some((each) => each <= 0)) {
    throw invalid(path, `image_std is [${std.join(', ')}]; its numbers must be above 0`);
  }
  return { mean, std };
}

function perChannelOf(
  name: 'image_mean' | 'image_std',
  numbers: readonly number[],
  channels: number,
  path: string,
): number[] {
  if (numbers.length === channels) return [...numbers];
  const count = `${channels} ${channels === 1 ? 'number' : 'numbers'}`;
  throw invalid(
    path,
    `${name} is [${numbers.join(', ')}]; it must have ${count}, one for each channel of the pictures that the model reads`,
  );
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 80);
}

function invalid(path: string, message: string, hint?: string): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}`, hint });
}
