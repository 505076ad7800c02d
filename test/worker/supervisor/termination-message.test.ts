import test from 'ava';
import fc from 'fast-check';
import {
  longestTerminationMessage,
  parseTerminationMessage,
} from '../../../crds/wire/termination-message.ts';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import { redactor } from '../../../worker/supervisor/redact.ts';
import {
  failureMessage,
  terminationMessageText,
} from '../../../worker/supervisor/termination-message.ts';

test('words of any length, in any letters, fit and can be read', (t) => {
  const text = fc.tuple(fc.constantFrom('a', 'é', '💡', '\u0001', '"'), fc.nat(5000));
  fc.assert(
    fc.property(text, text, ([letter, count], [other, more]) => {
      const message = letter.repeat(count);
      const crash = {
        ...failureWith('E_CRASHED', message),
        lastError: other.repeat(more),
        step: 3,
      };
      const said = terminationMessageText(
        failureMessage(crash, { round: 2, index: 0 }),
        (each) => each,
      );
      t.true(Buffer.byteLength(said) <= longestTerminationMessage);
      const { failure } = parseTerminationMessage(said) ?? {};
      t.like(failure, { code: 'E_CRASHED', step: 3, round: 2, index: 0 });
      t.true(message.startsWith(failure?.message ?? ''));
      t.true(count === 0 || (failure?.message ?? '') !== '', 'some of it is left');
    }),
  );
});

test('a long list of artefacts loses its end', (t) => {
  const artifact = { type: 'GGUF', uri: `pvc://${'x'.repeat(1000)}` };
  const text = terminationMessageText(
    { v: 1, published: { artifacts: Array(16).fill(artifact) } },
    (each) => each,
  );
  t.is(parseTerminationMessage(text)?.published?.artifacts.length, 3);
});

test('credentials do not get into the termination message', (t) => {
  const text = terminationMessageText(
    failureMessage(failureWith('E_CRASHED', 'token secret-value here'), {}),
    redactor(['secret-value']),
  );
  t.is(parseTerminationMessage(text)?.failure?.message, 'token [redacted] here');
});
