import test from 'ava';
import fc from 'fast-check';
import { quoted, sanitize } from '../../../crds/text/sanitize.ts';

test('what a terminal would obey is removed, and lines stay', (t) => {
  t.is(sanitize('a\u001b[2Jb\u009b2Jc\nd\te'), 'a[2Jb2Jc\nde');
});

test('what is quoted shows what a terminal would obey or hide', (t) => {
  t.is(quoted('a"\u001b[2J'), '"a\\"\\u001b[2J"');
  t.is(quoted('\u009b2J\u0085'), '"\\u009b2J\\u0085"');
  t.is(quoted('\u202eevil\u2028'), '"\\u202eevil\\u2028"');
  t.is(quoted('\u{e0041}'), '"\\udb40\\udc41"');
  t.is(quoted('ä ☃ 中'), '"ä ☃ 中"');
});

test('what is quoted is JSON of the same text', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => JSON.parse(quoted(text)) === text),
  );
  t.pass();
});
