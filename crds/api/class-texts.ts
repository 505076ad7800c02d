// The texts that pictures are compared with: one for each class.
import type { Dataset } from './dataset.ts';

/** Where a job says nothing. */
const usualTemplate = 'a photo of a {}';

/** In the order of the classes. */
export function textsOfClasses({
  template = usualTemplate,
  labels = [],
}: Pick<Dataset, 'template' | 'labels'>): readonly string[] {
  // A function: a name may have what replaces mean something, such as $&.
  return labels.map((label) => template.replace('{}', () => label));
}
