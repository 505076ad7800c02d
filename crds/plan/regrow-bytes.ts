// What is made while places of weights are chosen again by sums of rows and columns.
import { adapterShape } from '../methods/adapter-traits.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { growsByMomenta, largestProducts } from '../methods/spiel.ts';
import { memoryConstants } from './memory-constants.ts';
import type { ModelFacts } from './model-facts.ts';
import { adaptedLinears } from './parameters.ts';

/** Of the largest weight, after a step that replaces all values: most places are looked at then. */
export function regrowWorking(facts: ModelFacts, method: ResolvedMethod): number {
  const { adapter } = method;
  if (adapter.type !== 'SpIEL' || !growsByMomenta(adapter.spiel)) return 0;
  const shape = adapterShape(method, facts);
  const looked = adaptedLinears(facts, adapter.spiel.targetModules).map((linear) =>
    largestProducts(linear.out, linear.in, 2 * (shape?.count(linear).trained ?? 0)),
  );
  return memoryConstants.scoreBytes * Math.max(0, ...looked);
}
