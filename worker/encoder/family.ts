// Encoders with a head for classes as a family of models.
import type { Family } from '../families/family.ts';
import { type EncoderConfig, readEncoderConfig } from './config.ts';
import { encoderNames } from './families.ts';
import { encoderName, encoderTensors } from './names.ts';

export const encoderFamily: Family<EncoderConfig> = {
  kind: 'encoder',
  names: encoderNames,
  modelTypes: encoderNames,
  read: readEncoderConfig,
  tensors: encoderTensors,
  tied: () => null,
  canonical: encoderName,
};
