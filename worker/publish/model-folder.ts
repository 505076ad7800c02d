// Writes the other files of a Hugging Face folder: configuration and tokenizer, copied from the
// base or built from the metadata of a GGUF file.
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pruningFile } from '../../crds/wire/pruned-model.ts';
import { preprocessorFile } from '../data/images/preprocessor-config.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { printConfig } from '../decoder/print-config.ts';
import type { DType } from '../tensor/dtype.ts';
import { writeJson } from './write-json.ts';

const copied = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  preprocessorFile,
  pruningFile,
];

export async function writeModelFiles(
  folder: string,
  files: ModelFiles,
  dtype: DType,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { configJson } = files.headers;
  const config = { ...configJson, ...changes, torch_dtype: dtype, dtype };
  await writeFile(join(folder, 'config.json'), printConfig(config));
  const source = files.tokenizerSource;
  if (source.type === 'gguf') return writeTokenizer(folder, files);
  const present = new Set(await readdir(source.path));
  for (const name of copied) {
    if (present.has(name)) await copyFile(join(source.path, name), join(folder, name));
  }
}

async function writeTokenizer(folder: string, files: ModelFiles): Promise<void> {
  const { json, bos, eos, addBos, chatTemplate } = await modelTokenizer(files.headers);
  await writeJson(join(folder, 'tokenizer.json'), json);
  await writeJson(join(folder, 'tokenizer_config.json'), {
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...(bos === undefined ? {} : { bos_token: bos }),
    ...(eos === undefined ? {} : { eos_token: eos, pad_token: eos }),
    ...(addBos === undefined ? {} : { add_bos_token: addBos }),
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
    clean_up_tokenization_spaces: false,
  });
}
