// Whether a record trains a model to answer nothing: its only target is the end of an empty answer.
// One such record may be intended; a file of them is an export that lost its answers.
import type { Sample } from './sample.ts';

export function isSilent(sample: Sample): boolean {
  switch (sample.type) {
    case 'Chat': {
      const answers = sample.messages.filter(
        ({ role, isTarget }) => role === 'assistant' && isTarget,
      );
      // A turn that only calls a tool has no content.
      return answers.every(({ content, fields }) => isBlank(content) && fields === undefined);
    }
    case 'PromptCompletion':
      return isBlank(sample.completion);
    case 'Segments':
      return sample.segments.every(({ text, isTarget }) => !isTarget || isBlank(text));
    case 'Text':
    case 'Tokenized':
    case 'Preference':
    case 'TextClassification':
    case 'ImageClassification':
    case 'ImagePair':
    case 'Audio':
    case 'Video':
      return false;
    default:
      return sample satisfies never;
  }
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}
