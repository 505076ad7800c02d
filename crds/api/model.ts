// The model that a job starts from.
import * as z from 'zod';
import { text } from '../schema/text.ts';
import { sourceOf } from './source.ts';

const modelSource = sourceOf('model.source', {
  file: text(1024)
    .optional()
    .describe('File to read where the source has several models, such as the name of a GGUF file.'),
});

/** The format is detected from the files: a folder of safetensors, or a GGUF file. */
export const model = z.strictObject({
  source: modelSource.describe(
    'Where the weights are: a folder of safetensors with config.json and tokenizer.json, or a GGUF file.',
  ),
  task: z
    .enum([
      ...['CausalLM', 'SequenceClassification', 'ImageClassification', 'Denoising', 'Restoration'],
      ...['SpeechToText', 'ContrastiveImageText', 'Tracking'],
    ] as const)
    .optional()
    .describe(
      'What it learns: the next token (when absent), the class of a text or a picture, the noise in a picture, to restore one, to write down what is said, which text is of a picture, or where an object of a film is.',
    ),
  initialization: z
    .enum(['FromScratch'])
    .optional()
    .describe('FromScratch: weights are drawn by the seed; the source has config.json.'),
  digest: text(71, /^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits')
    .optional()
    .describe(
      'SHA-256 over the files of the model. Verified when given; always recorded in status.',
    ),
});

export type Model = z.output<typeof model>;
export type ModelSource = z.output<typeof modelSource>;
