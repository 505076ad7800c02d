// What a store says about the pictures of its documents.
import * as z from 'zod';
import { preprocessing } from './images/preprocessing.ts';

export const pictureFiles = {
  pictures: 'pictures-000.bin',
  offsets: 'picture-offsets.bin',
} as const;

const edge = z.int().min(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const picturesRecord = z.strictObject({
  /** Of their values, from how they are stored. */
  preprocessing,
  /** Of each as values. */
  size: z.strictObject({ height: edge, width: edge }),
  /** SHA-256 of their files. */
  contents: z.strictObject({ pictures: sha256, offsets: sha256 }),
});
export type PicturesRecord = z.output<typeof picturesRecord>;
