import test from 'ava';
import fc from 'fast-check';
import type { ObjectMeta } from '../../../operator/runtime/resource.ts';
import { type Change, Store } from '../../../operator/runtime/store.ts';

interface Pod {
  readonly metadata: ObjectMeta;
  readonly owner: string;
}

const aPod = (name: string, uid: string, version: number, owner = 'o'): Pod => ({
  metadata: {
    name,
    namespace: 'n',
    uid,
    resourceVersion: String(version),
    creationTimestamp: '',
    labels: {},
    annotations: {},
    finalizers: [],
  },
  owner,
});

const newStore = () => new Store<Pod, 'owner'>({ indexes: { owner: (pod) => [pod.owner] } });

test('an index finds exactly the objects with its value, whatever was put and removed before', (t) => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    owner: fc.constantFrom('x', 'y'),
    uid: fc.constantFrom('1', '2'),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const store = newStore();
      for (const [version, { name, owner, uid, remove }] of steps.entries()) {
        const pod = aPod(name, uid, version, owner);
        if (remove) store.remove(pod);
        else store.put(pod);
      }
      return ['x', 'y'].every((owner) => {
        const expected = [...store.values()].filter((pod) => pod.owner === owner);
        const found = new Set(store.by('owner', owner));
        return found.size === expected.length && expected.every((pod) => found.has(pod));
      });
    }),
  );
  t.pass();
});

test('the same name with another UID is the end of one object and the begin of another', (t) => {
  const store = newStore();
  const seen: string[] = [];
  using _subscription = store.subscribe((change: Change<Pod>) => {
    seen.push(`${change.type} ${change.object.metadata.uid}`);
  });
  store.put(aPod('a', '1', 1));
  store.put(aPod('a', '2', 2));
  store.put(aPod('a', '2', 2));
  store.put(aPod('a', '2', 3));
  t.deepEqual(seen, ['Added 1', 'Deleted 1', 'Added 2', 'Updated 2']);
});

test('objects are frozen to the bottom', (t) => {
  const store = newStore();
  store.put(aPod('a', '1', 1));
  t.throws(() => Object.assign(store.get('n/a')!.metadata.labels, { x: '1' }), {
    instanceOf: TypeError,
  });
});

test('versions are compared as numbers', (t) => {
  const store = newStore();
  store.reached('99');
  t.false(store.hasSeen('100', 'n'));
  store.reached('1000');
  store.reached('5');
  t.true(store.hasSeen('1000', 'n'));
});

test('of several streams each knows its own namespace', (t) => {
  const store = newStore();
  store.reached('50', 'a');
  store.reached('90', 'b');
  t.false(store.hasSeen('60', 'a'));
  t.true(store.hasSeen('60', 'b'));
  t.false(store.hasSeen('1', 'c'));
});

test('a listener that left hears nothing more', (t) => {
  const store = newStore();
  let heard = 0;
  const subscription = store.subscribe(() => {
    heard += 1;
  });
  store.put(aPod('a', '1', 1));
  subscription[Symbol.dispose]();
  store.put(aPod('b', '1', 2));
  t.is(heard, 1);
});
