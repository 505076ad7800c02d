// What products in 8 bits keep and need beside what the same method keeps in bfloat16.
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { type Linear, linearsOf } from './parameters.ts';

interface HaloBytes {
  /** Codes of the weights of a block. */
  readonly codes: number;
  /** What a token leaves on the tape of a block. */
  readonly tapePerToken: number;
  /** While a block runs, forward and backward, for so many tokens. */
  readonly forwardWorking: number;
  readonly backwardWorking: number;
}

const nothing = { codes: 0, tapePerToken: 0, forwardWorking: 0, backwardWorking: 0 };

export function haloBytes(facts: DecoderFacts, method: ResolvedMethod, tokens: number): HaloBytes {
  if (method.precision.type !== 'HALO') return nothing;
  const { backward, exclude = [] } = method.precision.halo;
  const inBits = (name: string) => !exclude.some((one) => one.endsWith(name));
  const groups = groupsOf(facts).map((group) => group.filter(({ name }) => inBits(name)));
  const coded = groups.filter((group) => group.length > 0);
  const trains = method.adapter.type === 'None';
  const inputs = coded.map(([first]) => first?.in ?? 0);
  const weights = coded.flat().map((linear) => linear.out * linear.in);
  const perInput = !trains ? 0 : backward === 'Reuse' ? 1 : 2;
  return {
    codes: sum(weights),
    tapePerToken: perInput * sum(inputs),
    forwardWorking: tokens * Math.max(0, ...inputs),
    // The gradient of the input in float32, before and behind a rotation, and two forms of the errors; or, of the weight.
    backwardWorking: Math.max(
      ...coded.map((group) => {
        const outputs = sum(group.map(({ out }) => out));
        return tokens * (8 * (group[0]?.in ?? 0) + 2 * outputs);
      }),
      trains ? 4 * Math.max(0, ...weights) : 0,
    ),
  };
}

/** Layers of a block that read the same input. */
function groupsOf(facts: DecoderFacts): readonly (readonly Linear[])[] {
  const mlp = (name: string) => name.startsWith('gate') || name.startsWith('up');
  const all = linearsOf(facts);
  const isQkv = ({ name }: Linear) => /^(q|k|v|qkv)_proj$/.test(name);
  return [
    all.filter(isQkv),
    all.filter(({ name }) => name === 'o_proj'),
    all.filter(({ name }) => mlp(name)),
    all.filter(({ name }) => name === 'down_proj'),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
