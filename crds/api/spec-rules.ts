// Rules between fields of different files.
import type * as z from 'zod';
import { type Rule, rule } from '../schema/rule.ts';
import type { SpecFields } from './spec.ts';

const hasClasses =
  "(has(self.model.task) && !(self.model.task in ['CausalLM', 'Restoration', 'SpeechToText', 'Tracking']))";

const ofPictures =
  "(has(self.model.task) && self.model.task in ['ImageClassification', 'Denoising', 'Restoration', 'ContrastiveImageText', 'Tracking'])";

const restores = "(has(self.model.task) && self.model.task == 'Restoration')";

const tracks = "(has(self.model.task) && self.model.task == 'Tracking')";

const hears = "(has(self.model.task) && self.model.task == 'SpeechToText')";

const compares = "(has(self.model.task) && self.model.task == 'ContrastiveImageText')";

const isAlongTrajectories = 'has(self.training.trajectory)';

const needsNoRecords =
  "has(self.model.task) && self.model.task == 'Denoising' && has(self.training.maxSteps) && self.training.maxSteps == 0";

const hasNone = `(${isAlongTrajectories} || ${needsNoRecords} && !has(self.dataset.train))`;

/** A model that makes pictures is quantized on those that it makes. */
function hasNoRecords({ model, training, dataset }: SpecFields): boolean {
  if (training.trajectory !== undefined) return true;
  return model.task === 'Denoising' && training.maxSteps === 0 && dataset.train === undefined;
}

const hasPictures = (task: SpecFields['model']['task']): boolean =>
  isOfPictures(task) || task === 'Restoration' || task === 'Tracking';

/** Of records, where each has a class. */
function formatOfTask(task: SpecFields['model']['task']) {
  if (task === 'SequenceClassification') return 'TextClassification';
  return isOfPictures(task) ? 'ImageClassification' : undefined;
}

/** With a class each. */
function isOfPictures(task: SpecFields['model']['task']): boolean {
  return task === 'ImageClassification' || task === 'Denoising' || task === 'ContrastiveImageText';
}

const specRules: readonly Rule<SpecFields>[] = [
  {
    id: 'spec: a job trains on records or along trajectories',
    cel: `has(self.dataset.train) != ${hasNone}`,
    check: (spec) => (spec.dataset.train !== undefined) !== hasNoRecords(spec),
    message:
      'must be set, but not with training.trajectory; Denoising with NoTraining may leave it out',
    path: ['dataset', 'train'],
  },
  {
    id: 'spec: classes are named where a record gets one',
    cel: `has(self.dataset.labels) == (${hasClasses} && !${hasNone})`,
    check: (spec) =>
      (spec.dataset.labels !== undefined) ===
      (formatOfTask(spec.model.task) !== undefined && !hasNoRecords(spec)),
    message:
      'must be set where records have classes, or pictures are learned to be made, and nowhere else',
    path: ['dataset', 'labels'],
  },
  {
    id: 'spec: records with a class are for classification',
    cel: `${hasClasses} ? self.dataset.format in ['Auto', self.model.task == 'SequenceClassification' ? 'TextClassification' : 'ImageClassification'] : !(self.dataset.format in ['TextClassification', 'ImageClassification'])`,
    check: ({ model, dataset: { format } }) => {
      const own = formatOfTask(model.task);
      if (own !== undefined) return format === 'Auto' || format === own;
      return format !== 'TextClassification' && format !== 'ImageClassification';
    },
    message:
      'is for another task: TextClassification is for SequenceClassification, and ImageClassification for tasks of pictures',
    hint: 'leave spec.dataset.format out, or set it with spec.model.task',
    path: ['dataset', 'format'],
  },
  {
    id: 'spec: pictures are restored by a model that does so',
    cel: `${restores} ? self.dataset.format in ['Auto', 'ImagePair'] : (self.dataset.format != 'ImagePair' && !has(self.dataset.restoration))`,
    check: ({ model, dataset: { format, restoration } }) =>
      model.task === 'Restoration'
        ? format === 'Auto' || format === 'ImagePair'
        : format !== 'ImagePair' && restoration === undefined,
    message:
      'is for another task: ImagePair and dataset.restoration are for model.task Restoration, which has no other format',
    hint: 'leave them out, or set spec.model.task: Restoration',
    path: ['dataset', 'format'],
  },
  {
    id: 'spec: sounds are heard by a model that does so',
    cel: `${hears} ? self.dataset.format in ['Auto', 'Audio'] : (self.dataset.format != 'Audio' && !has(self.dataset.audioSeconds))`,
    check: ({ model, dataset: { format, audioSeconds } }) =>
      model.task === 'SpeechToText'
        ? format === 'Auto' || format === 'Audio'
        : format !== 'Audio' && audioSeconds === undefined,
    message:
      'is for another task: Audio and dataset.audioSeconds are for model.task SpeechToText, which has no other format',
    hint: 'leave them out, or set spec.model.task: SpeechToText',
    path: ['dataset', 'format'],
  },
  {
    id: 'spec: classes have texts where pictures are compared with them',
    cel: `${compares} || (!has(self.dataset.template) && !has(self.dataset.shots))`,
    check: ({ model, dataset: { template, shots } }) =>
      model.task === 'ContrastiveImageText' || (template === undefined && shots === undefined),
    message:
      'is for another task: dataset.template and dataset.shots are for model.task ContrastiveImageText',
    hint: 'leave them out, or set spec.model.task: ContrastiveImageText',
    path: ['dataset', 'template'],
  },
  {
    id: 'spec: pictures that are trained on are changed',
    cel: `!has(self.dataset.augmentation) || (has(self.model.task) && self.model.task in ['ImageClassification', 'ContrastiveImageText'] && !(has(self.training.maxSteps) && self.training.maxSteps == 0))`,
    check: ({ model: { task }, dataset, training }) =>
      dataset.augmentation === undefined ||
      ((task === 'ImageClassification' || task === 'ContrastiveImageText') &&
        training.maxSteps !== 0),
    message:
      'is for training with ImageClassification or ContrastiveImageText; elsewhere it does nothing',
    hint: 'leave it out',
    path: ['dataset', 'augmentation'],
  },
  {
    id: 'spec: objects are tracked by a model that does so',
    cel: `${tracks} ? self.dataset.format in ['Auto', 'Video'] : (self.dataset.format != 'Video' && !has(self.dataset.tracking))`,
    check: ({ model, dataset: { format, tracking } }) =>
      model.task === 'Tracking'
        ? format === 'Auto' || format === 'Video'
        : format !== 'Video' && tracking === undefined,
    message:
      'is for another task: Video and dataset.tracking are for model.task Tracking, which has no other format',
    hint: 'leave them out, or set spec.model.task: Tracking',
    path: ['dataset', 'format'],
  },
  {
    id: 'spec: texts have a longest length',
    cel: `has(self.dataset.sequenceLength) || ${ofPictures}`,
    check: ({ model, dataset }) => dataset.sequenceLength !== undefined || hasPictures(model.task),
    message: 'is missing; it must be 16 to 1048576',
    path: ['dataset', 'sequenceLength'],
  },
  {
    id: 'spec: pictures have the length that their model gives them',
    cel: `!has(self.dataset.sequenceLength) || !${ofPictures}`,
    check: ({ model, dataset }) => dataset.sequenceLength === undefined || !hasPictures(model.task),
    message: 'is set, but a picture has as many tokens as the model makes of it',
    hint: 'leave it out',
    path: ['dataset', 'sequenceLength'],
  },
  {
    id: 'spec: a model from scratch learns to make or to restore pictures',
    cel: "!has(self.model.initialization) || (has(self.model.task) && self.model.task in ['Denoising', 'Restoration'])",
    check: ({ model: { initialization, task } }) =>
      initialization === undefined || task === 'Denoising' || task === 'Restoration',
    message: 'is FromScratch, which is for Denoising and Restoration alone',
    path: ['model', 'initialization'],
  },
  {
    id: 'spec: a batch in tokens needs packed sequences',
    cel: "!has(self.training.globalBatchTokens) || self.dataset.packing == 'Packed'",
    check: ({ training, dataset }) =>
      training.globalBatchTokens === undefined || dataset.packing === 'Packed',
    message:
      'counts tokens, which needs packed sequences of equal size: dataset.packing must be Packed',
    hint: 'set spec.dataset.packing: Packed, or count sequences with globalBatchSize',
    path: ['training', 'globalBatchTokens'],
  },
  {
    id: 'spec: a batch in tokens is so many packed sequences',
    cel: '!has(self.training.globalBatchTokens) || (has(self.dataset.tokensPerSequence) ? self.training.globalBatchTokens % self.dataset.tokensPerSequence == 0 : !has(self.dataset.sequenceLength) || self.training.globalBatchTokens % self.dataset.sequenceLength == 0)',
    check: ({ training: { globalBatchTokens = 0 }, dataset }) =>
      globalBatchTokens % (dataset.tokensPerSequence ?? dataset.sequenceLength ?? 1) === 0,
    message:
      'must be a multiple of the size of a packed sequence (dataset.tokensPerSequence, or sequenceLength)',
    path: ['training', 'globalBatchTokens'],
  },
  {
    id: 'spec: stopping early needs held-out data',
    cel: '!has(self.training.evaluation.earlyStopping) || has(self.dataset.eval) || has(self.dataset.heldOut)',
    check: ({ training, dataset }) =>
      training.evaluation.earlyStopping === undefined ||
      dataset.eval !== undefined ||
      dataset.heldOut !== undefined,
    message: 'needs records to evaluate on: dataset.eval or dataset.heldOut must be set',
    path: ['training', 'evaluation', 'earlyStopping'],
  },
  {
    id: 'spec: sizes divide the devices',
    cel: 'self.worker.devicesPerWorker == 0 || (self.worker.replicas * self.worker.devicesPerWorker) % (self.parallelism.tensorSize * self.parallelism.pipelineSize * self.parallelism.contextSize) == 0',
    check: ({ worker, parallelism }) =>
      worker.devicesPerWorker === 0 ||
      (worker.replicas * worker.devicesPerWorker) %
        (parallelism.tensorSize * parallelism.pipelineSize * parallelism.contextSize) ===
        0,
    message: 'tensorSize x pipelineSize x contextSize must divide replicas x devicesPerWorker',
    path: ['parallelism'],
  },
  {
    id: 'spec: a queued live job has no topology',
    cel: "!has(self.scheduling.queueName) || self.worker.elasticity != 'Live' || !has(self.scheduling.topology)",
    check: ({ scheduling, worker }) =>
      scheduling.queueName === undefined ||
      worker.elasticity !== 'Live' ||
      scheduling.topology === undefined,
    message:
      'cannot be combined with queueName and elasticity Live: the queue does not resize such jobs',
    path: ['scheduling', 'topology'],
  },
  {
    id: 'spec: forced replacement needs a durable checkpoint',
    cel: "self.failurePolicy.nodeLostPolicy != 'ForceReplace' || has(self.checkpoint.destination)",
    check: ({ failurePolicy, checkpoint }) =>
      failurePolicy.nodeLostPolicy !== 'ForceReplace' || checkpoint.destination !== undefined,
    message:
      'is ForceReplace, but checkpoint.destination is not set; copies in memory alone may be lost',
    path: ['failurePolicy', 'nodeLostPolicy'],
  },
];

export function withSpecRules<S extends z.ZodType<SpecFields>>(schema: S): S {
  return rule(schema, ...(specRules as readonly Rule<z.output<S>>[]));
}
