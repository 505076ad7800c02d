// The account of a client: what is counted, what is not counted twice, and when it refuses.
import test from 'ava';
import { digestOf } from '../../../crds/index.ts';
import type { PrivacyAccount, PrivateRun } from '../../../crds/wire/federation.ts';
import { epsilonOf } from '../../../worker/federate/privacy-account.ts';
import { noiseOf, reserved } from '../../../worker/federate/reserve.ts';

const privacy: PrivateRun = {
  ...{ clip: 1, rate: 0.25, batch: 2, delta: 1e-5, noise: 2, rounds: 2, steps: 4 },
};
const empty: PrivacyAccount = { version: 1, key: '0'.repeat(32), spent: [] };
const first = { round: 1, attempt: digestOf('first') };
const second = { round: 2, attempt: digestOf('second') };

test('a round counts once, however often it is begun again', (t) => {
  const { account, number } = reserved(empty, privacy, first);
  t.is(number, 0);
  t.deepEqual(account.spent, [{ ...first, rate: 0.25, noise: 2, steps: 4 }]);
  t.deepEqual(reserved(account, privacy, first), { account, number: 0 });
  const next = reserved(account, privacy, second);
  t.is(next.number, 1);
  t.is(epsilonOf(next.account.spent, 1e-5), epsilonOf([{ rate: 0.25, noise: 2, steps: 8 }], 1e-5));
  t.is(reserved(next.account, privacy, first).number, 0);
});

test('the same round with another state or other data counts again, with other noise', (t) => {
  const { account } = reserved(empty, privacy, first);
  const other = reserved(account, privacy, { ...first, attempt: digestOf('other data') });
  t.is(other.number, 1, 'the number names the streams');
  t.is(other.account.spent.length, 2);
});

test('a round that would exceed maxEpsilon is refused, and one that is counted already is not', (t) => {
  const one = epsilonOf([{ rate: 0.25, noise: 2, steps: 4 }], 1e-5);
  const limited = { ...privacy, maxEpsilon: one };
  const { account } = reserved(empty, limited, first);
  t.throws(() => reserved(account, limited, second), {
    code: 'E_PRIVACY_SPENT',
    message: /round 2 would bring its epsilon from 1\.58 to 2\.08; its maxEpsilon is 1\.58/,
  });
  t.notThrows(() => reserved(account, limited, first));
  t.throws(() => reserved(empty, { ...privacy, maxEpsilon: 0.99 * one }, first), {
    message: /from 0\.00 to 1\.58/,
  });
});

test('noise that follows from a target meets it over all rounds, and no more than it', (t) => {
  const { noise: _, ...rest } = privacy;
  const target = { ...rest, targetEpsilon: 3 };
  const noise = noiseOf(target);
  const after = (times: number) => epsilonOf([{ rate: 0.25, noise, steps: times * 4 }], 1e-5);
  t.true(after(2) <= 3 && after(2) > 3 - 1e-4, String(after(2)));
  t.true(after(1) < 3);
});
