// Bytes of linear layers that are sums of vectors from codebooks, and the limits of such a scheme.
import { UserError } from '../failures/errors.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';
import { type Linear, linearsOf, parametersOf } from './parameters.ts';

type Scheme = Extract<ResolvedMethod['base'], { type: 'Codebook' }>['codebook'];

interface CodebookBlock {
  readonly codes: number;
  /** Values of codebooks and scales. */
  readonly values: number;
  readonly bytes: number;
}

/** Share of the bytes that codebooks may take. */
const largestShare = 0.25;

/**
 * The codebooks of a block; a scheme that does not fit the layers is refused. Codes take a byte
 * each, codebooks and scales are float32.
 */
export function codebookBlock(facts: ModelFacts, { base }: ResolvedMethod): CodebookBlock {
  if (base.type !== 'Codebook') return { codes: 0, values: 0, bytes: 0 };
  const scheme = base.codebook;
  const linears = linearsOf(facts);
  requireWholeGroups(linears, scheme);
  const codes = codesOf(parametersOf(facts).blockMatrices, scheme);
  const values = linears.reduce((sum, { out }) => sum + vectorsOf(scheme) + out, 0);
  requireSmallCodebooks(linears, scheme);
  return { codes, values, bytes: codes + 4 * values };
}

/** Number of codes of so many values; 0 if they are not stored as codes. */
export function codebookCodes(values: number, { base }: ResolvedMethod): number {
  return base.type === 'Codebook' ? codesOf(values, base.codebook) : 0;
}

function codesOf(values: number, { groupSize, codebooks }: Scheme): number {
  return (values / groupSize) * codebooks;
}

/** Values of the codebooks of one matrix. */
function vectorsOf({ codebooks, bits, groupSize }: Scheme): number {
  return codebooks * 2 ** bits * groupSize;
}

function requireWholeGroups(linears: readonly Linear[], { groupSize }: Scheme): void {
  const uneven = linears.find((linear) => linear.in % groupSize !== 0);
  if (uneven === undefined) return;
  const path = 'spec.method.base.codebook.groupSize';
  const fitting = [32, 16, 8, 4, 2].find((size) => linears.every((each) => each.in % size === 0));
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${groupSize}; it must divide the inputs of each linear layer, and ${uneven.name} of this model has ${uneven.in}`,
    path,
    value: groupSize,
    hint: `${fitting ?? 1} divides all of them`,
  });
}

/** As published: 16 bits per value of a codebook, `bits` per code. */
function requireSmallCodebooks(linears: readonly Linear[], scheme: Scheme): void {
  const { codebooks, bits, groupSize } = scheme;
  const weights = linears.reduce((sum, { out, in: inputs }) => sum + out * inputs, 0);
  const codeBits = (weights * codebooks * bits) / groupSize;
  const vectorBits = 16 * vectorsOf(scheme) * linears.length;
  const share = vectorBits / (codeBits + vectorBits);
  if (share <= largestShare) return;
  const path = 'spec.method.base.codebook.bits';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${bits}; codebooks may take a quarter of the stored bytes, but in this model they would take ${Math.round(100 * share)} %`,
    path,
    value: bits,
    hint: 'use fewer bits, fewer codebooks or a smaller groupSize',
  });
}
