// What config.json says of a head for classes, as transformers reads it.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { encoderConfig } from '../encoder/config.ts';
import { encoderFamilies } from '../encoder/families.ts';
import type { ModelConfig } from '../families/family.ts';
import { visionConfig } from '../vision/config.ts';
import { visionFamilies } from '../vision/families.ts';

/** Nothing for a model that continues texts. */
export function headInConfig(
  config: ModelConfig,
  { dataset: { labels = [] } }: Pick<FineTuneJobSpec, 'dataset'>,
): Readonly<Record<string, unknown>> {
  const head = classOf(config);
  if (head === null) return {};
  return {
    ...head,
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((name, id) => [name, id])),
    problem_type: 'single_label_classification',
  };
}

/** The class of transformers that has the head; null for none. */
function classOf(config: ModelConfig): Readonly<Record<string, unknown>> | null {
  switch (config.kind) {
    case 'encoder':
      return { architectures: [encoderFamilies[encoderConfig(config).family].classifier] };
    case 'vision': {
      const { classifier, hasMaskToken } = visionFamilies[visionConfig(config).family];
      // Classification has no use for it, so files that are written have none.
      return { architectures: [classifier], ...(hasMaskToken && { use_mask_token: false }) };
    }
    default:
      return null;
  }
}
