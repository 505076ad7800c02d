// The values of one picture, as a store and a loader make them together.
import type { Image } from '../../worker/data/images/image.ts';
import { shaped, valueWriter } from '../../worker/data/images/preprocess.ts';
import type { Preprocessing } from '../../worker/data/images/preprocessing.ts';

export function preprocess(picture: Image, how: Preprocessing) {
  const { width, height, channels: kept, pixels } = shaped(picture, how);
  const { channels } = how;
  const values = new Float32Array(channels * height * width);
  valueWriter(how)({ width, height, channels: kept, pixels }, values, 0);
  return { channels, height, width, values };
}
