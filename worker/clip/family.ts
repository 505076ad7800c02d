// CLIP and dual encoders, which tell what texts and pictures belong together, as a family.
import { type Family, trainsWhole, valuesOf } from '../families/family.ts';
import { type ClipConfig, clipNames, readClipConfig } from './config.ts';
import { clipName, clipNameInFiles, clipTensors, places, towerPaths } from './names.ts';

export const clipFamily: Family<ClipConfig> = {
  kind: 'imageText',
  names: clipNames,
  modelTypes: clipNames,
  read: readClipConfig,
  tensors: clipTensors,
  tied: () => null,
  canonical: clipName,
  namesInFiles: (name, config) => [clipNameInFiles(name, config)],
  targets: 'Documents',
  // PEFT has no type for it.
  pipelineTag: 'zero-shot-image-classification',
  facts(config, made) {
    const { text, vision, joint, V, H, L, NH, NK, D, I } = config;
    const paths = towerPaths(config);
    const tensors = clipTensors(config);
    const at = (place: string) => valuesOf(tensors.filter((spec) => spec.place === place));
    const whole = tensors.filter((spec) => trainsWhole(spec, made.includes(spec.name)));
    return {
      ...{ kind: 'imageText', V, H, L, NH, NK, D, I, joint },
      text: { ...sizesOf(text), isBert: text.kind === 'encoder', blocks: paths.text },
      vision: { ...sizesOf(vision), isDino: vision.kind === 'vision', blocks: paths.vision },
      patch: vision.channels * vision.patch * vision.patch,
      tokens: vision.side ** 2 + 1,
      inlet: at(places.text) + at(places.pictures),
      head: at(places.head),
      whole: valuesOf(whole),
    };
  },
};

interface Sizes {
  readonly H: number;
  readonly L: number;
  readonly NH: number;
  readonly D: number;
  readonly I: number;
}

function sizesOf({ H, L, NH, D, I }: Sizes): Sizes {
  return { H, L, NH, D, I };
}
