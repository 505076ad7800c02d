// LoLDU: Low-Rank Adaptation via Lower-Diag-Upper Decomposition. Trains the first values of the
// diagonal of each weight's LDU factors:
//   P^T W = L D U      y = x W^T + x U_R^T diag(z - D_R) (P L_R)^T
//   L: O x R, U: R x I fixed, z: R trained, z = D_R at first
import * as z from 'zod';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { byRank, targetModules } from './adapter-fields.ts';
import { betweenFixed } from './adapter-shapes.ts';

const paper = {
  title:
    'LoLDU: Low-Rank Adaptation via Lower-Diag-Upper Decomposition for Parameter-Efficient Fine-Tuning',
  arxiv: '2410.13618',
} as const;

/** Both factors in one, and each by itself. */
const triangles = { matrices: 3, grams: 0 };

export const loldu = adapterEntry({
  type: 'LoLDU',
  member: 'loldu',
  summary: 'Trains the first values of the diagonal of the LDU factors of each chosen weight.',
  paper,
  use: { goal: 'few trained parameters', words: 'a diagonal between triangular factors' },
  parameters: z.strictObject({
    rank: z
      .int32()
      .min(1)
      .max(8192)
      .default(256)
      .describe(
        'Rank: number of trained values of a layer. A layer with a smaller side takes that instead.',
      ),
    targetModules,
  }),
  words: (own) => byRank('LoLDU', own),
  shape: (own) => betweenFixed(own, triangles, (rank) => ({ trained: rank, kept: rank })),
  trainsRows: false,
});

export const lolduPreset = adapterPreset(
  loldu,
  'Trained diagonals between the fixed triangular factors of each frozen weight, with AdamW: a few hundred values a layer.',
);
