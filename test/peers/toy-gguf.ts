// A folder of a toy as one GGUF file, for readers of that format.

import { readTokenizerFolder } from '../../worker/data/tokenizer-definition.ts';
import { decoderConfig } from '../../worker/decoder/config.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { writeGgufModel } from '../../worker/publish/gguf.ts';
import type { GgufFileType } from '../../worker/publish/gguf-mix.ts';
import { ggufTokenizer } from '../../worker/publish/gguf-tokenizer.ts';
import { keep } from '../../worker/tensor/scope.ts';

export async function writeToyGguf(
  from: string,
  path: string,
  fileType: GgufFileType = 'F32',
): Promise<void> {
  using model = openModel(from);
  const tokenizer = ggufTokenizer(await readTokenizerFolder(from), model.config.V);
  await writeGgufModel(path, {
    // Named phi3, llama.cpp would look for tokens of Phi-3 that a toy has not.
    ...{ config: decoderConfig(model.config), name: 'toy', fileType, tokenizer },
    panels: (tensor) => [keep(model.load(tensor))],
  });
}

/** llama.cpp knows these tokens of a byte-level vocabulary by name: all 256 bytes must be there. */
export const wholeVocabulary = { vocab_size: 300 } as const;
