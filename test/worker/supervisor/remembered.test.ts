import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { restartsRecord } from '../../../crds/wire/state.ts';
import { caughtUp, remember, rememberedIn } from '../../../worker/supervisor/remembered.ts';
import { aState, aWorld } from '../../builders/situation.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const opened = { by: 'pod-a', at: '2026-01-01T00:00:00Z' };
const headOf = (round: number, step: number) => ({
  ...{ round, step, manifest: `round-${round}/step-${step}` },
  ...{ digest: 'sha256:0', time: '2026-01-01T00:00:00Z' },
});

const markOf = (round: number, step: number, counted = 0) => ({
  head: headOf(round, step),
  restarts: restartsRecord.parse({ counted }),
});

test('what was committed last is remembered beside the rounds that trained', async (t) => {
  await using folder = await temporaryFolder();
  const folders = { folder: join(folder.path, 'run'), checkpoints: undefined };
  t.deepEqual(await rememberedIn(folders), { mark: undefined, round: 0 }, 'nothing is there');
  for (const name of ['round-2', 'round-10', 'round-9', 'round-x']) {
    await mkdir(join(folders.folder, name), { recursive: true });
  }
  await remember(folders, markOf(9, 30));
  await remember(folders, markOf(10, 33, 2));
  t.deepEqual(await rememberedIn(folders), { mark: markOf(10, 33, 2), round: 10 });
  t.is((await readdir(folders.folder)).length, 5, 'no file is left of writing');
  await writeFile(join(folders.folder, 'committed.json'), '{"step": 3');
  t.deepEqual(await rememberedIn(folders), { mark: undefined, round: 10 });
});

test('a record that knows of all that is remembered stays as it is', (t) => {
  const state = aState({ round: 5, checkpoint: headOf(4, 30) });
  for (const mark of [undefined, markOf(4, 30, 9), markOf(4, 27), markOf(3, 60)]) {
    t.is(caughtUp(state, { mark, round: 4 }, opened), undefined);
  }
  t.is(caughtUp(aState(), { mark: undefined, round: 0 }, opened), undefined);
});

test('a record that is behind gets the checkpoint, and a number that no round had', (t) => {
  const behind = aState({ round: 3, checkpoint: headOf(2, 30), world: aWorld });
  const next = caughtUp(behind, { mark: markOf(7, 77), round: 8 }, opened);
  t.like(next, { round: 9, checkpoint: headOf(7, 77), opened: { cause: 'Start' } });
  t.is(next?.world, undefined);
  const sameRound = caughtUp(behind, { mark: markOf(2, 33), round: 2 }, opened);
  t.like(sameRound, { round: 4, checkpoint: headOf(2, 33) });
  const never = caughtUp(aState(), { mark: undefined, round: 2 }, opened);
  t.like(never, { round: 3 });
  t.is(never?.checkpoint, undefined, 'what trained before has committed nothing');
});

test('whatever the bus forgot, one look is enough, and no checkpoint is given up for an earlier one', (t) => {
  const small = fc.integer({ min: 1, max: 5 });
  const head = fc.option(fc.tuple(small, small), { nil: undefined });
  fc.assert(
    fc.property(small, head, head, fc.nat(7), (round, known, marked, newest) => {
      const state = aState({
        round: Math.max(round, (known?.[0] ?? 0) + 1),
        ...(known && { checkpoint: headOf(...known) }),
      });
      const remembered = {
        mark: marked && markOf(...marked),
        round: Math.max(newest, marked?.[0] ?? 0),
      };
      const next = caughtUp(state, remembered, opened) ?? state;
      const order = (of: readonly [number, number] | undefined) =>
        (of?.[0] ?? 0) * 10 + (of?.[1] ?? 0);
      const { checkpoint } = next;
      t.is(
        order(checkpoint && [checkpoint.round, checkpoint.step]),
        Math.max(order(known), order(marked)),
      );
      t.true(next.round > remembered.round);
      t.is(caughtUp(next, remembered, opened), undefined);
    }),
  );
});

test('restarts of which only the bus knew are in the account again', (t) => {
  const restarts = restartsRecord.parse({ counted: 3, disruptions: 1 });
  const behind = aState({ round: 3, checkpoint: headOf(2, 30), restarts });
  const after = (counted: number) =>
    caughtUp(behind, { mark: markOf(7, 77, counted), round: 8 }, opened)?.restarts.counted;
  t.is(after(5), 5);
  t.is(after(2), 3, 'the operator has counted some since');
});
