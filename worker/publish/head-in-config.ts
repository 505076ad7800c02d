// What config.json of a result says of its head: of one for classes as transformers reads it.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { familyOf } from '../decoder/registry.ts';
import type { ModelConfig } from '../families/family.ts';

/** Nothing for a model whose head is that of its base. */
export function headInConfig(
  config: ModelConfig,
  { dataset: { labels = [] } }: Pick<FineTuneJobSpec, 'dataset'>,
): Readonly<Record<string, unknown>> {
  const { classifier, inConfig } = familyOf(config);
  if (classifier === undefined) return inConfig?.(config) ?? {};
  return {
    ...classifier(config),
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((name, id) => [name, id])),
    problem_type: 'single_label_classification',
  };
}
