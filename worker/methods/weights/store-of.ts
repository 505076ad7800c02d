// From the base that a job resolved to, to how its frozen matrices are stored.
import type { ResolvedMethod } from '../../../crds/index.ts';
import { storesIntegers } from '../../../crds/plan/quantized-base.ts';
import { dense } from './dense.ts';
import { int4 } from './int4.ts';
import { int8 } from './int8.ts';
import { integer, nearestIntegers } from './integer.ts';
import { mixed } from './mixed.ts';
import { nf4 } from './nf4.ts';
import type { WeightStore } from './weight-store.ts';

export function weightStoreOf({ base }: ResolvedMethod): WeightStore {
  switch (base.type) {
    case 'Dense':
      return dense;
    // For trained weights only; frozen ones stay dense.
    case 'Codebook':
      return { ...dense, name: 'Codebook' };
    // Rounded where they are multiplied: gridOf.
    case 'AdaPT':
      return { ...dense, name: 'AdaPT' };
    case 'FakeQuantized':
      return {
        ...(storesIntegers(base) ? nearestIntegers(base.fakeQuantized) : dense),
        name: 'FakeQuantized',
      };
    case 'NF4':
      return nf4(base.nf4);
    case 'Int8':
      return int8(base.int8);
    case 'Mixed':
      return mixed(base.mixed);
    case 'Integer':
      return integer(base.integer);
    case 'Int4':
      return int4(base.int4);
  }
}
