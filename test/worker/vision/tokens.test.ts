import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readVisionConfig } from '../../../worker/vision/config.ts';
import { tokensOfPicture } from '../../../worker/vision/tokens.ts';

const configOf = (model_type: string, patch_size: number) =>
  readVisionConfig({ model_type, patch_size });

test('whole patches count, and the tokens of the family before them', (t) => {
  const square = { height: 224, width: 224 };
  t.is(tokensOfPicture(configOf('vit', 16), square), 197);
  t.is(tokensOfPicture(configOf('deit', 16), square), 198);
  t.is(tokensOfPicture(configOf('dinov2', 14), square), 257);
  t.is(tokensOfPicture(configOf('dinov2', 14), { height: 30, width: 43 }), 1 + 2 * 3);
});

test('a picture without a whole patch is refused in one sentence', (t) => {
  const error = t.throws(() => tokensOfPicture(configOf('vit', 16), { height: 224, width: 15 }), {
    instanceOf: UserError,
  });
  t.is(error.message, 'pictures are 15 x 224 pixels; they must have at least one patch of 16 x 16');
});
