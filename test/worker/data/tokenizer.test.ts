import test from 'ava';
import fc from 'fast-check';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { anyText } from '../../builders/any-text.ts';
import {
  goldenTokenizer,
  type TokenizerFamily,
  tokenizerFamilies,
} from '../../builders/tokenizers.ts';

const sameIds = test.macro({
  title: (_, family: TokenizerFamily) => `${family}: ids are those of the Rust library`,
  exec(t, family: TokenizerFamily) {
    const { tokenizer, cases, begins } = goldenTokenizer(family);
    for (const { text, ids } of cases) {
      t.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    }
    t.is(tokenizer.addBos, begins);
  },
});
for (const family of tokenizerFamilies) test(sameIds, family);

const piecesAreTheText = test.macro({
  title: (_, family: TokenizerFamily) => `${family}: pieces laid side by side are the text`,
  exec(t, family: TokenizerFamily) {
    const { tokenizer } = goldenTokenizer(family);
    const parts = fc.constantFrom('<|end|>', '<s>', '<|im_end|>', ' ', '\n\n', 'é', 'word', '▁');
    const text = fc.array(fc.oneof(parts, anyText())).map((all) => all.join(''));
    fc.assert(
      fc.property(text, (given) => {
        const pieces = tokenizer.pieces(given);
        t.is(pieces.map((piece) => piece.text).join(''), given);
      }),
      { numRuns: 200 },
    );
  },
});
for (const family of tokenizerFamilies) test(piecesAreTheText, family);

const spellsItsText = test.macro({
  title: (_, family: TokenizerFamily) => `${family}: tokens decode to the text they were made from`,
  exec(t, family: TokenizerFamily) {
    const { tokenizer } = goldenTokenizer(family);
    fc.assert(
      fc.property(anyText(), (given) => {
        const text = given.replaceAll('▁', '').toWellFormed();
        // Qwen's tokenizer composes characters before it looks at them.
        const wanted = family === 'qwen2' ? text.normalize('NFC') : text;
        t.is(tokenizer.decode(tokenizer.encode(text)), wanted);
      }),
      { numRuns: 300 },
    );
  },
});
for (const family of ['gpt2', 'smollm', 'qwen2', 'llama-3', 'gemma'] as const) {
  test(spellsItsText, family);
}

test('A text that begins with a space of its own keeps it beside the one that Llama 2 adds', (t) => {
  const { tokenizer } = goldenTokenizer('llama-2');
  t.is(tokenizer.decode(tokenizer.encode('a')), ' a');
  t.is(tokenizer.decode(tokenizer.encode(' a')), '  a');
});

test('A byte order mark is a character like any other', (t) => {
  const { tokenizer } = goldenTokenizer('gpt2');
  t.is(tokenizer.decode(tokenizer.encode('\ufeffa')), '\ufeffa');
});

test('Words are remembered without one text changing the tokens of another', (t) => {
  const { tokenizer, definition } = goldenTokenizer('smollm');
  const text = 'the quick the lazy the quick';
  const first = tokenizer.encode(text);
  tokenizer.encode('quick lazy quickly lazily');
  t.deepEqual(tokenizer.encode(text), first);
  t.deepEqual(createTokenizer(definition).encode(text), first);
});

test('A begin token is added when the configuration says so, whatever the post-processor does', (t) => {
  const { definition } = goldenTokenizer('llama-3');
  t.true(createTokenizer(definition).addBos);
  t.false(createTokenizer({ ...definition, addBos: false }).addBos);
  const { bos: _, ...without } = definition;
  t.false(createTokenizer({ ...without, addBos: true }).addBos);
});

test('The vocabulary counts added tokens beyond the model', (t) => {
  const { tokenizer } = goldenTokenizer('llama-3');
  t.is(tokenizer.vocabularySize, 421);
  t.is(tokenizer.bos, 420);
});
