import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { modelTokenizer } from '../../../worker/data/model-tokenizer.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import { toyTokenizer, toyTokenizerConfig } from '../../toy/tokenizer.ts';

test('a tokenizer may have fewer tokens than the embedding has rows, never more', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'anneal-tokenizer-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  await writeFile(join(path, 'tokenizer.json'), JSON.stringify(toyTokenizer(300)));
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(toyTokenizerConfig));
  const withRows = (vocab_size: number) =>
    modelTokenizer({ path, config: readConfig({ model_type: 'llama', vocab_size }) });
  t.is((await withRows(320)).eos, '<|end|>');
  t.is((await withRows(300)).bos, '<|begin|>');
  const error = await t.throwsAsync(withRows(299));
  t.regex(error.message, /the tokenizer has ids up to 299; the embedding has 299 rows/);
});
