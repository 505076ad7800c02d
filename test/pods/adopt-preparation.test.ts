// A job of a sweep trains on what another one put in place: real records, a real token store, and
// what becomes of them.
import { rm, truncate } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import test from 'ava';
import { preparedRecord, runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import { requireRecord } from '../../worker/run-folder.ts';
import { adoptPreparation } from '../../worker/supervisor/adopt-preparation.ts';
import { aWorld } from './a-world.ts';

test.serial(
  'it is looked at and taken; what is damaged, gone, or was asked for otherwise is not',
  async (t) => {
    await using world = await aWorld(t, { workers: 1 });
    const theirs = world.runFolder;
    const { spec } = await requireRecord(theirs, runFiles.run, runRecord);
    const record = await requireRecord(theirs, runFiles.prepared, preparedRecord);
    const take = async (run: string, wanted = spec, preparedBy = basename(theirs)) => {
      const runFolder = join(dirname(theirs), run);
      const plan = { spec: wanted, record: undefined as never };
      await adoptPreparation({ preparedBy, runFolder }, plan, { line: () => {} });
      return requireRecord(runFolder, runFiles.prepared, preparedRecord);
    };
    t.deepEqual(await take('second-0'), record);
    const refused = { code: 'E_NOT_PREPARED' };
    const otherwise = { ...spec, dataset: { ...spec.dataset, sequenceLength: 64 } };
    await t.throwsAsync(take('third-0', otherwise), refused);
    await t.throwsAsync(take('fourth-0', spec, 'nobody-0'), { ...refused, message: /nobody-0/ });
    await truncate(join(record.data.train ?? '', 'tokens-000.bin'), 10);
    await t.throwsAsync(take('fifth-0'), refused);
    t.deepEqual(await take('second-0'), record, 'one that has its own record goes on with it');
    await rm(record.data.train ?? '', { recursive: true });
    await t.throwsAsync(take('sixth-0'), refused);
  },
);
