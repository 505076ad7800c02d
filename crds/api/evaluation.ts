// The evaluation of each form of the result before it is published, against the trained model.
import * as z from 'zod';
import { mostInstructions } from '../evaluation/instructions.ts';
import { decimal } from '../schema/decimal.ts';
import { rule } from '../schema/rule.ts';

const overrides = z.strictObject({
  maxPerplexityRatio: decimal({ min: 1, max: 2 })
    .optional()
    .describe('Largest perplexity of the file, as a multiple of that of the trained model.'),
  maxDivergence: decimal({ min: 0, max: 10 })
    .optional()
    .describe('Largest mean KL divergence from the trained model, in nats.'),
  minAgreement: decimal({ min: 0.5, max: 1 })
    .optional()
    .describe('Smallest share of tokens for which both models find the same one most likely.'),
});

const settings = rule(
  z.strictObject({
    profile: z
      .enum(['Default', 'Strict', 'Disabled'])
      .default('Default')
      .describe(
        'Default: a file that differs from the trained model by more than its type explains is not published; one in doubt is, with a warning. Strict: one in doubt is not published either. Disabled: nothing is evaluated, and the report says so.',
      ),
    tokens: z
      .int32()
      .min(64)
      .max(16_777_216)
      .default(32_768)
      .describe(
        'Most tokens of held-out records that each file is evaluated on; without such records, tokens that were trained on.',
      ),
    instructions: z
      .int32()
      .min(0)
      .max(mostInstructions)
      .default(0)
      .describe(
        'Instructions that the trained model and each file answer; a file that follows clearly fewer is not published. For models with a chat template.',
      ),
    overrides: overrides
      .optional()
      .describe('Limits in place of those that follow from the bits of the weights.'),
  }),
  {
    id: 'evaluation: limits need an evaluation',
    cel: "self.profile != 'Disabled' || !has(self.overrides)",
    check: (self) => self.profile !== 'Disabled' || self.overrides === undefined,
    message: 'are set, but profile is Disabled: nothing would be compared with them',
    hint: 'set spec.evaluation.profile: Default, or remove the overrides',
    path: ['overrides'],
  },
);

export const evaluation = rule(settings, {
  id: 'evaluation: instructions need an evaluation',
  cel: "self.profile != 'Disabled' || self.instructions == 0",
  check: (self) => self.profile !== 'Disabled' || self.instructions === 0,
  message: 'is set, but profile is Disabled: nothing would be asked',
  hint: 'set spec.evaluation.profile: Default, or remove instructions',
  path: ['instructions'],
});

export type EvaluationSettings = z.output<typeof evaluation>;
