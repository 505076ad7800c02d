// What a job may do with a model that was cut out of another one.
import { UserError } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { resolveMethod } from '../../crds/index.ts';
import { choosesPlaces } from '../../crds/methods/adapter-traits.ts';
import { isAdapterForm } from '../../crds/names/result-folders.ts';
import { formatsOf } from '../../crds/plan/publication.ts';
import type { PrunedBase } from '../decoder/pruned-base.ts';

/** Refuses to prune it again, and adapters that no two factors say for the whole model. */
export function requirePrunable(spec: FineTuneJobSpec, cut: PrunedBase | null): void {
  if (cut === null) return;
  const { name } = cut.base;
  if (spec.output.pruning !== undefined) {
    const path = 'spec.output.pruning';
    throw new UserError({
      code: 'E_INVALID_SPEC',
      message: `${path} is set, but the model is a pruned copy of ${name} already`,
      path,
      hint: `prune ${name} itself, by as much as is wanted`,
    });
  }
  const method = resolveMethod(spec.method);
  const { type } = method.adapter;
  if (formatsOf(spec).includes('KaSA')) {
    const path = 'spec.output.formats';
    throw new UserError({
      code: 'E_INVALID_SPEC',
      message: `${path} asks for KaSA, and the model is a pruned copy of ${name}: what was taken from its weights is not what a loader would take from those of the whole model`,
      path,
      hint: 'ask for PEFTAdapter, or for MergedSafetensors, the pruned model with its change',
    });
  }
  const isRecovered = !choosesPlaces(method) && type !== 'RandLoRA' && type !== 'MixLoRA';
  if (isRecovered || !formatsOf(spec).some(isAdapterForm)) return;
  const path = 'spec.method.adapter';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${type}, and the model is a pruned copy of ${name}; files of this adapter are not recovered for the whole model`,
    path,
    value: type,
    hint: 'choose an adapter of two factors, such as LoRA, or ask for MergedSafetensors, the pruned model with its change',
  });
}
