/** Sentences of real conversations as a classifier reads them: every program gets the same. */
import { join } from 'node:path';
import { specialTokensOf } from '../../../worker/data/special-tokens.ts';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../../worker/data/tokenizer-definition.ts';
import { sentences } from '../sentences.ts';
import type { ClassRows } from './request.ts';

interface Wanted {
  /** The volume of the demo. */
  readonly volume: string;
  /** Folder of the encoder. */
  readonly model: string;
  readonly batches: number;
  readonly rows: number;
}

/** Classes take turns: no time depends on what is learned. */
export async function classRows(wanted: Wanted, signal: AbortSignal): Promise<ClassRows[]> {
  const { volume, model, batches, rows } = wanted;
  const definition = await readTokenizerFolder(model);
  const tokenizer = createTokenizer(definition);
  const { surround } = specialTokensOf(definition.json, tokenizer.vocabularySize);
  const ids: number[][] = [];
  for await (const sentence of sentences(join(volume, 'sharegpt.json'), signal)) {
    ids.push([...surround(tokenizer.encode(sentence), undefined).ids]);
    if (ids.length === batches * rows) break;
  }
  return Array.from({ length: batches }, (_, batch) => ({
    ids: ids.slice(batch * rows, (batch + 1) * rows),
    labels: Array.from({ length: rows }, (_, row) => row % 2),
  }));
}
