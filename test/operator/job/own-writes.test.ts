import test from 'ava';
import { OwnWrites } from '../../../operator/job/own-writes.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { things } from '../../builders/kube-client.ts';

const written = (version: number) =>
  things.read({ metadata: { name: 'a', namespace: 'team', resourceVersion: String(version) } });

test('writes are waited for until the cache has seen them all', (t) => {
  const store = new Store<never, never>({ indexes: {} });
  const writes = new OwnWrites();
  writes.note('k', store, written(5), 0);
  writes.note('k', store, written(7), 0);
  t.false(writes.areSeen('k', 1));
  store.reached('5');
  t.false(writes.areSeen('k', 1));
  store.reached('7');
  t.true(writes.areSeen('k', 1));
});

test('a cache that never catches up is waited for ten seconds', (t) => {
  const writes = new OwnWrites();
  writes.note('k', new Store<never, never>({ indexes: {} }), written(5), 0);
  t.false(writes.areSeen('k', 9_999));
  t.true(writes.areSeen('k', 10_000));
});

test('what is written for one job does not hold up another', (t) => {
  const writes = new OwnWrites();
  writes.note('k', new Store<never, never>({ indexes: {} }), written(5), 0);
  t.true(writes.areSeen('other', 0));
  writes.forget('k');
  t.true(writes.areSeen('k', 0));
});
