import test from 'ava';
import fc from 'fast-check';
import { redactor } from '../../../worker/supervisor/redact.ts';

test('values that the pod was given are found anywhere, also inside JSON', (t) => {
  const secret = 'a"b\\c secret';
  const redact = redactor([secret, `${secret} longer`, 'abc']);
  t.is(redact(`before ${secret} longer after`), 'before [redacted] after');
  const text = redact(JSON.stringify({ message: `token ${secret}!` }));
  t.deepEqual(JSON.parse(text), { message: 'token [redacted]!' });
  t.is(
    redact('abc stays: too short to be told from a word'),
    'abc stays: too short to be told from a word',
  );
});

test('tokens that nobody told about are known by their looks', (t) => {
  const redact = redactor([]);
  for (const secret of [
    'hf_abcdefghijklmnopqrstuvwx',
    'AKIAABCDEFGHIJKLMNOP',
    'eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsiYSJdfQ.c2lnbmF0dXJl',
  ]) {
    t.false(redact(`with ${secret} inside`).includes(secret), secret);
  }
  t.is(redact('Authorization: Bearer abcdefghij0123456789'), 'Authorization: Bearer [redacted]');
  t.is(redact('https://user:pa55word@host/x'), 'https://user:[redacted]@host/x');
  t.is(redact('https://host:443/a@b'), 'https://host:443/a@b');
});

test('no text keeps a secret of six characters or more', (t) => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 6, maxLength: 30 }).filter((value) => !'[redacted]'.includes(value)),
      fc.string(),
      fc.string(),
      (secret, before, after) =>
        !redactor([secret])(`${before}${secret}${after}`).includes(secret) ||
        `${before}[redacted]${after}`.includes(secret),
    ),
  );
  t.pass();
});
