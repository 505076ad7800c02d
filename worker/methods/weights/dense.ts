// Frozen weights unquantized: in the type of the model, or in the narrower one of their file
// (engine/build-model.ts).
import type { WeightStore } from './weight-store.ts';

export const dense: WeightStore = { name: 'Dense', quantize: null };
