import test from 'ava';
import { isFirst, seatIn } from '../../../worker/supervisor/seat.ts';
import {
  aList,
  aPair,
  aState,
  aTraining,
  someRecords,
  worldOfList,
} from '../../builders/situation.ts';

test('a member has the rank that the list gives it, and knows where all meet', (t) => {
  const store = { host: '10.0.0.1', port: 29_400 };
  t.deepEqual(seatIn(aPair(1)), { rank: 1, size: 2, first: 0, store, neighbours: 2 });
  t.false(isFirst(aPair(1)));
  t.true(isFirst(aPair(0)));
});

test('ranks follow the order of the list, not the index', (t) => {
  const list = { ...aList('pod-a', 'pod-b'), order: [1, 0] };
  const state = aState({ world: worldOfList(list) });
  t.like(seatIn(aPair(0, { list, state })), { rank: 1, first: 1 });
});

test('neighbours are the members on the same node', (t) => {
  const both = aList('pod-a', 'pod-b');
  const members = both.members.map((one, index) => ({ ...one, node: `node-${index}` }));
  const list = { ...both, members };
  t.is(seatIn(aPair(0, { list, state: aState({ world: worldOfList(list) }) }))?.neighbours, 1);
});

test('a pod that the list does not name has no seat', (t) => {
  const list = aList('pod-b');
  t.is(seatIn(aTraining({ list, state: aState({ world: worldOfList(list) }) })), undefined);
});

test('a list that is not the one that was agreed on is not read', (t) => {
  const list = aList('pod-a', 'pod-c');
  t.is(seatIn(aPair(0, { list })), undefined);
});

test('without a world nobody has a seat', (t) => {
  t.is(seatIn(aPair(0, { state: aState({ generation: 2 }) })), undefined);
  t.is(seatIn(aPair(0, { records: someRecords({}) })), undefined);
});
