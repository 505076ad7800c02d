// The term of a search as steps add it, block by block.
import type { Model } from '../engine/model.ts';
import { isChoice, type Parameter } from '../engine/parameters.ts';
import type { BlockTerm } from '../engine/regularization.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Moment } from '../methods/adapters/adapter.ts';
import {
  type ArchitectureSettings,
  architectureTerm,
  entropyRamp,
} from '../quantnas/architecture-term.ts';
import { isSupernet } from '../quantnas/config.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';

/** Undefined for a network that is not searched. */
export function searchTerm(
  config: ModelConfig,
  settings: ArchitectureSettings,
): ((moment: Moment) => BlockTerm) | undefined {
  if (!isSupernet(config)) return undefined;
  return ({ step, totalSteps }) => {
    const ramp = entropyRamp(step, settings.warmupSteps, totalSteps);
    const of = ({ value }: Parameter) => architectureTerm(config, settings, ramp, value);
    return (_model: Model, _layer, parameters) =>
      scope(() => {
        const terms = parameters.map((one) => (isChoice(one) ? of(one) : null));
        const values = terms.flatMap((term) => (term === null ? [] : [term.value]));
        if (values.length === 0) return null;
        const gradients = terms.map((term) => term?.gradient ?? null);
        return { value: ops.sum(ops.stack(values)), gradients };
      });
  };
}
