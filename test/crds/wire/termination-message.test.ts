import test from 'ava';
import {
  longestTerminationMessage,
  parseTerminationMessage,
} from '../../../crds/wire/termination-message.ts';
import { smol135 } from '../../builders/facts.ts';

test('words of somebody else, half a record and silence are no record', (t) => {
  for (const text of [undefined, '', 'Killed', '{"v":1,"fail', '{"v":2}', '[]'])
    t.is(parseTerminationMessage(text), undefined, text);
});

test('a failure and a preparation are read back', (t) => {
  const failure = { code: 'E_INVALID_DATA', reason: 'InvalidData', message: 'm', step: 3 };
  t.deepEqual(parseTerminationMessage(JSON.stringify({ v: 1, failure })), { v: 1, failure });
  const prepared = {
    model: { digest: 'sha256:0', family: 'Llama', format: 'GGUF', facts: smol135 },
    dataset: {
      ...{ digest: 'd', samples: 1, tokens: 2, targetTokens: 1, skipped: 0 },
      ...{ sequences: 1, longest: 2 },
    },
  };
  const text = JSON.stringify({ v: 1, prepared });
  t.true(text.length < longestTerminationMessage / 4);
  t.is(parseTerminationMessage(text)?.prepared?.model.facts.L, smol135.L);
});
