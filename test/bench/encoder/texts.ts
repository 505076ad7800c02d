/** Sentences of real conversations as a classifier reads them: every program gets the same. */
import { join } from 'node:path';
import { isProblem } from '../../../worker/data/reading.ts';
import { readRecords } from '../../../worker/data/records.ts';
import { specialTokensOf } from '../../../worker/data/special-tokens.ts';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../../worker/data/tokenizer-definition.ts';
import type { ClassRows } from './request.ts';

/** As sentences of reviews are: 27 tokens on average there. */
const words = { fewest: 6, most: 48 };

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

async function* sentences(file: string, signal: AbortSignal): AsyncGenerator<string> {
  for await (const reading of readRecords(file, () => {}, signal)) {
    if (isProblem(reading)) continue;
    const { conversations = [] } = reading.value as {
      readonly conversations?: readonly { readonly value?: string }[];
    };
    for (const { value = '' } of conversations) {
      for (const sentence of value.split(/(?<=[.!?])\s+/)) {
        const count = sentence.split(/\s+/).length;
        if (count >= words.fewest && count <= words.most) yield sentence;
      }
    }
  }
}
