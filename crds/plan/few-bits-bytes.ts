// Memory of products in few bits beyond that of the same method in bfloat16.
import { fp4Of, plainBlocks } from '../methods/few-bits.ts';
import { byInput, isNamed, linearsOf } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';

interface FewBitsBytes {
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

const nothing: FewBitsBytes = {
  codes: 0,
  taped: 0,
  tapePerToken: 0,
  forwardWorking: 0,
  backwardWorking: 0,
};

export function fewBitsBytes(
  facts: ModelFacts,
  method: ResolvedMethod,
  tokens: number,
): FewBitsBytes {
  const fp4 = fp4Of(method.precision);
  if (fp4 !== null) {
    const share = 1 - plainBlocks(fp4, facts.L) / facts.L;
    return fp4Bytes(facts, { tokens, share, ...fp4, trains: method.adapter.type === 'None' });
  }
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

/** Bytes of a value in 4 bits with its part of a scale. */
const bytesOf4 = {
  /** e4m3 for 16 values, or for 16 x 16 of a weight. */
  NVFP4: { input: 0.5 + 1 / 16, weight: 0.5 + 1 / 256 },
  MXFP4: { input: 0.5 + 1 / 32, weight: 0.5 + 1 / 32 },
} as const;

interface Fp4Question {
  readonly format: keyof typeof bytesOf4;
  readonly tokens: number;
  /** Of the blocks, those that multiply in 4 bits: what these keep is told as the mean of all. */
  readonly share: number;
  readonly trains: boolean;
}

function fp4Bytes(facts: ModelFacts, { format, tokens, share, trains }: Fp4Question): FewBitsBytes {
  const { input, weight } = bytesOf4[format];
  const groups = byInput(linearsOf(facts));
  const inputs = groups.map(([first]) => first?.in ?? 0);
  const weights = groups.flat().map((linear) => linear.out * linear.in);
  const codes = share * weight * sum(weights);
  return {
    codes,
    taped: codes,
    tapePerToken: trains ? share * input * sum(inputs) : 0,
    // Operands are decoded to bfloat16 for a product.
    forwardWorking: tokens * (2 + input) * Math.max(...inputs) + 2 * Math.max(...weights),
    // Of layers with the same input, all output gradients and weights at once.
    backwardWorking: Math.max(
      ...groups.map((group) => {
        const outputs = sum(group.map(({ out }) => out));
        return (2 + input) * tokens * outputs + 2 * outputs * (group[0]?.in ?? 0);
      }),
    ),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
