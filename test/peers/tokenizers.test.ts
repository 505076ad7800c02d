// Our tokenizer against the Rust library behind transformers: small ones of each family on texts at
// random, the golden files that unit tests use, and the tokenizers inside of two real GGUF files on
// real conversations.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { ensureDemo } from '../../cli/setup/demo.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { modelTokenizer } from '../../worker/data/model-tokenizer.ts';
import { readRecords } from '../../worker/data/records.ts';
import { createTokenizer } from '../../worker/data/tokenizer.ts';
import { readModelHeaders } from '../../worker/decoder/model-headers.ts';
import {
  goldenTokenizer,
  type TokenizerFamily,
  tokenizerFamilies,
} from '../builders/tokenizers.ts';
import { gemma } from '../setup/gemma.ts';
import { askPeer } from './ask-peer.ts';

const never = new AbortController().signal;
const script = 'tokenizers_peer.py';
let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-tokenizers-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

async function idsOfPeer(
  name: string,
  tokenizerJson: unknown,
  texts: readonly string[],
): Promise<(number[] | null)[]> {
  const [tokenizerPath, textsPath] = [
    join(folder, `${name}.json`),
    join(folder, `${name}-texts.json`),
  ];
  await writeFile(tokenizerPath, JSON.stringify(tokenizerJson));
  await writeFile(textsPath, JSON.stringify(texts));
  return JSON.parse(await askPeer(script, ['ids', tokenizerPath, textsPath]));
}

test('The golden files are what the library writes today', async (t) => {
  const made = join(folder, 'made');
  await askPeer(script, ['make', made]);
  const golden = new URL('../golden/tokenizers/', import.meta.url);
  t.deepEqual((await readdir(made)).sort(), (await readdir(golden)).sort());
  for (const name of await readdir(made)) {
    const [ours, theirs] = await Promise.all([
      readFile(new URL(name, golden), 'utf8'),
      readFile(join(made, name), 'utf8'),
    ]);
    t.true(ours === theirs, `${name} differs`);
  }
});

const character = fc
  .oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0x3100 }),
    fc.integer({ min: 0x4e00, max: 0x9fff }),
    fc.integer({ min: 0xac00, max: 0xffff }),
    fc.integer({ min: 0x1_f300, max: 0x1_f64f }),
  )
  .map((code) => String.fromCodePoint(code));
const parts = fc.oneof(
  fc.string({ unit: character }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    ' ',
    '  ',
    '\n',
    '\r\n',
    '\t',
    '1',
    '²',
    '\u0085',
    '\ufeff',
    "'s",
    "'LL",
    '▁',
    '<s>',
    '<|end|>',
    '<mask>',
    '<|im_end|>',
    'the',
    'e\u0301',
    '😀',
  ),
);
const anyText = fc.array(parts, { maxLength: 10 }).map((all) => all.join('').toWellFormed());

const agrees = test.macro({
  title: (_, family: TokenizerFamily) => `${family}: texts at random have the same ids in both`,
  async exec(t, family: TokenizerFamily) {
    const texts = fc.sample(anyText, 2000);
    const path = new URL(`../golden/tokenizers/${family}.json`, import.meta.url);
    const { tokenizer: json } = JSON.parse(await readFile(path, 'utf8'));
    const { tokenizer } = goldenTokenizer(family);
    const theirs = await idsOfPeer(family, json, texts);
    t.true(theirs.filter((ids) => ids !== null).length > texts.length / 4);
    for (const [index, text] of texts.entries()) {
      const ids = theirs[index] ?? null;
      if (ids !== null) t.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    }
  },
});
for (const family of tokenizerFamilies) test(agrees, family);

interface Turn {
  readonly value: string;
}

/** Real conversations, each as one text. */
async function conversations(count: number): Promise<string[]> {
  const demo = await ensureDemo(thisSetup(never));
  const texts: string[] = [];
  for await (const reading of readRecords(join(demo, 'sharegpt.json'), () => {}, never)) {
    if (!('value' in reading)) continue;
    const { conversations: turns } = reading.value as { readonly conversations: readonly Turn[] };
    texts.push(turns.map(({ value }) => value.toWellFormed()).join('\n'));
    if (texts.length === count) break;
  }
  return texts;
}

const real = test.macro({
  title: (_, name: string) =>
    `${name}: 200 real conversations have the same ids, and come back byte by byte`,
  async exec(t, name: string, find: () => Promise<string>) {
    const definition = await modelTokenizer(readModelHeaders(await find()));
    const tokenizer = createTokenizer(definition);
    const texts = [...(await conversations(200)), ...fc.sample(anyText, 500)];
    const theirs = await idsOfPeer(name.slice(0, 5), definition.json, texts);
    const prefix =
      definition.json.model.type === 'BPE' && tokenizer.decode(tokenizer.encode('a')) === ' a'
        ? ' '
        : '';
    for (const [index, text] of texts.entries()) {
      const ids = tokenizer.encode(text);
      const expected = theirs[index] ?? null;
      if (expected !== null) t.deepEqual(ids, expected, JSON.stringify(text.slice(0, 80)));
      // Texts at random hold bytes that SmolLM2 has no tokens for, and both leave out.
      if (index < 200) t.true(tokenizer.decode(ids) === prefix + text, `${index}`);
    }
  },
});
test(real, 'SmolLM2 in GGUF', async () =>
  join(await ensureDemo(thisSetup(never)), 'model/SmolLM2-135M-Instruct.Q4_1.gguf'),
);
test(real, 'Gemma 3 in GGUF', () => gemma());
