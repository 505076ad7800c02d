import test from 'ava';
import { deviceName } from '../../../crds/wire/device.ts';
import { memberRecord } from '../../../crds/wire/member.ts';
import { runRecord } from '../../../crds/wire/run-folder.ts';
import { aRunRecord } from '../../builders/stored-run.ts';

test('the record of a run and that of a trainer take a device, and nothing else for one', (t) => {
  const record = aRunRecord('/cache');
  for (const name of ['cpu', 'cuda:15']) t.is<string, string>(deviceName.parse(name), name);
  t.is(runRecord.parse({ ...record, device: 'cuda:1' }).device, 'cuda:1');
  t.false(runRecord.safeParse({ ...record, device: 'cuda' }).success);
  const member = {
    ...{ group: 'g', round: 1, rank: 0, size: 2, address: 'here', neighbours: 2, timeoutMs: 1 },
    store: { host: 'here', port: 1 },
  };
  t.is(memberRecord.parse(member).device, undefined);
  t.is(memberRecord.parse({ ...member, device: 'cuda:1' }).device, 'cuda:1');
  t.false(memberRecord.safeParse({ ...member, device: 'cuda' }).success);
});
