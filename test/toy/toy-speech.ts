// A toy Whisper with a tokenizer, which hears a second.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toyTokenizer, toyTokenizerConfig } from './tokenizer.ts';
import { makeWhisper } from './whisper.ts';

const vocabulary = 400;
const special = ['<|endoftext|>', '<|startoftranscript|>', '<|notimestamps|>'] as const;

/** Returns the folder. */
export async function makeSpeechModel(
  folder: string,
  changes: Readonly<Record<string, number>> = {},
): Promise<string> {
  const config = {
    ...{ vocab_size: vocabulary, max_source_positions: 50, max_target_positions: 48 },
    ...{ pad_token_id: 0, bos_token_id: 0, eos_token_id: 0, decoder_start_token_id: 1 },
    ...changes,
  };
  await makeWhisper(folder, { config });
  const files = {
    'tokenizer.json': toyTokenizer(config.vocab_size, special),
    'tokenizer_config.json': {
      tokenizer_class: toyTokenizerConfig.tokenizer_class,
      eos_token: special[0],
    },
    'generation_config.json': { eos_token_id: 0, decoder_start_token_id: 1, max_length: 48 },
    'preprocessor_config.json': {
      ...{ feature_extractor_type: 'WhisperFeatureExtractor', feature_size: 5, chunk_length: 1 },
    },
  };
  for (const [name, json] of Object.entries(files)) {
    await writeFile(join(folder, name), JSON.stringify(json));
  }
  return folder;
}
