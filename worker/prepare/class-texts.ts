// The texts of classes that pictures are compared with, as tokens between the special tokens of the
// model's tokenizer.
import { textsOfClasses } from '../../crds/api/class-texts.ts';
import { UserError } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { specialTokensOf } from '../data/special-tokens.ts';
import { createTokenizer } from '../data/tokenizer.ts';
import type { TokenizerDefinition } from '../data/tokenizer-definition.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import type { ModelConfig } from '../families/family.ts';

/** Of each class in their order; undefined for another task. */
export async function classTexts(
  { model, dataset }: Pick<FineTuneJobSpec, 'model' | 'dataset'>,
  headers: ModelOnDisk,
): Promise<number[][] | undefined> {
  if (model.task !== 'ContrastiveImageText') return undefined;
  return inTokens(textsOfClasses(dataset), await modelTokenizer(headers), headers.config);
}

/** Throws for a text that the model has no positions for, or that is all that another is. */
export function inTokens(
  texts: readonly string[],
  definition: TokenizerDefinition,
  { contextLength, family }: Pick<ModelConfig, 'contextLength' | 'family'>,
): number[][] {
  const tokenizer = createTokenizer(definition);
  const { surround } = specialTokensOf(definition.json, tokenizer.vocabularySize);
  const seen = new Map<string, string>();
  return texts.map((text) => {
    const { ids } = surround(tokenizer.encode(text), undefined);
    if (ids.length > contextLength) {
      throw unusable(
        `"${text}", the text of a class, has ${ids.length} tokens; this ${family} has positions for ${contextLength}`,
        'give the class a shorter name, or set a shorter spec.dataset.template',
      );
    }
    const same = seen.get(ids.join());
    if (same !== undefined) {
      throw unusable(
        `"${same}" and "${text}", the texts of two classes, have the same tokens: no picture can be told to be of one of them`,
        'give the classes other names',
      );
    }
    seen.set(ids.join(), text);
    return [...ids];
  });
}

function unusable(message: string, hint: string): UserError {
  const path = 'spec.dataset.labels';
  return new UserError({ code: 'E_INVALID_SPEC', path, message, hint });
}
