// What a network that restores pictures is trained on of each, by the job and its configuration.
import { UserError } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { cropOf } from '../data/restored-documents.ts';
import type { ModelConfig } from '../families/family.ts';
import { restorationConfig } from '../restoration/config.ts';

export function targetRules(
  { dataset }: Pick<FineTuneJobSpec, 'dataset'>,
  config: ModelConfig,
): { readonly crop: number; readonly scale: number } {
  const { scale } = restorationConfig(config);
  const { degradations = [] } = dataset.restoration ?? {};
  if (scale > 1 || degradations.length > 0) return { crop: cropOf(dataset), scale };
  const path = 'spec.dataset.restoration.degradations';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    path,
    message: `${path} is empty, and the model keeps the size of a picture: there is nothing to restore`,
    hint: 'name what is done to pictures, such as { noise: 25 }',
  });
}
