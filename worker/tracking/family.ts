// Trackers of objects as a family of models.
import { type Family, trainsWhole, valuesOf } from '../families/family.ts';
import { visionName, visionNameInFiles } from '../vision/file-names.ts';
import { blocksPath } from '../vision/names.ts';
import { readTrackingConfig, type TrackingConfig, trackingNames } from './config.ts';
import { heads, trackingTensors } from './names.ts';

const outputs = heads.score.outputs + heads.box.outputs;

export const trackingFamily: Family<TrackingConfig> = {
  kind: 'tracking',
  names: trackingNames,
  // Files have the type of the trunk: whether one tracks says the job, or another field.
  modelTypes: [],
  read: readTrackingConfig,
  tensors: trackingTensors,
  tied: () => null,
  canonical(nameInFile, { trunk }) {
    const name = visionName(nameInFile, trunk);
    return name?.startsWith('classifier.') === true ? null : name;
  },
  namesInFiles: (name, { trunk }) => [visionNameInFiles(name, trunk)],
  targets: 'Patches',
  pipelineTag: 'object-detection',
  // Without the field the folder is a trunk, whose classes read it as such.
  inConfig: ({ sizes }) => ({ architectures: ['Dinov2Model'], tracking: sizes }),
  facts(config, made) {
    const { V, H, L, NH, NK, D, I, trunk, contextLength, searchSide } = config;
    const { qkvBias, channels, patch } = trunk;
    const tensors = trackingTensors(config);
    const inlet = tensors.filter(({ place }) => place === 'embedding');
    const whole = tensors.filter((spec) => trainsWhole(spec, made.includes(spec.name)));
    return {
      ...{ kind: 'tracking', V, H, L, NH, NK, D, I, blocks: blocksPath(trunk), qkvBias },
      ...{ layerScale: true, patch: channels * patch * patch, tokens: contextLength },
      ...{ inlet: valuesOf(inlet), searched: searchSide ** 2, outputs, whole: valuesOf(whole) },
    };
  },
};
