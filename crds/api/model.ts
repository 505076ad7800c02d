// The model that a job starts from.
import * as z from 'zod';
import { text } from '../schema/text.ts';
import { sourceOf } from './source.ts';

const modelSource = sourceOf('model.source', {
  file: text(1024)
    .optional()
    .describe(
      'The one file to read, where a source holds several models: the name of a GGUF file, say.',
    ),
});

/**
 * The format is never asked for: a folder of safetensors and a GGUF file are told apart by their
 * content.
 */
export const model = z.strictObject({
  source: modelSource.describe(
    'Where the weights are: a folder of safetensors with config.json and tokenizer.json, or a GGUF file.',
  ),
  digest: text(71, /^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits')
    .optional()
    .describe(
      'SHA-256 over the files of the model. Checked when given, always recorded in status.',
    ),
});

export type Model = z.output<typeof model>;
export type ModelSource = z.output<typeof modelSource>;
