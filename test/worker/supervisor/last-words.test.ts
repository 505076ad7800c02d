import test from 'ava';
import fc from 'fast-check';
import { longestLastWords, parseLastWords } from '../../../crds/wire/last-words.ts';
import { troubleOf } from '../../../worker/supervisor/end-of-child.ts';
import { failureWords, wordsText } from '../../../worker/supervisor/last-words.ts';
import { redactor } from '../../../worker/supervisor/redact.ts';

test('words of any length, in any letters, fit and can be read', (t) => {
  const text = fc.tuple(fc.constantFrom('a', 'é', '💡', '\u0001', '"'), fc.nat(5000));
  fc.assert(
    fc.property(text, text, ([letter, count], [other, more]) => {
      const message = letter.repeat(count);
      const trouble = {
        ...troubleOf('E_CRASHED', message),
        lastError: other.repeat(more),
        step: 3,
      };
      const said = wordsText(failureWords(trouble, { round: 2, index: 0 }), (each) => each);
      t.true(Buffer.byteLength(said) <= longestLastWords);
      const { failure } = parseLastWords(said) ?? {};
      t.like(failure, { code: 'E_CRASHED', step: 3, round: 2, index: 0 });
      t.true(message.startsWith(failure?.message ?? ''));
      t.true(count === 0 || (failure?.message ?? '') !== '', 'some of it is left');
    }),
  );
});

test('a long list of artefacts loses its end', (t) => {
  const artifact = { type: 'GGUF', uri: `pvc://${'x'.repeat(1000)}` };
  const text = wordsText(
    { v: 1, published: { artifacts: Array(16).fill(artifact) } },
    (each) => each,
  );
  t.is(parseLastWords(text)?.published?.artifacts.length, 3);
});

test('credentials do not get into last words', (t) => {
  const text = wordsText(
    failureWords(troubleOf('E_CRASHED', 'token secret-value here'), {}),
    redactor(['secret-value']),
  );
  t.is(parseLastWords(text)?.failure?.message, 'token [redacted] here');
});
