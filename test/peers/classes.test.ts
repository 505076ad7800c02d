// Texts with a class against transformers: ids and segments of texts and pairs at random, whole and
// truncated, with small tokenizers of BERT and RoBERTa.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { createTokenizer } from '../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../worker/data/tokenizer-definition.ts';
import { createEncoder } from '../../worker/prepare/encode-sample.ts';
import { askPeer } from './ask-peer.ts';

const script = 'classes_peer.py';
let folder = '';
test.before(async () => {
  const root = await mkdtemp(join(tmpdir(), 'anneal-classes-'));
  await askPeer(script, ['make', root]);
  folder = root;
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const character = fc
  .oneof(
    fc.integer({ min: 1, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0x3100 }),
    fc.integer({ min: 0x3400, max: 0x9fff }),
    fc.integer({ min: 0xac00, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0xffff }),
    fc.integer({ min: 0x1_0000, max: 0x1_f64f }),
    fc.integer({ min: 0x2_0000, max: 0x2_fa1f }),
  )
  .map((code) => String.fromCodePoint(code));
const awkward = fc.constantFrom(
  ...[
    'the quick brown fox',
    ' ',
    '  ',
    '\n\t',
    '1234',
    'Größe façade naïve',
    'ΑΣ ΟΔΟΣ',
    'İstanbul',
  ],
  ...[
    '色は匂へど',
    '𠀋𪚥',
    '한국어',
    'नमस्ते',
    'e\u0301\u0327',
    '\u0000\u0007\u200d\ufeff',
    '\ufffd',
    '😀👩‍👩‍👧',
  ],
  ...[
    '[SEP]',
    '[CLS] a',
    '</s>',
    ' <mask> ',
    '<s>',
    "it's $3.50+1",
    'a'.repeat(99),
    'a'.repeat(101),
  ],
  ...['\u{11ef7}', '\u2e43', '\u0cbc\u1dfb', '\u0085\u000b', '﷽', 'ẞ', 'x'.repeat(300)],
);
const part = fc.oneof(fc.string({ unit: character, maxLength: 12 }), awkward);
const someText = fc.array(part, { maxLength: 12 }).map((all) => all.join('').toWellFormed());
const someTexts = fc.tuple(someText, fc.option(someText));

/** The last Unicode's compositions: JavaScript takes them apart, the older tables do not. */
const newest =
  /[\u{105c9}\u{105e4}\u{11380}-\u{113ff}\u{11938}\u{16100}-\u{1613f}\u{16d40}-\u{16d7f}]/u;

const lengths = [16, 17, 10_000];

interface Theirs {
  readonly ids: readonly number[];
  readonly segments: readonly number[];
  readonly text: string;
}

const agrees = test.macro({
  title: (_, name: string) => `${name}: texts and pairs have the ids and segments of transformers`,
  async exec(t, name: string) {
    const texts = fc
      .sample(someTexts, 800)
      .filter((both) => both.every((text) => text === null || !newest.test(text)));
    const path = join(folder, `${name}.texts`);
    await writeFile(path, JSON.stringify(texts));
    const definition = await readTokenizerFolder(join(folder, name));
    const tokenizer = createTokenizer(definition);
    const args = ['tokens', join(folder, name), path, ...lengths.map(String)];
    const answers: readonly (readonly Theirs[])[] = JSON.parse(await askPeer(script, args));
    for (const [at, sequenceLength] of lengths.entries()) {
      const theirs = answers[at] ?? [];
      const encode = createEncoder({
        ...{ tokenizer: definition, sequenceLength, overlength: 'Truncate', labels: ['no', 'yes'] },
      });
      for (const [index, [text, pair]] of texts.entries()) {
        const sample = { type: 'TextClassification', text, label: 1 } as const;
        const found = encode(pair === null ? sample : { ...sample, pair });
        if ('skipped' in found) return t.fail(found.detail);
        const [document] = found.documents;
        const shown = `${JSON.stringify([text, pair])} of ${sequenceLength}`;
        const { ids = [], marks = [] } = document ?? {};
        const ours = { ids, segments: [...marks], text: tokenizer.decode(ids) };
        // Compared as text, since a deep comparison of so many lists takes minutes.
        t.is(JSON.stringify(ours), JSON.stringify(theirs[index]), shown);
      }
    }
    return undefined;
  },
});
for (const name of ['bert', 'bert-cased', 'roberta']) test(agrees, name);
