import test from 'ava';
import fc from 'fast-check';
import { table } from '../../../cli/terminal/table.ts';
import { entry, wrap } from '../../../cli/terminal/wrap.ts';

const word = fc.stringMatching(/^[a-z]{1,12}$/);

test('wrapped text keeps all words in order and fits its width', (t) => {
  fc.assert(
    fc.property(fc.array(word), fc.integer({ min: 14, max: 80 }), (words, width) => {
      const lines = wrap(words.join(' '), width, '  ');
      t.deepEqual(lines.join(' ').split(/ +/).filter(Boolean), words);
      for (const line of lines) t.true(line.length <= width);
    }),
  );
  t.pass();
});

test('an entry has its text in a column of its own, below a name that is too long for it', (t) => {
  const layout = { width: 24, column: 8 };
  t.deepEqual(entry('loss', 'one two three four', layout), [
    '  loss    one two three',
    '          four',
  ]);
  t.deepEqual(entry('very long', 'one', layout), ['  very long', '          one']);
});

test('a table has names to the left and numbers to the right', (t) => {
  t.deepEqual(
    table([
      ['a', 'peak'],
      ['long name', '1.2'],
    ]),
    ['a          peak', 'long name   1.2'],
  );
  t.deepEqual(table([]), []);
});
