import { UserError } from '../../crds/failures/errors.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import { readTokenizerFolder, type TokenizerDefinition } from './tokenizer-definition.ts';
import { tokenizerFromGguf } from './tokenizer-gguf.ts';

/** The tokenizer of a model: from its folder, or from the metadata of its GGUF file. */
export async function modelTokenizer(
  model: Pick<ModelOnDisk, 'gguf' | 'path' | 'config'>,
): Promise<TokenizerDefinition> {
  const { gguf, path, config } = model;
  const definition =
    gguf === undefined
      ? await readTokenizerFolder(path)
      : tokenizerFromGguf({ get: (key) => gguf.metadata.get(key)?.value });
  requireRows(definition, config.V, path);
  return definition;
}

/** An embedding may have more rows than tokens (padding for speed), never fewer. */
function requireRows({ json }: TokenizerDefinition, rows: number, path: string): void {
  const { model, added_tokens: added } = json;
  const count = Array.isArray(model.vocab) ? model.vocab.length : 0;
  const ids = Array.isArray(model.vocab) ? [] : Object.values(model.vocab);
  const most = [...ids, ...added.map(({ id }) => id)].reduce((a, b) => Math.max(a, b), count - 1);
  if (most < rows) return;
  throw new UserError({
    code: 'E_INVALID_TOKENIZER',
    path,
    message: `${path}: the tokenizer has ids up to ${most}; the embedding has ${rows} rows`,
    hint: 'take the tokenizer that was published with these weights',
  });
}
