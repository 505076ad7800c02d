// Cases of the rules about what tasks of pictures, sounds and clips read.
export interface Cases {
  readonly accepts: readonly unknown[];
  readonly rejects: readonly unknown[];
}

export const casesOfTasks: Readonly<Record<string, Cases>> = {
  'spec: pictures are restored by a model that does so': {
    accepts: [
      { model: {}, dataset: { format: 'Auto' } },
      { model: { task: 'Restoration' }, dataset: { format: 'Auto' } },
      { model: { task: 'Restoration' }, dataset: { format: 'ImagePair', restoration: {} } },
    ],
    rejects: [
      { model: {}, dataset: { format: 'ImagePair' } },
      { model: { task: 'ImageClassification' }, dataset: { format: 'Auto', restoration: {} } },
      { model: { task: 'Restoration' }, dataset: { format: 'ImageClassification' } },
    ],
  },
  'spec: objects are tracked by a model that does so': {
    accepts: [
      { model: {}, dataset: { format: 'Auto' } },
      { model: { task: 'Tracking' }, dataset: { format: 'Auto' } },
      { model: { task: 'Tracking' }, dataset: { format: 'Video', tracking: {} } },
    ],
    rejects: [
      { model: {}, dataset: { format: 'Video' } },
      { model: { task: 'ImageClassification' }, dataset: { format: 'Auto', tracking: {} } },
      { model: { task: 'Tracking' }, dataset: { format: 'ImageClassification' } },
    ],
  },
  'spec: sounds are heard by a model that does so': {
    accepts: [
      { model: {}, dataset: { format: 'Auto' } },
      { model: { task: 'SpeechToText' }, dataset: { format: 'Auto' } },
      { model: { task: 'SpeechToText' }, dataset: { format: 'Audio', audioSeconds: 6 } },
    ],
    rejects: [
      { model: {}, dataset: { format: 'Audio' } },
      { model: { task: 'ImageClassification' }, dataset: { format: 'Auto', audioSeconds: 6 } },
      { model: { task: 'SpeechToText' }, dataset: { format: 'Text' } },
    ],
  },
  'spec: classes have texts where pictures are compared with them': {
    accepts: [
      { model: {}, dataset: {} },
      { model: { task: 'ContrastiveImageText' }, dataset: {} },
      { model: { task: 'ContrastiveImageText' }, dataset: { template: 'a {}', shots: 4 } },
    ],
    rejects: [
      { model: {}, dataset: { shots: 4 } },
      { model: { task: 'ImageClassification' }, dataset: { template: 'a {}' } },
      { model: { task: 'ImageClassification' }, dataset: { shots: 4 } },
    ],
  },
  'dataset.augmentation changes pictures': {
    accepts: [{ flip: 'Horizontal' }, { cropArea: '0.08' }],
    rejects: [{}],
  },
  'spec: pictures that are trained on are changed': {
    accepts: [
      { model: {}, dataset: {}, training: {} },
      {
        ...{ model: { task: 'ImageClassification' }, training: { maxSteps: 4 } },
        dataset: { augmentation: { flip: 'Horizontal' } },
      },
      {
        ...{ model: { task: 'ContrastiveImageText' }, training: {} },
        dataset: { augmentation: { flip: 'Horizontal' } },
      },
    ],
    rejects: [
      { model: {}, dataset: { augmentation: { flip: 'Horizontal' } }, training: {} },
      {
        ...{ model: { task: 'Denoising' }, training: {} },
        dataset: { augmentation: { flip: 'Horizontal' } },
      },
      {
        ...{ model: { task: 'ImageClassification' }, training: { maxSteps: 0 } },
        dataset: { augmentation: { flip: 'Horizontal' } },
      },
    ],
  },
  'restoration.degradations: an entry has one': {
    accepts: [{ noise: 25 }, { blur: '1.5' }, { jpeg: 40 }, { downUp: 2 }],
    rejects: [{}, { noise: 25, jpeg: 40 }],
  },
};
