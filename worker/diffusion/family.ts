// Diffusion transformers as a family of models.
import { type Family, valuesOf } from '../families/family.ts';
import { type DiffusionConfig, readDiffusionConfig } from './config.ts';
import { className } from './config-file.ts';
import { diffusionName, diffusionTensors, namesInFile, outputsOf } from './names.ts';

export const diffusionFamily: Family<DiffusionConfig> = {
  kind: 'diffusion',
  names: ['dit'],
  modelTypes: [className],
  read: readDiffusionConfig,
  tensors: diffusionTensors,
  tied: () => null,
  canonical: diffusionName,
  namesInFiles: namesInFile,
  targets: 'Documents',
  facts(config) {
    const { V, H, L, NH, NK, D, I, contextLength: patches, attentionBias } = config;
    const inlet = diffusionTensors(config).filter(({ place }) => place === 'embedding');
    return {
      ...{ kind: 'diffusion', V, H, L, NH, NK, D, I, patches, attentionBias },
      ...{ inlet: valuesOf(inlet), values: outputsOf(config) * config.patch ** 2 },
    };
  },
};
