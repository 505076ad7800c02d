// Memory of 8-bit products beyond that of the same method in bfloat16.

import { byInput, isNamed, linearsOf } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';

interface HaloBytes {
  /** Quantized weights of a block. */
  readonly codes: number;
  /** The part of them that the tape of a block keeps for all tokens; 0 if they are kept anyway. */
  readonly taped: number;
  /** What the tape of a block keeps per token. */
  readonly tapePerToken: number;
  /** While a block runs, forward and backward, for so many tokens. */
  readonly forwardWorking: number;
  readonly backwardWorking: number;
}

const nothing = { codes: 0, taped: 0, tapePerToken: 0, forwardWorking: 0, backwardWorking: 0 };

export function haloBytes(facts: ModelFacts, method: ResolvedMethod, tokens: number): HaloBytes {
  if (method.precision.type !== 'HALO') return nothing;
  const { backward, exclude = [] } = method.precision.halo;
  const isExcluded = (path: string) => exclude.some((name) => isNamed(path, name));
  const coded = byInput(linearsOf(facts).filter(({ path }) => !isExcluded(path)));
  const trains = method.adapter.type === 'None';
  const inputs = coded.map(([first]) => first?.in ?? 0);
  const weights = coded.flat().map((linear) => linear.out * linear.in);
  const perInput = !trains ? 0 : backward === 'Reuse' ? 1 : 2;
  const codes = sum(weights);
  return {
    codes,
    taped: backward === 'Reuse' ? codes : 0,
    tapePerToken: perInput * sum(inputs),
    forwardWorking: tokens * Math.max(0, ...inputs),
    // The gradient of the input in float32, before and after a rotation, and two forms of the
    // output gradients; or that of the weight.
    backwardWorking: Math.max(
      ...coded.map((group) => {
        const outputs = sum(group.map(({ out }) => out));
        return tokens * (8 * (group[0]?.in ?? 0) + 2 * outputs);
      }),
      trains ? 4 * Math.max(0, ...weights) : 0,
    ),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
