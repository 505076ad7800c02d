/** What is compared: tokens of a step, method, type. */

export interface Case {
  readonly name: string;
  readonly method: 'lora' | 'full';
  readonly dtype: 'float32' | 'bfloat16';
  readonly rows: number;
  readonly length: number;
  readonly clip: number | null;
  /** Ours alone: no tape is kept, each block runs again in the backward. */
  readonly recompute: boolean;
  /** Ours alone: the peer's is always AdamW. */
  readonly optimizer: 'AdamW' | 'AdamW8bit' | 'AdamWBFloat16';
}

const sizes = [
  { rows: 2, length: 256 },
  { rows: 4, length: 512 },
];

/**
 * Full fine-tuning where memory counts more than time: optimizer in the backward, no tape; means of
 * 16 and of 8 bits.
 */
const lean: readonly Case[] = (['float32', 'bfloat16'] as const).flatMap((dtype) => [
  {
    name: `full-lean-${dtype}-2x256`,
    ...{ method: 'full', dtype, rows: 2, length: 256, clip: null, recompute: true },
    optimizer: 'AdamW',
  },
  {
    name: `full-short-${dtype}-2x256`,
    ...{ method: 'full', dtype, rows: 2, length: 256, clip: 1, recompute: false },
    optimizer: 'AdamWBFloat16',
  },
  {
    name: `full-8bit-${dtype}-2x256`,
    ...{ method: 'full', dtype, rows: 2, length: 256, clip: 1, recompute: false },
    optimizer: 'AdamW8bit',
  },
]);

const common: readonly Case[] = (['lora', 'full'] as const).flatMap((method) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    sizes.map(({ rows, length }) => ({
      name: `${method}-${dtype}-${rows}x${length}`,
      ...{ method, dtype, rows, length, clip: 1, recompute: false, optimizer: 'AdamW' },
    })),
  ),
);

export function casesOf(part: string): readonly Case[] {
  return [...common, ...lean].filter(({ name }) => name.includes(part));
}
