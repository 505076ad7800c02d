// How many tokens the texts of classes have, before anything is tokenised.
import { textsOfClasses } from '../api/class-texts.ts';
import type { Dataset } from '../api/dataset.ts';
import { charactersPerToken } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';

/** The first and the last. */
const specialTokens = 2;

/** Of all classes together; 0 for models that compare nothing with texts. */
export function tokensOfTexts(
  dataset: Pick<Dataset, 'template' | 'labels'>,
  { kind }: Pick<ModelFacts, 'kind'>,
): number {
  if (kind !== 'imageText') return 0;
  return textsOfClasses(dataset).reduce(
    (sum, { length }) => sum + specialTokens + Math.ceil(length / charactersPerToken),
    0,
  );
}
