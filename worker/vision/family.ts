// Vision transformers with a head for classes as a family of models.
import { type Family, trainsWhole, valuesOf } from '../families/family.ts';
import { readVisionConfig, type VisionConfig } from './config.ts';
import { visionFamilies, visionNames } from './families.ts';
import { visionName, visionNameInFiles } from './file-names.ts';
import { blocksPath, headInputs, visionTensors } from './names.ts';

export const visionFamily: Family<VisionConfig> = {
  kind: 'vision',
  names: visionNames,
  modelTypes: visionNames,
  read: readVisionConfig,
  tensors: visionTensors,
  tied: () => null,
  canonical: visionName,
  namesInFiles: (name, config) => [visionNameInFiles(name, config)],
  targets: 'Documents',
  pipelineTag: 'image-classification',
  classifier({ family }) {
    const { classifier, hasMaskToken } = visionFamilies[family];
    // Classification has no use for it, so files that are written have none.
    return { architectures: [classifier], ...(hasMaskToken && { use_mask_token: false }) };
  },
  facts(config, made) {
    const { family, V, H, L, NH, NK, D, I, labels, qkvBias, channels, patch, contextLength } =
      config;
    const tensors = visionTensors(config);
    const inlet = tensors.filter(({ place }) => place === 'embedding');
    const whole = tensors.filter((spec) => trainsWhole(spec, made.includes(spec.name)));
    const { hasLayerScale } = visionFamilies[family];
    const blocks = blocksPath(config);
    return {
      ...{ kind: 'vision', V, H, L, NH, NK, D, I, blocks, qkvBias, layerScale: hasLayerScale },
      ...{ patch: channels * patch * patch, tokens: contextLength, inlet: valuesOf(inlet) },
      ...{ classes: labels, headInputs: headInputs(config), whole: valuesOf(whole) },
    };
  },
};
