// Encoders with a head for classes as a family of models.
import { type Family, trainsWhole, valuesOf } from '../families/family.ts';
import { type EncoderConfig, readEncoderConfig } from './config.ts';
import { encoderFamilies, encoderNames } from './families.ts';
import { blocksPath, encoderName, encoderTensors } from './names.ts';

export const encoderFamily: Family<EncoderConfig> = {
  kind: 'encoder',
  names: encoderNames,
  modelTypes: encoderNames,
  read: readEncoderConfig,
  tensors: encoderTensors,
  tied: () => null,
  canonical: encoderName,
  namesInFiles: (name) => [name],
  targets: 'Documents',
  ...{ taskType: 'SEQ_CLS', pipelineTag: 'text-classification' },
  classifier: ({ family }) => ({ architectures: [encoderFamilies[family].classifier] }),
  facts(config, made) {
    const { V, H, L, NH, NK, D, I, labels } = config;
    const tensors = encoderTensors(config);
    const inlet = tensors.filter(({ place }) => place === 'embedding');
    const whole = tensors.filter((spec) => trainsWhole(spec, made.includes(spec.name)));
    return {
      ...{ kind: 'encoder', V, H, L, NH, NK, D, I, classes: labels },
      ...{ blocks: blocksPath(config), inlet: valuesOf(inlet), whole: valuesOf(whole) },
    };
  },
};
