// What config.json says of a head for classes, as transformers reads it.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { encoderConfig } from '../encoder/config.ts';
import { encoderFamilies } from '../encoder/families.ts';
import type { ModelConfig } from '../families/family.ts';

/** Nothing for a model that continues texts. */
export function headInConfig(
  config: ModelConfig,
  { dataset: { labels = [] } }: Pick<FineTuneJobSpec, 'dataset'>,
): Readonly<Record<string, unknown>> {
  if (config.kind !== 'encoder') return {};
  const { family } = encoderConfig(config);
  return {
    architectures: [encoderFamilies[family].classifier],
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((name, id) => [name, id])),
    problem_type: 'single_label_classification',
  };
}
