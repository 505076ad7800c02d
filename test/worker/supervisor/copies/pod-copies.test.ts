// Two pods of one job with their copies, as their supervisors keep them: real connections, real
// files, no trainers.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../../crds/clock.ts';
import { type CopyName, copyNameText } from '../../../../crds/wire/copies.ts';
import { type WorldRecord, worldRecord } from '../../../../crds/wire/state.ts';
import {
  beginCopy,
  deliveredCopy,
  endCopy,
  listCopies,
} from '../../../../worker/checkpoint/copy-folder.ts';
import { verifyCheckpoint } from '../../../../worker/checkpoint/folder.ts';
import { PodCopies } from '../../../../worker/supervisor/copies/pod-copies.ts';
import { assignmentIn } from '../../../../worker/supervisor/rank-assignment.ts';
import { aManifest } from '../../../builders/checkpoint.ts';
import { aSpec } from '../../../builders/job.ts';
import { aState, someRecords, worldOfList } from '../../../builders/situation.ts';
import { eventually } from '../../../doubles/eventually.ts';
import { temporaryFolder } from '../../../doubles/sources.ts';

interface TestPod {
  readonly uid: string;
  readonly devices: number;
  readonly folder: string;
  readonly copies: PodCopies;
  readonly lines: string[];
}

async function aPod(t: ExecutionContext, index: number, devices = 0): Promise<TestPod> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const uid = `pod-${index}`;
  const lines: string[] = [];
  const copies = await PodCopies.open({
    config: {
      pod: { name: uid, uid, ip: '127.0.0.1', node: 'n', index, workerRevision: 1 },
      ...{ copiesFolder: folder.path, copiesPort: 0 },
    },
    plan: {
      spec: aSpec({ 'checkpoint.memory.mode': 'LocalAndPeer', 'worker.devicesPerWorker': devices }),
    },
    clock: systemClock,
    report: { line: (_level, _from, text) => void lines.push(text) },
  });
  t.teardown(() => copies[Symbol.asyncDispose]());
  return { uid, devices, folder: folder.path, copies, lines };
}

type Restore = NonNullable<WorldRecord['restore']>;

function worldOf(pods: readonly TestPod[], restore?: Restore) {
  return worldRecord.parse({
    v: 1,
    members: pods.map(({ uid, devices, copies }, index) => ({
      ...{ index, podUID: uid, podIP: '127.0.0.1', node: 'n', devices, copyPort: copies.port },
    })),
    order: pods.map((_, index) => index),
    master: '127.0.0.1',
    ...(restore === undefined ? {} : { restore }),
  });
}

/** What the trainers are told, by their ranks. */
async function begin(pods: readonly TestPod[], round: number, restore?: Restore) {
  const world = worldOf(pods, restore);
  const state = aState({ world: worldOfList(world) });
  const plans = await Promise.all(
    pods.map(({ uid, copies }, index) => {
      const me = { index, podUID: uid, workerRevision: 1, bootAt: 0 };
      const assignment = assignmentIn({ records: someRecords({ state, list: world }), me });
      if (assignment === undefined) throw new Error('it is in no world');
      return copies.begin({ round, world, assignment });
    }),
  );
  return plans.flatMap((each) => each ?? []);
}

/** As a trainer does. */
async function make(
  { folder }: Pick<TestPod, 'folder'>,
  name: CopyName,
  text: string,
): Promise<string> {
  const partial = await beginCopy(folder, 'own', copyNameText(name));
  const file = `shard-${name.rank}.safetensors`;
  await writeFile(join(partial, file), text);
  const manifest = aManifest(text);
  const files = manifest.files.map((each) => ({ ...each, name: file }));
  const tensors = manifest.tensors.map((each) => ({ ...each, file }));
  await writeFile(join(partial, 'manifest.json'), JSON.stringify({ ...manifest, files, tensors }));
  return endCopy(partial);
}

const part = (step: number, rank: number): CopyName => ({
  ...{ round: 1, position: step, step, rank, size: 2 },
});
const within = { withinMs: 10_000, everyMs: 10 };

test('what a trainer makes comes to the next rank, and is told as delivered then', async (t) => {
  const pods = [await aPod(t, 0), await aPod(t, 1)];
  const [first, second] = pods;
  if (first === undefined || second === undefined) return t.fail();
  const plans = await begin(pods, 1);
  t.like(plans, [
    { round: 1, intervalSteps: null, hasPeer: true },
    { round: 1, hasPeer: true },
  ]);
  for (const step of [4, 5]) {
    const text = copyNameText(part(step, 0));
    await make(first, part(step, 0), `state ${step}`);
    await eventually(
      'it is delivered',
      async () => (await deliveredCopy(first.folder)) === text,
      within,
    );
    t.is(first.copies.deliveredStep, step);
    const [kept] = await listCopies(second.folder, 'kept');
    t.deepEqual(kept?.name, part(step, 0));
  }
  t.deepEqual(await second.copies.names(), [part(5, 0), part(4, 0)].map(copyNameText));
});

test('a copy of an earlier round is brought to nobody', async (t) => {
  const pods = [await aPod(t, 0), await aPod(t, 1)];
  const [first, second] = pods;
  if (first === undefined || second === undefined) return t.fail();
  await make(first, part(4, 0), 'before');
  await begin(pods, 2);
  const next = { ...part(5, 0), round: 2 };
  await make(first, next, 'now');
  const text = copyNameText(next);
  await eventually(
    'it is delivered',
    async () => (await deliveredCopy(first.folder)) === text,
    within,
  );
  t.deepEqual(await second.copies.names(), [text]);
});

test('a trainer goes on from the part in its pod, else from one that is fetched', async (t) => {
  const pods = [await aPod(t, 0), await aPod(t, 1)];
  const [first] = pods;
  if (first === undefined) return t.fail();
  const own = await make(first, part(4, 0), 'rank 0');
  const partial = await beginCopy(first.folder, 'kept', copyNameText(part(4, 1)));
  await writeFile(join(partial, 'shard-0.safetensors'), 'rank 1');
  await writeFile(join(partial, 'manifest.json'), JSON.stringify(aManifest('rank 1')));
  await endCopy(partial);
  const { rank: _, ...moment } = part(4, 0);
  const [mine, other] = await begin(pods, 2, { ...moment, holders: [0, 0] });
  t.is(mine?.from, own);
  t.is(await readFile(join(other?.from ?? '', 'shard-0.safetensors'), 'utf8'), 'rank 1');
});

test('a part that cannot be had is named all the same: all ranks find out together', async (t) => {
  const pods = [await aPod(t, 0), await aPod(t, 1)];
  const { rank: _, ...moment } = part(4, 0);
  const [plan] = await begin(pods, 2, { ...moment, holders: [1, 1] });
  t.regex(plan?.from ?? '', /own\/1-4-4-0-of-2$/);
  t.regex(pods[0]?.lines.join() ?? '', /copy 1-4-4-0-of-2\/manifest.json at .* it answers 404/);
});

test('a world of another size gets the parts of all ranks, in each of its pods', async (t) => {
  const pods = [await aPod(t, 0), await aPod(t, 1), await aPod(t, 2)];
  const [first, second] = pods;
  if (first === undefined || second === undefined) return t.fail();
  await make(first, part(4, 0), 'rank 0');
  await make(second, part(4, 1), 'rank 1');
  const { rank: _, ...moment } = part(4, 0);
  const plans = await begin(pods, 2, { ...moment, holders: [0, 1] });
  for (const plan of plans) {
    const texts = [0, 1].map((rank) =>
      readFile(join(plan?.from ?? '', `shard-${rank}.safetensors`), 'utf8'),
    );
    t.deepEqual(await Promise.all(texts), ['rank 0', 'rank 1']);
    t.is((await verifyCheckpoint(plan?.from ?? '')).tensors.length, 2);
  }
  const [lost] = await begin(pods, 3, { ...moment, round: 3, holders: [0, 1] });
  await t.throwsAsync(verifyCheckpoint(lost?.from ?? ''), { code: 'E_CHECKPOINT_CORRUPTED' });
});

test('of pods with two trainers, parts come to the next pod, and back to one that is new', async (t) => {
  const pods = [await aPod(t, 0, 2), await aPod(t, 1, 2)];
  const [first, second] = pods;
  if (first === undefined || second === undefined) return t.fail();
  const four = (rank: number): CopyName => ({ ...part(4, rank), size: 4 });
  const plans = await begin(pods, 1);
  t.deepEqual(
    plans.map(({ folder }) => folder),
    [first, first, second, second].map(({ folder }, rank) => join(folder, String(rank % 2))),
  );
  for (const [rank, { folder }] of plans.entries()) await make({ folder }, four(rank), `${rank}`);
  const all = [0, 1, 2, 3].map((rank) => copyNameText(four(rank)));
  for (const { copies } of pods) {
    const has = async () => (await copies.names()).toSorted().join() === all.join();
    await eventually('both pods have the parts of all ranks', has, within);
    await eventually('both are told as delivered', () => copies.deliveredStep === 4, within);
  }
  const replaced = await aPod(t, 1, 2);
  const { rank: _, ...moment } = four(0);
  const again = await begin([first, replaced], 2, { ...moment, holders: [0, 0, 0, 0] });
  for (const [rank, { from = '' }] of again.entries()) {
    t.is(await readFile(join(from, `shard-${rank}.safetensors`), 'utf8'), String(rank));
    t.true(from.startsWith(rank < 2 ? first.folder : replaced.folder));
  }
});

test('a pod of several trainers fetches the parts of a world of another size once', async (t) => {
  const pods = [await aPod(t, 0, 2), await aPod(t, 1, 2)];
  const [first] = pods;
  if (first === undefined) return t.fail();
  for (const rank of [0, 1]) {
    await make({ folder: join(first.folder, String(rank)) }, part(4, rank), `${rank}`);
  }
  const { rank: _, ...moment } = part(4, 0);
  const plans = await begin(pods, 2, { ...moment, holders: [0, 0] });
  t.deepEqual(
    plans.map(({ from }) => from),
    [0, 0, 1, 1].map((index) => join(pods[index]?.folder ?? '', 'joined')),
  );
  t.is((await verifyCheckpoint(plans[3]?.from ?? '')).tensors.length, 2);
});
