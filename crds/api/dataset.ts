// The training data: sources, format of records, and how they become sequences of tokens.
import * as z from 'zod';
import { invariant } from '../failures/errors.ts';
import { decimal } from '../schema/decimal.ts';
import { mutable } from '../schema/mutability.ts';
import { rule } from '../schema/rule.ts';
import { mapOf, text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';
import { augmentation } from './augmentation.ts';
import { restoration } from './restoration.ts';
import { sourceOf } from './source.ts';
import { tracking } from './tracking.ts';

const selection = {
  split: text(128).optional().describe('Split of a hub data set, such as `train`.'),
  files: z
    .array(text(1024))
    .min(1)
    .max(256)
    .optional()
    .describe('File names or patterns with * inside the source; all readable files when absent.'),
};

export const trainSource = sourceOf('dataset.train', selection);
const evalSource = sourceOf('dataset.eval', selection);
export type DataSource = z.output<typeof trainSource>;

const DatasetFormat = z.enum([
  'Auto',
  'Text',
  'PromptCompletion',
  'Chat',
  'Preference',
  'Tokenized',
  'TextClassification',
  'ImageClassification',
  'ImagePair',
  'Audio',
  'Video',
]);

const heldOut = exactlyOne(
  z.strictObject({
    samples: z.int32().min(1).max(1_000_000).optional().describe('Number of records to set aside.'),
    percent: decimal({ above: 0, max: 50 })
      .optional()
      .describe('Percentage of the records to set aside.'),
  }),
  'dataset.heldOut has one amount',
  ['samples', 'percent'],
);

const fields = z.strictObject({
  train: trainSource
    .optional()
    .describe(
      'Records to train on; absent with training.trajectory, and where Denoising has NoTraining if you like.',
    ),
  eval: evalSource.optional().describe('Records to evaluate on, never trained on.'),
  heldOut: heldOut
    .optional()
    .describe(
      'Records of `train` to set aside for evaluation, chosen deterministically, instead of `eval`.',
    ),
  format: DatasetFormat.default('Auto').describe(
    'Format of a record. Auto detects it from the first records, and fails if two formats match.',
  ),
  labels: z
    .array(text(128))
    .min(2)
    .max(1024)
    .optional()
    .describe('Names of the classes of a classification, in the order of their numbers.'),
  template: text(256, /^[^{}]*[{][}][^{}]*$/, 'a text with one {}, where the name of a class goes')
    .optional()
    .describe('Of ContrastiveImageText: the text of a class; `a photo of a {}` when absent.'),
  shots: z
    .int32()
    .min(1)
    .max(65_536)
    .optional()
    .describe('Of ContrastiveImageText: records of each class that are trained on, drawn by seed.'),
  augmentation: augmentation
    .optional()
    .describe('How pictures with a class are changed each time they are trained on.'),
  maxSamples: z
    .int()
    .min(1)
    .optional()
    .describe('Use only the first records, up to this number, held-out ones included.'),
  chatTemplate: text(262_144)
    .optional()
    .describe("Jinja template that renders a conversation; the model's own when absent."),
  chatTemplateArguments: mapOf(text(64), text(1024), 64)
    .optional()
    .describe('Variables for the template. `true`, `false` and whole numbers are passed as such.'),
  sequenceLength: z
    .int32()
    .min(16)
    .max(1_048_576)
    .optional()
    .describe('Maximum length of a document, in tokens. Pictures have that of their model.'),
  restoration: restoration
    .optional()
    .describe('Of a Restoration: what is trained on of each picture; the defaults when absent.'),
  tracking: tracking
    .optional()
    .describe('Of Tracking: what is read of each clip; the defaults when absent.'),
  audioSeconds: z
    .int32()
    .min(1)
    .max(30)
    .optional()
    .describe(
      'Of SpeechToText: seconds of the longest sound; shorter ones end in silence. What the model hears at once when absent.',
    ),
  packing: z
    .enum(['None', 'Packed'])
    .default('None')
    .describe(
      'None: each document is its own sequence. Packed: documents are concatenated into sequences of tokensPerSequence tokens, and do not attend to each other.',
    ),
  tokensPerSequence: z
    .int32()
    .min(16)
    .max(16_777_216)
    .optional()
    .describe('Tokens of a packed sequence; sequenceLength when absent.'),
  overlength: z
    .enum(['Split', 'Truncate', 'Skip', 'Fail'])
    .optional()
    .describe(
      'What to do with a document of more than sequenceLength tokens. When absent: Split for Text, Skip for other formats. Such documents are counted and reported.',
    ),
  invalidSamplePolicy: mutable(z.enum(['Skip', 'Fail']).default('Skip'), 'Suspended').describe(
    'What to do with an invalid record: skip and count it (more than 1 percent fail the job), or fail the job.',
  ),
  shuffleSeed: z.int().min(0).default(0).describe('Seed of the order of the records.'),
});

export const dataset = rule(
  fields,
  {
    id: 'dataset: tokensPerSequence only when packed',
    cel: "!has(self.tokensPerSequence) || self.packing == 'Packed'",
    check: (self) => self.tokensPerSequence === undefined || self.packing === 'Packed',
    message: 'is set, but packing is None',
    hint: 'set spec.dataset.packing: Packed',
    path: ['tokensPerSequence'],
  },
  {
    id: 'dataset: a packed sequence holds the longest document',
    cel: '!has(self.tokensPerSequence) || !has(self.sequenceLength) || self.tokensPerSequence >= self.sequenceLength',
    check: ({ tokensPerSequence, sequenceLength }) =>
      tokensPerSequence === undefined ||
      sequenceLength === undefined ||
      tokensPerSequence >= sequenceLength,
    message: 'must be at least sequenceLength',
    path: ['tokensPerSequence'],
  },
  {
    id: 'dataset: a text with a class is whole',
    cel: "!has(self.labels) || !has(self.overlength) || self.overlength != 'Split'",
    check: ({ labels, overlength }) => labels === undefined || overlength !== 'Split',
    message: 'is Split, but the class of a text is of all of it',
    hint: 'set spec.dataset.overlength: Truncate, or leave it out to skip such texts',
    path: ['overlength'],
  },
  {
    id: 'dataset: eval or heldOut',
    cel: '!(has(self.eval) && has(self.heldOut))',
    check: (self) => self.eval === undefined || self.heldOut === undefined,
    message: 'is set together with eval; evaluation uses one of the two',
    path: ['heldOut'],
  },
);

export type Dataset = z.output<typeof dataset>;

/** Of a job that trains on records. */
export function recordsOf({ train }: Pick<Dataset, 'train'>): DataSource {
  invariant(train !== undefined, 'a job without records trains along trajectories');
  return train;
}
