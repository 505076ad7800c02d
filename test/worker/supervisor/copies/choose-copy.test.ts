import test from 'ava';
import { copyNameText } from '../../../../crds/wire/copies.ts';
import { chooseCopy } from '../../../../worker/supervisor/copies/choose-copy.ts';

/** The part of a rank of two, made after this step of this round. */
const part = (round: number, step: number, rank: number, size = 2) =>
  copyNameText({ round, position: step, step, rank, size });

/** Pods 0 and 1, in this order, and what each has. */
const pair = (first: readonly string[], second: readonly string[]) => [
  { index: 0, trainers: 1, copies: first },
  { index: 1, trainers: 1, copies: second },
];

test('the newest moment of which both parts are there is gone on from', (t) => {
  const members = pair([part(1, 8, 0), part(1, 9, 0)], [part(1, 8, 1), part(1, 7, 1)]);
  t.deepEqual(chooseCopy(members, undefined), {
    ...{ round: 1, position: 8, step: 8, size: 2 },
    holders: [0, 1],
  });
});

test('a pod that is new gets its part from the one that keeps it', (t) => {
  const members = pair([part(1, 8, 0), part(1, 8, 1)], []);
  t.deepEqual(chooseCopy(members, undefined)?.holders, [0, 0]);
});

test('ranks may be with other pods than before: each part is where it is', (t) => {
  const members = pair([part(1, 8, 1)], [part(1, 8, 0)]);
  t.deepEqual(chooseCopy(members, undefined)?.holders, [1, 0]);
});

test('of two that have a part, the one that needs it is asked', (t) => {
  const both = [part(1, 8, 0), part(1, 8, 1)];
  t.deepEqual(chooseCopy(pair(both, both), undefined)?.holders, [0, 1]);
});

test('a part that nobody has leaves the committed checkpoint', (t) => {
  t.is(chooseCopy(pair([part(1, 8, 0)], [part(1, 7, 1)]), undefined), undefined);
});

test('a checkpoint that is as new is preferred', (t) => {
  const members = pair([part(1, 8, 0)], [part(1, 8, 1)]);
  t.is(chooseCopy(members, { step: 8, round: 1 }), undefined);
  t.is(chooseCopy(members, { step: 7, round: 1 })?.step, 8);
});

test('training went another way since: copies of before the checkpoint’s round are left alone', (t) => {
  const members = pair([part(1, 8, 0)], [part(1, 8, 1)]);
  t.is(chooseCopy(members, { step: 7, round: 2 }), undefined);
});

test('a later round is newer than a later step', (t) => {
  const of = (rank: number) => [part(1, 30, rank), part(2, 12, rank)];
  t.like(chooseCopy(pair(of(0), of(1)), undefined), { round: 2, step: 12 });
});

test('of a world of another size all parts are needed, whoever has them', (t) => {
  const of = (rank: number, step = 8) => part(1, step, rank, 3);
  const members = pair([of(0), of(1)], [of(2), of(1)]);
  t.deepEqual(chooseCopy(members, undefined), {
    ...{ round: 1, position: 8, step: 8, size: 3 },
    holders: [0, 1, 1],
  });
  t.is(chooseCopy(pair([of(0)], [of(2), of(1, 7)]), undefined), undefined);
  const alone = [{ index: 0, trainers: 1, copies: [part(1, 8, 0), part(1, 8, 1)] }];
  t.like(chooseCopy(alone, undefined), { size: 2, holders: [0, 0] });
  const more = [...pair([part(1, 8, 0)], [part(1, 8, 1)]), { index: 2, trainers: 1, copies: [] }];
  t.like(chooseCopy(more, undefined), { size: 2, holders: [0, 1] });
});

test('of pods of several ranks, each is asked first for those that are its own', (t) => {
  const all = [0, 1, 2, 3].map((rank) => part(1, 8, rank, 4));
  const pods = [0, 1].map((index) => ({ index, trainers: 2, copies: all }));
  t.deepEqual(chooseCopy(pods, undefined)?.holders, [0, 0, 1, 1]);
  const [first = { index: 0, trainers: 2, copies: [] }, second] = pods;
  const lost = [first, { ...second, index: 1, trainers: 2, copies: [] }];
  t.deepEqual(chooseCopy(lost, undefined)?.holders, [0, 0, 0, 0]);
});

test('names of another version are no copies', (t) => {
  t.is(chooseCopy(pair(['2:8:0', part(1, 8, 0)], ['what']), undefined), undefined);
});
