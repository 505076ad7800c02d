import test from 'ava';
import { UserError } from '../../../../crds/failures/errors.ts';
import {
  readPreprocessorConfig,
  usualPreprocessing,
} from '../../../../worker/data/images/preprocessor-config.ts';

const rgb = { channels: 3 } as const;

test('Each processor has its own defaults', (t) => {
  const of = (type: string) => readPreprocessorConfig({ image_processor_type: type }, rgb);
  const { normalize, ...vit } = of('ViTImageProcessor');
  t.deepEqual(vit, {
    ...{ channels: 3, crop: null, scale: 1 / 255 },
    resize: { to: { height: 224, width: 224 }, filter: 'Bilinear' },
  });
  t.deepEqual(normalize, { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
  t.deepEqual(of('DeiTImageProcessorFast').crop, { height: 224, width: 224 });
  t.deepEqual(of('CLIPFeatureExtractor').resize, {
    ...{ to: { shortestEdge: 224 }, filter: 'Bicubic' },
  });
  t.deepEqual(of('BitImageProcessor'), of('CLIPImageProcessor'));
});

test('The file of DINOv2 is read', (t) => {
  const config = {
    crop_size: { height: 224, width: 224 },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_processor_type: 'BitImageProcessor',
    image_std: [0.229, 0.224, 0.225],
    resample: 3,
    rescale_factor: 0.00392156862745098,
    size: { shortest_edge: 256 },
  };
  t.deepEqual(readPreprocessorConfig(config, rgb), {
    channels: 3,
    resize: { to: { shortestEdge: 256 }, filter: 'Bicubic' },
    crop: { height: 224, width: 224 },
    scale: 1 / 255,
    normalize: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  });
});

test('A number as size is a square for ViT and the shortest edge for CLIP, as in old files', (t) => {
  const sizeOf = (type: string, more = {}) =>
    readPreprocessorConfig({ feature_extractor_type: type, size: 96, ...more }, rgb).resize?.to;
  t.deepEqual(sizeOf('ViTFeatureExtractor'), { height: 96, width: 96 });
  t.deepEqual(sizeOf('CLIPFeatureExtractor'), { shortestEdge: 96 });
  t.deepEqual(sizeOf('CLIPFeatureExtractor', { default_to_square: true }), {
    ...{ height: 96, width: 96 },
  });
});

test('Steps that are switched off are not done', (t) => {
  const off = { do_resize: false, do_center_crop: false, do_rescale: false, do_normalize: false };
  const read = readPreprocessorConfig({ image_processor_type: 'CLIPImageProcessor', ...off }, rgb);
  t.deepEqual(read, {
    ...{ channels: 3, resize: null, crop: null, scale: null, normalize: null },
  });
});

const clip = { image_processor_type: 'CLIPImageProcessor' };

for (const [config, message] of [
  [[], 'it is not an object with fields'],
  [{}, /image_processor_type is missing; it must be one of ViTImageProcessor, /],
  [{ image_processor_type: 'OwlViTImageProcessor' }, /is OwlViTImageProcessor; it must be one of/],
  [{ image_processor_type: 'CLIP' }, /is CLIP; it must be one of/],
  [{ ...clip, crop_pct: 0.9 }, /crop_pct is 0.9; pictures are converted, .* is known$/],
  [{ ...clip, do_pad: true }, /do_pad is true; /],
  [{ ...clip, resample: 0 }, /resample is 0; filters of Pillow are read: 1 Lanczos, /],
  [{ ...clip, size: { longest_edge: 5 } }, /size is \{"longest_edge":5\}; it must be \{height, /],
  [{ ...clip, size: 5000 }, /size is 5000; it must be a whole number from 1 to 4096$/],
  [{ ...clip, do_resize: 1 }, /do_resize is 1; it must be true or false$/],
  [{ ...clip, image_mean: [1, 2] }, /image_mean is \[1,2\]; it must be a list of 1 or 3 numbers/],
  [{ ...clip, image_std: [0, 1, 1] }, /image_std is \[0, 1, 1\]; its numbers must be above 0$/],
  [
    { ...clip, image_std: [1] },
    /image_std is \[1\]; it must have 3 numbers, one for each channel /,
  ],
] as const) {
  test(`Refused in a sentence: ${JSON.stringify(config)}`, (t) => {
    const error = t.throws(() => readPreprocessorConfig(config, rgb), { instanceOf: UserError });
    t.true(error.message.startsWith('preprocessor_config.json: '));
    if (typeof message === 'string') t.true(error.message.endsWith(message));
    else t.regex(error.message, message);
  });
}

test('What is null or false does nothing, and is not asked about', (t) => {
  const idle = { do_pad: false, pad_size: null, device: 'cpu', _processor_class: 'CLIPProcessor' };
  t.deepEqual(readPreprocessorConfig({ ...clip, ...idle }, rgb), readPreprocessorConfig(clip, rgb));
});

test('A model of grey pictures has one mean, and none that were of colours', (t) => {
  const grey = { channels: 1 } as const;
  const vit = { image_processor_type: 'ViTImageProcessor' };
  t.deepEqual(readPreprocessorConfig(vit, grey).normalize, { mean: [0.5], std: [0.5] });
  const refused = (config: object, message: RegExp) =>
    t.throws(() => readPreprocessorConfig(config, grey), { instanceOf: UserError, message });
  refused(
    { ...vit, image_mean: [1, 2, 3] },
    /image_mean is \[1, 2, 3\]; it must have 1 number, one/,
  );
  refused(clip, /image_mean is \[0.48145466, 0.4578275, 0.40821073\]; it must have 1 number, /);
  refused({ ...vit, do_convert_rgb: true }, /do_convert_rgb is true; .* of 1 channel$/);
});

test('Without a file pictures become what transformers makes of them, in the size of the model', (t) => {
  const imageSize = { height: 32, width: 48 };
  const of = (processor: 'ViT' | 'DeiT' | 'Bit') =>
    usualPreprocessing({ channels: 3, imageSize, processor });
  t.deepEqual(of('ViT').resize, { to: imageSize, filter: 'Bilinear' });
  t.deepEqual([of('DeiT').resize?.to, of('DeiT').crop], [imageSize, null]);
  // DINOv2 reads pictures of any size.
  t.deepEqual(
    of('Bit'),
    readPreprocessorConfig({ image_processor_type: 'BitImageProcessor' }, rgb),
  );
});
