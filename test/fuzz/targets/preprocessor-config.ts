import { type JsonLimit, parseJson, RefusedBytes } from '../../../crds/text/json.ts';
import type { Preprocessing } from '../../../worker/data/images/preprocessing.ts';
import { readPreprocessorConfig } from '../../../worker/data/images/preprocessor-config.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import { preprocess } from '../../builders/preprocess.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const limit: JsonLimit = { bytes: 4096, depth: 32, values: 1000 };
const image = {
  width: 2,
  height: 1,
  channels: 3,
  pixels: Uint8Array.of(1, 2, 3, 4, 5, 6),
} as const;

/** An honest file may ask for 4096 x 4096: such a picture takes memory and time by right. */
const mostEdge = 512;

function largestEdge({ resize, crop }: Preprocessing): number {
  return Math.max(...Object.values(resize?.to ?? {}), ...Object.values(crop ?? {}));
}

export const target: Target = {
  seeds: [
    '{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":6},"crop_size":4}',
    '{"feature_extractor_type":"ViTFeatureExtractor","size":8,"resample":2,"do_rescale":true}',
    '{"image_processor_type":"BitImageProcessor","image_mean":[0,0,0],"image_std":[1,1,1],"size":3}',
  ],
  words: [
    ...nests,
    ...['do_resize', 'do_center_crop', 'do_convert_rgb', 'rescale_factor', 'do_normalize'].map(
      (name) => `"${name}":`,
    ),
    ...['"height":', '"width":', '"__proto__":', 'true', 'false', 'null', '1e400', '-1', '4096'],
  ],
  run(bytes) {
    try {
      const how = readPreprocessorConfig(parseJson(bytes, limit), { channels: 3 });
      if (largestEdge(how) > mostEdge) return;
      const { channels, height, width, values } = preprocess(image, how);
      if (values.length !== channels * height * width) throw new Error('a shape of other values');
    } catch (error) {
      if (!(error instanceof RefusedBytes) && !(error instanceof UnusableRecord)) throw error;
    }
  },
};
