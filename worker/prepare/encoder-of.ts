// The encoder of a data set, of texts, pictures or sounds, from rules that are plain data.
import { Bug } from '../../crds/failures/errors.ts';
import type { Sample } from '../data/sample.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { type ClipRules, clipEncoder } from './encode-clip.ts';
import { type PictureRules, pictureEncoder } from './encode-picture.ts';
import {
  createEncoder,
  type EncodedDocument,
  type Encoder,
  type EncodingRules,
  type Kept,
  type Skipped,
} from './encode-sample.ts';
import { type SoundRules, soundEncoder } from './encode-sound.ts';
import { type TargetRules, targetEncoder } from './encode-target.ts';

export type Rules = EncodingRules | PictureRules | TargetRules | SoundRules | ClipRules;

export function areOfPictures(rules: Rules): rules is PictureRules {
  return 'preprocessing' in rules && 'size' in rules;
}

export function areOfClips(rules: Rules): rules is ClipRules {
  return 'patch' in rules;
}

export function areOfTargets(rules: Rules): rules is TargetRules {
  return 'crop' in rules;
}

export function areOfSounds(rules: Rules): rules is SoundRules {
  return 'mels' in rules;
}

export function encoderOf(rules: Rules): Encoder {
  if (areOfTargets(rules)) {
    const encode = targetEncoder(rules);
    return ofPictures((sample) => (sample.type === 'ImagePair' ? encode(sample) : other()));
  }
  if (areOfClips(rules)) {
    const encode = clipEncoder(rules);
    return ofPictures((sample) => (sample.type === 'Video' ? encode(sample) : other()));
  }
  if (areOfSounds(rules)) {
    const encode = soundEncoder(rules);
    return readable((sample) => (sample.type === 'Audio' ? encode(sample) : other()));
  }
  if (!areOfPictures(rules)) return createEncoder(rules);
  const encode = pictureEncoder(rules);
  return ofPictures((sample) => (sample.type === 'ImageClassification' ? encode(sample) : other()));
}

function other(): never {
  throw new Bug('a record of another kind where pictures or sounds are encoded');
}

function ofPictures(encode: (sample: Sample) => EncodedDocument): Encoder {
  return readable((sample) => ({ documents: [encode(sample)], lost: 0 }));
}

function readable(encode: (sample: Sample) => Kept | Skipped): Encoder {
  return (sample) => {
    try {
      return encode(sample);
    } catch (error) {
      if (error instanceof UnusableRecord) return { skipped: 'Invalid', detail: error.message };
      throw error;
    }
  };
}
