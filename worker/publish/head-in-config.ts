// What config.json says of a head for classes, as transformers reads it.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { familyOf } from '../decoder/registry.ts';
import type { ModelConfig } from '../families/family.ts';

/** Nothing for a model without one. */
export function headInConfig(
  config: ModelConfig,
  { dataset: { labels = [] } }: Pick<FineTuneJobSpec, 'dataset'>,
): Readonly<Record<string, unknown>> {
  const { classifier } = familyOf(config);
  if (classifier === undefined) return {};
  return {
    ...classifier(config),
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((name, id) => [name, id])),
    problem_type: 'single_label_classification',
  };
}
