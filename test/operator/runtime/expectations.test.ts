import test from 'ava';
import { Expectations } from '../../../operator/runtime/expectations.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { things } from '../../builders/kube-client.ts';

const written = (version: number) =>
  things.read({ metadata: { name: 'a', namespace: 'team', resourceVersion: String(version) } });

test('writes are waited for until the informer has seen them all', (t) => {
  const store = new Store<never, never>({ indexes: {} });
  const expectations = new Expectations();
  expectations.expect('k', store, written(5), 0);
  expectations.expect('k', store, written(7), 0);
  t.false(expectations.areMet('k', 1));
  store.reached('5');
  t.false(expectations.areMet('k', 1));
  store.reached('7');
  t.true(expectations.areMet('k', 1));
});

test('an informer that never catches up is waited for ten seconds', (t) => {
  const expectations = new Expectations();
  expectations.expect('k', new Store<never, never>({ indexes: {} }), written(5), 0);
  t.false(expectations.areMet('k', 9_999));
  t.true(expectations.areMet('k', 10_000));
});

test('what is written for one job does not hold up another', (t) => {
  const expectations = new Expectations();
  expectations.expect('k', new Store<never, never>({ indexes: {} }), written(5), 0);
  t.true(expectations.areMet('other', 0));
  expectations.forget('k');
  t.true(expectations.areMet('k', 0));
});
