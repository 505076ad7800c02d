import test from 'ava';
import { memberRecord, memberVariable } from '../../../crds/wire/member.ts';
import {
  type Membership,
  memberVariables,
  namesOf,
} from '../../../worker/supervisor/trainer-member.ts';

const limits = (bytes?: number) => ({ memoryLimit: () => bytes, memoryKills: () => 0 });

/** The second of two pods with two devices each, on one node. */
const second: Membership = {
  assignment: {
    ...{ rank: 2, trainers: 2, size: 4, neighbours: 4 },
    store: { host: '10.0.0.1', port: 29_400 },
  },
  ...{ group: 'job/1', round: 1, address: '10.0.0.2', onDevices: true, timeoutMs: 1000 },
};

function told(of: Membership, place: number, bytes?: number) {
  const text = memberVariables(of, place, limits(bytes))[memberVariable];
  return text === undefined ? undefined : memberRecord.parse(JSON.parse(text));
}

test('ranks and devices of a pod follow its places', (t) => {
  t.like(told(second, 1), {
    ...{ rank: 3, size: 4, device: 'cuda:1', address: '10.0.0.2', neighbours: 4 },
  });
  t.deepEqual(namesOf(second), [
    { rank: 2, device: 'cuda:0' },
    { rank: 3, device: 'cuda:1' },
  ]);
});

test('a pod with a memory limit shares it among its own trainers alone', (t) => {
  t.is(told(second, 0, 1e9)?.neighbours, 2);
});

test('the only trainer of a pod has no name, and the only one of a world is told nothing', (t) => {
  const one = { ...second, assignment: { ...second.assignment, trainers: 1, size: 2 } };
  t.deepEqual(namesOf(one), [undefined]);
  t.is(told({ ...one, onDevices: false }, 0)?.device, undefined);
  t.is(told({ ...one, assignment: { ...one.assignment, size: 1 } }, 0), undefined);
});
