import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { codebookBlock } from '../../../crds/plan/codebook-bytes.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';

const methodOf = (codebook: object) =>
  resolveMethod({ preset: 'PVTuning', base: { type: 'Codebook', codebook } } as never);

/** Bits of a weight as it is published: 16 for a value of a codebook or a scale. */
function bitsOf(facts: typeof smol135, codebook: object): number {
  const { codes, values } = codebookBlock(facts, methodOf(codebook));
  const { bits } = { bits: 8, ...codebook };
  return (codes * bits + 16 * values) / parametersOf(facts).blockMatrices;
}

test('bits of a weight are those that the specification counts for SmolLM2', (t) => {
  t.is(bitsOf(smol135, {}).toFixed(2), '2.15');
  t.is(bitsOf(smol135, { codebooks: 1 }).toFixed(2), '1.09');
  t.is(bitsOf(llama8b, {}).toFixed(2), '2.01');
});

test('another base has none', (t) => {
  t.is(codebookBlock(smol135, resolveMethod({ preset: 'QLoRA' })).bytes, 0);
});

test('a group that does not divide a layer is refused, with the largest that does', (t) => {
  const error = t.throws(() => codebookBlock(smol135, methodOf({ groupSize: 7 })), {
    instanceOf: UserError,
  });
  t.is(
    error?.message,
    'spec.method.base.codebook.groupSize is 7; it must divide the inputs of each linear layer, and q_proj of this model has 576',
  );
  t.is(error?.hint, '32 divides all of them');
});

test('codebooks that are most of what is stored are refused', (t) => {
  const tiny = { ...smol135, H: 64, I: 128, NH: 2, NK: 1, D: 32 };
  const error = t.throws(() => codebookBlock(tiny, methodOf({})), { instanceOf: UserError });
  t.regex(
    error?.message ?? '',
    /^spec\.method\.base\.codebook\.bits is 8; codebooks may take a quarter .* they would take \d\d %$/,
  );
  t.notThrows(() => codebookBlock(tiny, methodOf({ codebooks: 1, bits: 2, groupSize: 2 })));
});
