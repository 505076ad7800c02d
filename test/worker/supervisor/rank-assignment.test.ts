import test from 'ava';
import { assignmentIn, isFirst } from '../../../worker/supervisor/rank-assignment.ts';
import {
  aList,
  aPair,
  aState,
  aTraining,
  someRecords,
  worldOfList,
} from '../../builders/situation.ts';

test('a member has the rank that the list gives it, and knows the address of the store', (t) => {
  const store = { host: '10.0.0.1', port: 29_400 };
  t.deepEqual(assignmentIn(aPair(1)), {
    ...{ rank: 1, trainers: 1, size: 2, pods: 2, first: 0, store, neighbours: 2 },
  });
  t.false(isFirst(aPair(1)));
  t.true(isFirst(aPair(0)));
});

test('ranks follow the order of the list, not the index', (t) => {
  const list = { ...aList('pod-a', 'pod-b'), order: [1, 0] };
  const state = aState({ world: worldOfList(list) });
  t.like(assignmentIn(aPair(0, { list, state })), { rank: 1, first: 1 });
});

test('each device of a pod is a rank, and those of one pod follow each other', (t) => {
  const both = aList('pod-b', 'pod-a');
  const members = both.members.map((one) => ({ ...one, devices: 4 }));
  const list = { ...both, members, order: [1, 0] };
  const state = aState({ world: worldOfList(list) });
  t.like(assignmentIn(aPair(1, { list, state })), { rank: 0, trainers: 4, size: 8, pods: 2 });
  const second = { ...list, order: [0, 1] };
  const after = { list: second, state: aState({ world: worldOfList(second) }) };
  t.like(assignmentIn(aPair(1, after)), { rank: 4, trainers: 4, neighbours: 8 });
  t.false(isFirst(aPair(1, after)));
});

test('neighbours are the members on the same node', (t) => {
  const both = aList('pod-a', 'pod-b');
  const members = both.members.map((one, index) => ({ ...one, node: `node-${index}` }));
  const list = { ...both, members };
  t.is(
    assignmentIn(aPair(0, { list, state: aState({ world: worldOfList(list) }) }))?.neighbours,
    1,
  );
});

test('a pod that the list does not name is assigned no rank', (t) => {
  const list = aList('pod-b');
  t.is(assignmentIn(aTraining({ list, state: aState({ world: worldOfList(list) }) })), undefined);
});

test('a list that is not the one that was agreed on is not read', (t) => {
  const list = aList('pod-a', 'pod-c');
  t.is(assignmentIn(aPair(0, { list })), undefined);
});

test('without a world nobody is assigned a rank', (t) => {
  t.is(assignmentIn(aPair(0, { state: aState({ round: 2 }) })), undefined);
  t.is(assignmentIn(aPair(0, { records: someRecords({}) })), undefined);
});
