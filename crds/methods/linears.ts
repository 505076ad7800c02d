// The linear layers of a block, by the sizes of a decoder.
import type { DecoderFacts } from '../plan/decoder-facts.ts';

export interface Linear {
  /** Last part of the module path, as in PEFT: `q_proj`. */
  readonly name: string;
  readonly out: number;
  readonly in: number;
}

type Sizes = Pick<DecoderFacts, 'H' | 'NH' | 'NK' | 'D' | 'I' | 'fused'>;

/** The linear layers of one block, in execution order. */
export function linearsOf({ H, NH, NK, D, I, fused }: Sizes): readonly Linear[] {
  const attention = fused
    ? [{ name: 'qkv_proj', out: (NH + 2 * NK) * D, in: H }]
    : [
        { name: 'q_proj', out: NH * D, in: H },
        { name: 'k_proj', out: NK * D, in: H },
        { name: 'v_proj', out: NK * D, in: H },
      ];
  const mlp = fused
    ? [{ name: 'gate_up_proj', out: 2 * I, in: H }]
    : [
        { name: 'gate_proj', out: I, in: H },
        { name: 'up_proj', out: I, in: H },
      ];
  return [
    ...attention,
    { name: 'o_proj', out: H, in: NH * D },
    ...mlp,
    { name: 'down_proj', out: H, in: I },
  ];
}

/** Values of each of them. */
export function linearSizes(sizes: Sizes): readonly number[] {
  return linearsOf(sizes).map((linear) => linear.out * linear.in);
}

/** Values of the largest. */
export function largestLinear(sizes: Sizes): number {
  return Math.max(...linearSizes(sizes));
}

const mlpNames: readonly string[] = ['gate_proj', 'up_proj', 'gate_up_proj', 'down_proj'];

/** Whether the linear layer of this name is one of the MLP. */
export function isOfMlp(name: string): boolean {
  return mlpNames.includes(name);
}

/** Those that a method names, by the last parts of their names; `AllLinear` is all of them. */
export function namedLinears(all: readonly Linear[], targets: readonly string[]) {
  if (targets.includes('AllLinear')) return all;
  const wanted = new Set(targets.map(lastPart));
  return all.filter(({ name }) => wanted.has(name));
}

/**
 * The name of the linear layer for a name in a job, which may be a longer suffix of a module path.
 */
export function lastPart(target: string): string {
  return target.slice(target.lastIndexOf('.') + 1);
}
