// Both ends of the exchange of copies, over a real connection.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type CopyName, copyNameText } from '../../../../crds/wire/copies.ts';
import { listCopies } from '../../../../worker/checkpoint/copy-folder.ts';
import { verifyCheckpoint } from '../../../../worker/checkpoint/folder.ts';
import { fetchCopy, putCopy } from '../../../../worker/supervisor/copies/copy-client.ts';
import { CopyServer } from '../../../../worker/supervisor/copies/copy-server.ts';
import { aManifest } from '../../../builders/checkpoint.ts';
import { eventually } from '../../../doubles/eventually.ts';
import { temporaryFolder } from '../../../doubles/sources.ts';

const host = '127.0.0.1';
const never = new AbortController().signal;

const at = (position: number): CopyName => ({
  ...{ round: 1, position, step: position, rank: 0, size: 2 },
});

async function write(root: string, kind: string, name: CopyName, text: string) {
  const folder = join(root, kind, copyNameText(name));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'shard-0.safetensors'), text);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(aManifest(text)));
  return { name, folder };
}

async function aServer(t: ExecutionContext) {
  const root = await temporaryFolder();
  t.teardown(() => root[Symbol.asyncDispose]());
  const server = await CopyServer.listen({ host, port: 0, podUID: 'pod-b', folders: [root.path] });
  t.teardown(() => server[Symbol.asyncDispose]());
  return { root: root.path, address: { host, port: server.port, podUID: 'pod-b' } };
}

const kept = async (root: string) =>
  (await listCopies(root, 'kept')).map(({ name }) => name.position);

test('what is put is kept whole, and can be fetched from there as it was', async (t) => {
  await using own = await temporaryFolder();
  const { root, address } = await aServer(t);
  const text = 'tensors'.repeat(100_000);
  await putCopy(address, await write(own.path, 'own', at(8), text), never);
  await verifyCheckpoint((await listCopies(root, 'kept'))[0]?.folder ?? '');
  await using newcomer = await temporaryFolder();
  const fetched = await fetchCopy(address, at(8), newcomer.path, never);
  t.is(await readFile(join(fetched, 'shard-0.safetensors'), 'utf8'), text);
  t.deepEqual(
    (await listCopies(newcomer.path, 'own')).map(({ folder }) => folder),
    [fetched],
  );
});

test('the one before stays until the next is whole, and none before that', async (t) => {
  await using own = await temporaryFolder();
  const { root, address } = await aServer(t);
  for (const position of [1, 2, 3]) {
    await putCopy(address, await write(own.path, 'own', at(position), `state ${position}`), never);
    t.deepEqual(
      await kept(root),
      [position, position - 1].filter((each) => each > 0),
    );
  }
});

test('one that is cut off on the way is none', async (t) => {
  await using own = await temporaryFolder();
  const { root, address } = await aServer(t);
  await putCopy(address, await write(own.path, 'own', at(1), 'whole'), never);
  const socket = createConnection(address.port, host);
  const path = `/pod-b/${copyNameText(at(2))}/shard-0.safetensors`;
  socket.write(`PUT ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf`);
  const partial = join(root, 'kept', `${copyNameText(at(2))}.partial`, 'shard-0.safetensors');
  const half = async () => (await readFile(partial, 'utf8').catch(() => '')) === 'half';
  await eventually('half of it is there', half, { withinMs: 5_000, everyMs: 10 });
  socket.destroy();
  t.deepEqual(await kept(root), [1]);
  await putCopy(address, await write(own.path, 'own', at(2), 'all of it'), never);
  await eventually('it is there', async () => (await kept(root)).includes(2), {
    ...{ withinMs: 5_000, everyMs: 10 },
  });
  await verifyCheckpoint((await listCopies(root, 'kept'))[0]?.folder ?? '');
});

test('a request for another pod is refused: its address was given to this one', async (t) => {
  await using own = await temporaryFolder();
  const { root, address } = await aServer(t);
  const copy = await write(own.path, 'own', at(1), 'state');
  const before = { ...address, podUID: 'pod-a' };
  await t.throwsAsync(putCopy(before, copy, never), { code: 'E_PEER_LOST' });
  t.deepEqual(await kept(root), []);
  await write(root, 'own', at(1), 'state');
  await t.throwsAsync(fetchCopy(before, at(1), own.path, never), { message: /it answers 421/ });
});

test('only copies are given away, and only what is there', async (t) => {
  const { root, address } = await aServer(t);
  await writeFile(join(root, 'secret'), 'x');
  const statusOf = async (path: string) =>
    (await fetch(`http://${host}:${address.port}${path}`)).status;
  const copy = copyNameText(at(1));
  for (const path of [
    '/pod-b/..%2Fsecret/manifest.json',
    `/pod-b/${copy}/..%2F..%2Fsecret`,
    `/pod-b/${copy}/secret`,
    '/pod-b',
  ]) {
    t.is(await statusOf(path), 400, path);
  }
  t.is(await statusOf(`/pod-b/${copy}/manifest.json`), 404);
  await using own = await temporaryFolder();
  await t.throwsAsync(fetchCopy(address, at(1), own.path, never), { code: 'E_PEER_LOST' });
  t.deepEqual(await listCopies(own.path, 'own'), []);
});
