// Several adapters of a server under one name.
import * as z from 'zod';
import { type ComposeMode, defaultSpan, mostParts, mostSpan } from '../names/compose-modes.ts';
import { servedNamePattern } from '../names/served-names.ts';
import { decimal } from '../schema/decimal.ts';
import { rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';

export const mostCompositions = 16;

/** Of a model in requests. */
export const servedName = () =>
  text(
    128,
    new RegExp(`^${servedNamePattern}$`),
    'a name that begins with a letter or digit, of letters, digits, dots, _ and -',
  );

/** Those of the local server, in the spelling of the API. */
const modes = [
  'Merge',
  'Logits',
  'Switch',
  'Dominant',
] as const satisfies readonly Capitalize<ComposeMode>[];

export const composition = rule(
  z.strictObject({
    name: servedName().describe('Name of the composition in requests.'),
    mode: z
      .enum(modes)
      .default('Merge')
      .describe(
        'Merge: the sum of the weighted changes. Logits: the weighted mean of the logits. Switch: one part after the other. Dominant: a mean that one part leads.',
      ),
    parts: z
      .array(
        z.strictObject({
          adapter: servedName().describe('Name of an adapter of this server.'),
          weight: decimal({ min: -1000, max: 1000 })
            .optional()
            .describe('Weight of the part, for Merge and Logits; 1 when absent.'),
        }),
      )
      .min(1)
      .max(mostParts)
      .describe('Adapters that answer together.'),
    span: z
      .int32()
      .min(1)
      .max(mostSpan)
      .optional()
      .describe(
        `Tokens after which the next part leads, for Switch and Dominant; ${defaultSpan} when absent.`,
      ),
  }),
  {
    id: 'server.compose: weights where they are asked for',
    cel: "self.mode in ['Merge', 'Logits'] || self.parts.all(part, !has(part.weight))",
    check: ({ mode, parts }) =>
      mode === 'Merge' || mode === 'Logits' || parts.every(({ weight }) => weight === undefined),
    message: 'has weights, and its mode sets weights by itself',
    hint: 'leave the weights out, or use Merge or Logits',
    path: ['parts'],
  },
  {
    id: 'server.compose: no weight is 0',
    cel: 'self.parts.all(part, !has(part.weight) || double(part.weight) != 0.0)',
    check: ({ parts }) => parts.every(({ weight }) => weight === undefined || Number(weight) !== 0),
    message: 'has a part with the weight 0; leave that part out',
    path: ['parts'],
  },
  {
    id: 'server.compose: a span where parts take turns',
    cel: "!has(self.span) || self.mode in ['Switch', 'Dominant']",
    check: ({ mode, span }) => span === undefined || mode === 'Switch' || mode === 'Dominant',
    message: 'is set, and in its mode no part leads for a span',
    path: ['span'],
  },
);
