import test from 'ava';
import fc from 'fast-check';
import { cliConfig } from '../../../cli/process/config.ts';
import { ascii, glyphSet } from '../../../cli/terminal/glyphs.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import { anyText } from '../../builders/any-text.ts';

const glyphsWith = (variables: Readonly<Record<string, string>>) =>
  glyphSet(cliConfig(variables)).plot;

test('the locale and the terminal decide which characters are used, and a flag before both', (t) => {
  t.is(glyphsWith({}), 'braille');
  t.is(glyphsWith({ LANG: 'de_DE.UTF-8' }), 'braille');
  t.is(glyphsWith({ LANG: 'C' }), 'ascii');
  t.is(glyphsWith({ LANG: 'C', LC_ALL: 'en_US.utf8' }), 'braille');
  t.is(glyphsWith({ TERM: 'linux', LANG: 'en_US.UTF-8' }), 'ascii');
  t.is(glyphsWith({ LANG: 'C', ANNEAL_GLYPHS: 'block' }), 'block');
  t.is(glyphsWith({ ANNEAL_GLYPHS: 'sparkles' }), 'braille');
});

test('plain letters are really plain, whatever the text', (t) => {
  fc.assert(
    fc.property(anyText(), (text) => {
      t.regex(ascii.text(text), /^[\n\u0020-\u007e]*$/);
    }),
  );
  t.is(ascii.text('✓ loss 2.4 → 2.1 · “fine” · 你好'), '+ loss 2.4 -> 2.1 - "fine" - ??');
});

test('what others wrote cannot command a terminal', (t) => {
  t.is(sanitize('a\u001b[2J\u0007b\nc\u009bd\te'), 'a[2Jb\ncde');
});
