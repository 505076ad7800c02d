/** What Whisper reads in the benchmark: the same texts, and sounds by a rule, for every program. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../../worker/data/tokenizer-definition.ts';
import { sentences } from '../sentences.ts';
import type { SoundRows } from './request.ts';

const mels = 80;
/** Of the English models: begin, without times; end. */
const before = [50_257, 50_362];
const end = 50_256;

interface Wanted {
  /** The volume of the demo. */
  readonly volume: string;
  /** Folder of the model. */
  readonly model: string;
  /** Where the features are written. */
  readonly folder: string;
  readonly batches: number;
  readonly rows: number;
  readonly frames: number;
}

/** No time depends on what is heard: features are noise in their range, from -1 to 1. */
export async function soundRows(wanted: Wanted, signal: AbortSignal): Promise<SoundRows[]> {
  const { volume, model, folder, batches, rows, frames } = wanted;
  const tokenizer = createTokenizer(await readTokenizerFolder(model));
  const ids: number[][] = [];
  for await (const sentence of sentences(join(volume, 'sharegpt.json'), signal)) {
    ids.push([...before, ...tokenizer.encode(` ${sentence}`), end]);
    if (ids.length === batches * rows) break;
  }
  const made = Array.from({ length: batches }, async (_, batch) => {
    const mel = join(folder, `${frames}-${batch}.bin`);
    await writeFile(mel, featuresOf(batch, rows * mels * frames));
    return { ids: ids.slice(batch * rows, (batch + 1) * rows), mel };
  });
  return Promise.all(made);
}

function featuresOf(batch: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const u = ((37 * (i % 991) * (i % 991) + 13 * i + 211 * batch) % 997) / 997;
    return 2 * u - 1;
  });
}
