// The encoder of a data set, of texts or of pictures, from rules that are plain data.
import { Bug } from '../../crds/failures/errors.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { type PictureRules, pictureEncoder } from './encode-picture.ts';
import { createEncoder, type Encoder, type EncodingRules } from './encode-sample.ts';

export type Rules = EncodingRules | PictureRules;

export function areOfPictures(rules: Rules): rules is PictureRules {
  return 'preprocessing' in rules;
}

export function encoderOf(rules: Rules): Encoder {
  if (!areOfPictures(rules)) return createEncoder(rules);
  const encode = pictureEncoder(rules);
  return (sample) => {
    if (sample.type !== 'ImageClassification') throw new Bug('a text where pictures are encoded');
    try {
      return { documents: [encode(sample)], lost: 0 };
    } catch (error) {
      if (error instanceof UnusableRecord) return { skipped: 'Invalid', detail: error.message };
      throw error;
    }
  };
}
