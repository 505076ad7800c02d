import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { flopsPerToken } from '../../../crds/plan/flops.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { smol135 } from '../../builders/facts.ts';

const linears = smol135.L * parametersOf(smol135).blockMatrices;
const base = { facts: smol135, meanAttended: 0, targetShare: 0 } as const;

test('full fine-tuning costs 6 operations a parameter and token, and 8 with recomputation', (t) => {
  const method = resolveMethod({ preset: 'Full' });
  t.is(flopsPerToken({ ...base, method, recomputedShare: 0 }).total, 6 * linears);
  t.is(flopsPerToken({ ...base, method, recomputedShare: 1 }).total, 8 * linears);
});

test('LoRA spares the gradients of the frozen weights', (t) => {
  const method = resolveMethod({ preset: 'LoRA' });
  const { total, weightGradients } = flopsPerToken({ ...base, method, recomputedShare: 0 });
  t.is(weightGradients, 2 * 4_884_480);
  t.true(total < 4.3 * linears);
});

test('LISA spares the weight gradients of blocks that rest, and what is below the lowest active one', (t) => {
  const at = (lisa: object) => {
    const method = resolveMethod({ preset: 'LISA', selection: { type: 'LISA', lisa } });
    return flopsPerToken({ ...base, method, recomputedShare: 0, targetShare: 1 });
  };
  const open = at({});
  t.is(open.weightGradients, (2 * linears * 2) / 30);
  t.is(open.inputGradients, 2 * linears);
  const closed = at({ trainEmbeddings: false });
  // The lower of two of thirty, drawn alike, is the 31/3rd on average: 20.67 of 30 blocks are
  // passed.
  t.true(Math.abs(closed.inputGradients - (2 * linears * (31 - 31 / 3)) / 30) < 1);
  t.is(closed.head * 6, open.head * 4);
  t.is(at({ activeLayers: 30, trainEmbeddings: false }).inputGradients, 2 * linears);
});

test('attention grows with the tokens that are seen, the head with those that are learned', (t) => {
  const method = resolveMethod({ preset: 'Full' });
  const at = (meanAttended: number, targetShare: number) =>
    flopsPerToken({ facts: smol135, method, recomputedShare: 0, meanAttended, targetShare });
  t.is(at(200, 0).forward - at(100, 0).forward, 4 * 9 * 64 * 100 * 30);
  t.is(at(0, 0.5).head * 2, at(0, 1).head);
});
