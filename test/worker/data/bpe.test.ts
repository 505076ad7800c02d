import * as library from '@huggingface/tokenizers';
import test from 'ava';
import fc from 'fast-check';
import { createBpe } from '../../../worker/data/bpe.ts';
import { goldenTokenizer } from '../../builders/tokenizers.ts';

/** The declarations of the library cannot be followed; this is what the test uses. */
const { BPE } = library as unknown as {
  readonly BPE: new (model: object) => { bpe(word: string): string[] };
};

const plain = {
  wholeWordsFirst: false,
  byteFallback: false,
  unknown: undefined,
  fuseUnknown: false,
};

test('Any word is split as the library splits it', (t) => {
  const { json } = goldenTokenizer('gpt2').definition;
  if (json.model.type !== 'BPE') return t.fail();
  const vocabulary = new Map(Object.entries(json.model.vocab));
  const pairs = json.model.merges.map((pair): [string, string] => {
    const [begin = '', end = ''] = typeof pair === 'string' ? pair.split(' ') : pair;
    return [begin, end];
  });
  const encode = createBpe({ ...plain, vocabulary, merges: pairs });
  const library = new BPE({ type: 'BPE', vocab: json.model.vocab, merges: pairs });
  const pieces = [...vocabulary.keys()].filter((token) => !token.startsWith('<'));
  const word = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((all) => all.join(''));
  fc.assert(
    fc.property(word, (given) => {
      const expected = library.bpe(given).map((token) => vocabulary.get(token));
      t.deepEqual(encode(given), expected as number[]);
    }),
    { numRuns: 500 },
  );
});

test('The best pair goes first, and of equal ones the leftmost', (t) => {
  const vocabulary = new Map(['a', 'b', 'aa', 'ab', 'aab'].map((token, id) => [token, id]));
  const encode = createBpe({
    ...plain,
    vocabulary,
    merges: [
      ['a', 'a'],
      ['a', 'b'],
      ['aa', 'b'],
    ],
  });
  t.deepEqual(encode('aaa'), [2, 0]);
  t.deepEqual(encode('aaab'), [2, 3]);
  t.deepEqual(encode('aab'), [4]);
  t.deepEqual(encode('b'), [1]);
  t.deepEqual(encode(''), []);
});

test('Merges of words that are in no vocabulary are as if they were not there', (t) => {
  const vocabulary = new Map([
    ['a', 0],
    ['b', 1],
  ]);
  t.deepEqual(
    createBpe({
      ...plain,
      vocabulary,
      merges: [
        ['a', 'b'],
        ['x', 'y'],
      ],
    })('ab'),
    [0, 1],
  );
});

test('A word that is a token is taken whole only where the tokenizer says so', (t) => {
  const vocabulary = new Map([
    ['a', 0],
    ['b', 1],
    ['ab', 2],
  ]);
  t.deepEqual(createBpe({ ...plain, vocabulary, merges: [] })('ab'), [0, 1]);
  t.deepEqual(createBpe({ ...plain, vocabulary, merges: [], wholeWordsFirst: true })('ab'), [2]);
});

test('Characters without a token are bytes, or unknown, or nothing', (t) => {
  const vocabulary = new Map([
    ['a', 0],
    ['<0xC3>', 1],
    ['<0xA9>', 2],
    ['?', 3],
  ]);
  const bytes = { ...plain, vocabulary, merges: [], byteFallback: true };
  t.deepEqual(createBpe(bytes)('aé'), [0, 1, 2]);
  t.deepEqual(createBpe({ ...bytes, unknown: 3 })('éü'), [1, 2, 3]);
  t.deepEqual(createBpe({ ...plain, vocabulary, merges: [], unknown: 3 })('üüa'), [3, 3, 0]);
  t.deepEqual(
    createBpe({ ...plain, vocabulary, merges: [], unknown: 3, fuseUnknown: true })('üüaü'),
    [3, 0, 3],
  );
  t.deepEqual(createBpe({ ...plain, vocabulary, merges: [] })('üa'), [0]);
});

test('A word of a hundred thousand letters is split', (t) => {
  const vocabulary = new Map(['a', 'aa', 'aaaa'].map((token, id) => [token, id]));
  const encode = createBpe({
    ...plain,
    vocabulary,
    merges: [
      ['a', 'a'],
      ['aa', 'aa'],
    ],
  });
  t.deepEqual(new Set(encode('a'.repeat(100_000))), new Set([2]));
});

test('The last character of a word is another token where words have an end', (t) => {
  const letters = ['a', 'b', 'c'];
  const tokens = [
    ...letters,
    ...letters.map((letter) => `${letter}</w>`),
    'ab',
    'bc</w>',
    'ab</w>',
  ];
  const vocabulary = new Map(tokens.map((token, id) => [token, id]));
  const merges: [string, string][] = [
    ['b', 'c</w>'],
    ['a', 'b'],
    ['a', 'b</w>'],
  ];
  const encode = createBpe({ ...plain, vocabulary, merges, endOfWord: '</w>' });
  const vocab = Object.fromEntries(vocabulary);
  const library = new BPE({ type: 'BPE', vocab, merges, end_of_word_suffix: '</w>' });
  const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(word, (given) => {
      const expected = library.bpe(given).map((token) => vocabulary.get(token));
      t.deepEqual(encode(given), expected as number[]);
    }),
  );
  t.deepEqual(encode('abc'), [0, 7]);
  t.deepEqual(encode('ab'), [8]);
  t.deepEqual(encode(''), []);
});
