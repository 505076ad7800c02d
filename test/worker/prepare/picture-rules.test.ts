import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readClipConfig } from '../../../worker/clip/config.ts';
import { pictureRules, pictureRulesIn } from '../../../worker/prepare/picture-rules.ts';
import { readVisionConfig } from '../../../worker/vision/config.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { clipJson } from '../../toy/clip-json.ts';

const sizes = {
  ...{ hidden_size: 24, num_hidden_layers: 1, num_attention_heads: 4, intermediate_size: 36 },
  ...{ image_size: 28, patch_size: 7 },
};
const config = (type: string, more: object = {}) =>
  readVisionConfig({ ...sizes, model_type: type, ...more });
const vit = config('vit');
const file = 'preprocessor_config.json';
const square = { height: 28, width: 28 };
const usual = { image_processor_type: 'ViTImageProcessor', size: square };

test('a picture has the tokens of the size that the preprocessor config gives it', (t) => {
  const { size, tokens, warning } = pictureRules(usual, vit, file);
  t.deepEqual([size, tokens, warning], [square, 17, undefined]);
  const dinov2 = { image_processor_type: 'BitImageProcessor', crop_size: 56 };
  t.is(pictureRules(dinov2, config('dinov2'), file).tokens, 65);
  // Where the pictures keep their size, it must be the model's.
  t.deepEqual(pictureRules({ ...usual, do_resize: false }, vit, file).size, square);
});

test('without a preprocessor config the defaults of the family count, and are said', (t) => {
  const { size, tokens, warning } = pictureRules(undefined, config('deit'), file);
  t.deepEqual([size, tokens], [square, 18]);
  t.is(
    warning,
    'the model has no preprocessor_config.json; its pictures become what transformers makes of those of a deit: 28 x 28 pixels',
  );
});

test('a preprocessor config that does not fit the model is refused in a sentence', (t) => {
  const refused = (json: object, of: typeof vit, message: RegExp) =>
    t.throws(() => pictureRules(json, of, file), { instanceOf: UserError, message });
  refused(
    { ...usual, size: 32 },
    vit,
    /makes pictures of 32 x 32 pixels, but this vit reads 28 x 28/,
  );
  refused(
    usual,
    config('vit', { num_channels: 4 }),
    /has num_channels 4; pictures are read as grey/,
  );
  const grey = config('vit', { num_channels: 1 });
  refused(
    { ...usual, image_mean: [1, 1, 1] },
    grey,
    /image_mean is \[1, 1, 1\]; it must have 1 number/,
  );
  const small = { image_processor_type: 'BitImageProcessor', crop_size: 6 };
  refused(small, config('dinov2'), /6 x 6 pixels; they must have at least one patch of 7 x 7/);
});

test('the file lies beside the model; one that is no JSON is refused by its path', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'model');
  await mkdir(path);
  t.not((await pictureRulesIn(path, vit)).warning, undefined);
  await writeFile(join(path, file), JSON.stringify(usual));
  t.is((await pictureRulesIn(path, vit)).warning, undefined);
  await writeFile(join(path, file), '{');
  const error = await t.throwsAsync(pictureRulesIn(path, vit), { instanceOf: UserError });
  t.true(error?.message.startsWith(join(path, file)));
});

test('a tower of pictures reads what its config and its preprocessor config say', (t) => {
  const clip = readClipConfig(clipJson('clip'));
  const { size, tokens, warning } = pictureRules(undefined, clip, file);
  t.deepEqual([size, tokens], [{ height: 12, width: 12 }, 10]);
  t.regex(warning ?? '', /of those of a clip: 12 x 12 pixels$/);
  t.throws(() => pictureRules({ image_processor_type: 'CLIPImageProcessor' }, clip, file), {
    ...{ instanceOf: UserError, message: /of 224 x 224 pixels, but this clip reads 12 x 12/ },
  });
  const dual = readClipConfig(clipJson('dual'));
  const cropped = { image_processor_type: 'BitImageProcessor', crop_size: 16 };
  t.is(pictureRules(cropped, dual, file).tokens, 17);
});
