// What may stand in a place of a network that is searched: convolutions by the names of QuantNAS
// (Shvetsov et al. 2022, its code), each in one of several widths of weights and inputs. Pure.

export interface Kernel {
  /** Edge of the kernel; odd. */
  readonly kernel: number;
  /** Groups of channels that see only themselves. */
  readonly groups: number;
}

/** In order; more than one with half-wave rounding between them. */
const convolutions = {
  simple_1x1: [{ kernel: 1, groups: 1 }],
  simple_3x3: [{ kernel: 3, groups: 1 }],
  simple_5x5: [{ kernel: 5, groups: 1 }],
  simple_3x3_grouped_2: [{ kernel: 3, groups: 2 }],
  growth1_3x3: [
    { kernel: 3, groups: 1 },
    { kernel: 3, groups: 1 },
  ],
} as const satisfies Readonly<Record<string, readonly Kernel[]>>;

export type Operation = keyof typeof convolutions;
export const operationNames = Object.keys(convolutions) as readonly Operation[];

/** Widths whose half-wave steps are known (half-wave.ts). */
export const widths = [2, 3, 4, 8] as const;
export type Width = (typeof widths)[number];

/** What stands in a place. */
export interface Choice {
  readonly operation: Operation;
  readonly bits: Width;
}

export interface SearchSpace {
  readonly operations: readonly Operation[];
  readonly bits: readonly Width[];
}

/** Places of a cell, one behind the other. */
export const placesOfCell = 2;

export function kernelsOf(operation: Operation): readonly Kernel[] {
  return convolutions[operation];
}

/** All that may be chosen, in the order of a place's alphas: operations, and widths of each. */
export function choicesOf({ operations, bits }: SearchSpace): readonly Choice[] {
  return operations.flatMap((operation) => bits.map((width) => ({ operation, bits: width })));
}

/** Products of a pixel of a choice with `H` channels, times bits of a weight and of an input. */
export function bitOperations({ operation, bits }: Choice, H: number): number {
  const products = kernelsOf(operation).map(({ kernel, groups }) => (H * H * kernel ** 2) / groups);
  return bits ** 2 * products.reduce((sum, one) => sum + one, 0);
}

/** The largest integer of a weight; the least is one further from 0. */
export function mostInteger(bits: Width): number {
  return 2 ** (bits - 1) - 1;
}

/** The log of a step with which integers reach three deviations of normal values. */
export function usualLogStep(deviation: number, bits: Width): number {
  return Math.log((3 * deviation) / mostInteger(bits));
}
