// What HALO adds to a plan, against counts by hand.
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { fewBitsBytes } from '../../../crds/plan/few-bits-bytes.ts';
import { smol135 } from '../../builders/facts.ts';

const halo = (parameters: object, preset: 'HALO' | 'LoRA' = 'HALO') =>
  resolveMethod({ preset, precision: { type: 'HALO', halo: parameters } });

test('one byte a weight of a block, and one a value that layers read', (t) => {
  const { H, NH, NK, D, I } = smol135;
  const bytes = fewBitsBytes(smol135, halo({}), 512);
  t.is(bytes.codes, H * (NH + 2 * NK) * D + NH * D * H + 3 * H * I);
  t.is(bytes.tapePerToken, 2 * H + NH * D + I);
});

test('textbook keeps two bytes of a value, and a frozen weight needs none of it', (t) => {
  const { H, NH, D, I } = smol135;
  const textbook = fewBitsBytes(smol135, halo({ backward: 'Textbook' }), 512);
  t.is(textbook.tapePerToken, 2 * (2 * H + NH * D + I));
  t.is(fewBitsBytes(smol135, halo({}, 'LoRA'), 512).tapePerToken, 0);
});

test('layers that are excluded count for nothing, and other methods have none', (t) => {
  const { I, H, NH, D } = smol135;
  const { codes } = fewBitsBytes(smol135, halo({}), 512);
  const less = fewBitsBytes(smol135, halo({ exclude: ['down_proj'] }), 512);
  t.is(less.codes, codes - I * H);
  t.is(less.tapePerToken, 2 * H + NH * D);
  t.is(fewBitsBytes(smol135, resolveMethod({ preset: 'Full' }), 512).codes, 0);
  const longer = fewBitsBytes(smol135, halo({ exclude: ['mlp.down_proj', 'gate_up_proj'] }), 512);
  t.deepEqual(longer, less, 'a longer tail is the same layer, and up_proj is not gate_up_proj');
});
