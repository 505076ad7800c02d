// What a tracker reads of clips, by the job and its model.
import { UserError } from '../../crds/failures/errors.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import { trackingConfig } from '../tracking/config.ts';
import type { ClipRules } from './encode-clip.ts';
import { pictureRulesIn } from './picture-rules.ts';

type Rules = Omit<ClipRules, 'boundary'>;

/** Values of pictures are those that the trunk was trained with. */
export async function clipRulesIn({
  folder,
  config,
}: Pick<ModelOnDisk, 'folder' | 'config'>): Promise<Rules & { readonly warning?: string }> {
  const { trunk, sizes } = trackingConfig(config);
  const { preprocessing, warning } = await pictureRulesIn(folder, trunk);
  if (preprocessing.channels === 3) {
    const own = { template: sizes.template, search: sizes.search, patch: trunk.patch };
    return { ...own, preprocessing, ...(warning !== undefined && { warning }) };
  }
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path: folder,
    value: preprocessing.channels,
    message: `config.json has num_channels ${preprocessing.channels}; frames are read in three colours`,
  });
}
