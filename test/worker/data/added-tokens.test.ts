import test from 'ava';
import fc from 'fast-check';
import { splitAt } from '../../../worker/data/added-tokens.ts';

const usual = { special: true, lstrip: false, rstrip: false, single_word: false };
const token = (id: number, content: string, more: object = {}) => ({
  ...usual,
  id,
  content,
  ...more,
});

test('The longest token at a place is found, and what lies between stays text', (t) => {
  const split = splitAt([token(1, '<a>'), token(2, '<a><b>'), token(3, '.*')]);
  t.deepEqual(split('x<a><b><a>y.*'), [
    { text: 'x' },
    { text: '<a><b>', id: 2 },
    { text: '<a>', id: 1 },
    { text: 'y' },
    { text: '.*', id: 3 },
  ]);
  t.deepEqual(split(''), []);
});

test('A token that strips takes the blanks beside it along', (t) => {
  const split = splitAt([token(1, '<a>', { rstrip: true }), token(2, '<b>', { lstrip: true })]);
  t.deepEqual(split('x <a> \n y <b> z'), [
    { text: 'x ' },
    { text: '<a> \n ', id: 1 },
    { text: 'y' },
    { text: ' <b>', id: 2 },
    { text: ' z' },
  ]);
});

test('Blanks are those of Unicode', (t) => {
  const split = splitAt([token(1, '<a>', { rstrip: true, lstrip: true })]);
  t.deepEqual(split('x\ufeff\u0085<a>\u0085\ufeffy'), [
    { text: 'x\ufeff' },
    { text: '\u0085<a>\u0085', id: 1 },
    { text: '\ufeffy' },
  ]);
});

test('A token that must be a word of its own is text inside of a word', (t) => {
  const split = splitAt([token(1, 'at', { single_word: true })]);
  t.deepEqual(split('at cat at. ats'), [
    { text: 'at', id: 1 },
    { text: ' cat ' },
    { text: 'at', id: 1 },
    { text: '. ats' },
  ]);
});

test('Sections are the text, whatever it holds', (t) => {
  const split = splitAt([
    token(1, '<a>', { rstrip: true, lstrip: true }),
    token(2, 'aa'),
    token(3, ' '),
  ]);
  const text = fc
    .array(fc.constantFrom('<a>', 'a', ' ', '\n', '😀', '<'))
    .map((all) => all.join(''));
  fc.assert(
    fc.property(text, (given) => {
      const sections = split(given);
      t.is(sections.map((section) => section.text).join(''), given);
      t.true(sections.every((section) => section.text.length > 0));
    }),
    { numRuns: 500 },
  );
});
