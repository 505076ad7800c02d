/** What is compared: tokens of a step, method, type. */

export interface Case {
  readonly name: string;
  readonly method: 'lora' | 'full';
  readonly dtype: 'float32' | 'bfloat16';
  readonly rows: number;
  readonly length: number;
  readonly clip: number | null;
  readonly recompute: boolean;
}

const sizes = [
  { rows: 2, length: 256 },
  { rows: 4, length: 512 },
];

const all: readonly Case[] = (['lora', 'full'] as const).flatMap((method) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    sizes.map(({ rows, length }) => ({
      name: `${method}-${dtype}-${rows}x${length}`,
      ...{ method, dtype, rows, length, clip: 1, recompute: false },
    })),
  ),
);

export function casesOf(part: string): readonly Case[] {
  return all.filter(({ name }) => name.includes(part));
}
