import test from 'ava';
import { locate } from '../../../worker/prepare/locate.ts';
import { resolveModel } from '../../../worker/prepare/resolve-source.ts';
import { uploadToHub } from '../../../worker/publish/hub-upload.ts';
import type { ResultFile } from '../../../worker/publish/result-files.ts';
import type { HubDestination } from '../../../worker/remote/upload-targets.ts';
import { aSpec } from '../../builders/job.ts';
import { filesIn } from '../../builders/result-files.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import {
  someBytes,
  type TestNetwork,
  temporaryFolder,
  testEnvironment,
  testNetwork,
} from '../../doubles/sources.ts';

const never = new AbortController().signal;
const name = 'owner/result';
// Not every hub's tokens begin as those of the public one.
const token = 'write-token';

async function aHub(): Promise<HubServer> {
  const hub = await HubServer.start();
  hub.tokens.add(token).add('read-token');
  hub.writers.set(token, ['owner']);
  return hub;
}

function destinationOn(hub: HubServer, facts: Partial<HubDestination> = {}): HubDestination {
  return {
    ...{ endpoint: hub.endpoint, type: 'model', repository: name, revision: 'main' },
    ...{ token, tokenName: 'HF_TOKEN', field: 'spec.output.pushToHub', visibility: 'private' },
    ...facts,
  };
}

const weights = someBytes(300_000);
const contents = { 'adapter_config.json': '{"r": 4}', 'adapter_model.safetensors': weights };
const push = (
  files: readonly ResultFile[],
  network: TestNetwork,
  progress = (_: string) => {},
) => ({
  ...{ files, network, title: 'Add the result of first' },
  progress: (key: string) => progress(key),
});
const stored = ({ requests }: HubServer) => requests.filter(({ method }) => method === 'PUT');
const commits = ({ requests }: HubServer) => requests.filter(({ url }) => url.includes('/commit/'));

test('a repository is made, and holds the files in one commit', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  const commit = await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  const { '.gitattributes': _, ...found } = hub.files(name, commit);
  t.deepEqual(Object.keys(found).sort(), Object.keys(contents));
  t.true(found['adapter_model.safetensors']?.equals(weights));
  t.is(found['adapter_config.json']?.toString(), '{"r": 4}');
  t.deepEqual(hub.writes.titles, ['Add the result of first']);
  t.is(hub.writes.visibilities.get(name), 'private');
});

test('the token goes to the hub and never to the storage', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  const [put, ...more] = stored(hub);
  t.is(put?.authorization, undefined);
  t.deepEqual(more, []);
  const others = hub.requests.filter(({ method }) => method !== 'PUT');
  t.true(others.every(({ authorization }) => authorization === `Bearer ${token}`));
});

test('what is there already is not uploaded again, and no empty commit is made', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  const first = await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  const again = await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  t.is(again, first);
  t.is(commits(hub).length, 1);
  t.is(stored(hub).length, 1);
  const changed = await filesIn(folder.path, { ...contents, 'adapter_config.json': '{"r": 8}' });
  const next = await uploadToHub(destinationOn(hub), push(changed, testNetwork()), never);
  t.not(next, first);
  t.is(stored(hub).length, 1, 'the large file is known by its digest');
});

test('a branch that is missing is made, and main stays as it was', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const main = hub.add({ name, files: { 'README.md': 'old' } });
  const files = await filesIn(folder.path, contents);
  const target = destinationOn(hub, { revision: 'tries/first' });
  const commit = await uploadToHub(target, push(files, testNetwork()), never);
  t.deepEqual(Object.keys(hub.files(name)), ['README.md']);
  t.deepEqual(Object.keys(hub.files(name, commit)).sort(), ['README.md', ...Object.keys(contents)]);
  t.not(commit, main);
});

test('a large file goes up in parts where the hub asks for them', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  hub.writes.partBytes = 128 * 1024;
  const files = await filesIn(folder.path, contents);
  const commit = await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  t.true(hub.files(name, commit)['adapter_model.safetensors']?.equals(weights));
  t.is(stored(hub).length, 3);
});

test('what is cut off or refused for a moment is sent again', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  const sum = files.find(({ path }) => path.endsWith('.safetensors'))?.sha256 ?? '';
  hub.faults.plan(`/${sum}`, { type: 'CutBody', afterBytes: 100_000 });
  hub.faults.plan('/preupload/main', { type: 'Status', status: 503 });
  hub.faults.plan('/objects/batch', { type: 'Reset' });
  const network = testNetwork();
  const commit = await uploadToHub(destinationOn(hub), push(files, network), never);
  t.true(hub.files(name, commit)['adapter_model.safetensors']?.equals(weights));
  t.is(network.waits.length, 3);
  t.is(commits(hub).length, 1);
});

test('a commit whose answer is lost is found, not made twice', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  hub.faults.plan('/commit/main', { type: 'LoseAnswer' });
  const commit = await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  t.deepEqual(hub.writes.titles, ['Add the result of first']);
  t.true(hub.files(name, commit)['adapter_model.safetensors']?.equals(weights));
});

test('a push of somebody else in between is kept, and the result comes on top of it', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  hub.add({ name, files: { 'README.md': 'old' } });
  const files = await filesIn(folder.path, contents);
  let pushes = 0;
  const onProgress = () => {
    pushes += 1;
    if (pushes === 1) hub.add({ name, files: { 'README.md': 'new' } });
  };
  const network = testNetwork();
  const commit = await uploadToHub(destinationOn(hub), push(files, network, onProgress), never);
  const found = hub.files(name, commit);
  t.is(found['README.md']?.toString(), 'new');
  t.true(found['adapter_model.safetensors']?.equals(weights));
  t.is(commits(hub).length, 2);
});

test('a stop in the middle ends the upload before anything is committed', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const upload = uploadToHub(
    destinationOn(hub),
    push(files, testNetwork(), onProgress),
    stop.signal,
  );
  await t.throwsAsync(upload, { name: 'AbortError' });
  t.deepEqual(commits(hub), []);
});

test('our own downloader reads the repository, with the same digests', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  await using cache = await temporaryFolder();
  const model = { 'config.json': '{}', 'model.safetensors': weights, 'tokenizer.json': '[]' };
  const files = await filesIn(folder.path, model);
  const commit = await uploadToHub(destinationOn(hub), push(files, testNetwork()), never);
  const environment = testEnvironment(cache.path, {
    hubEndpoint: hub.endpoint,
    hubToken: { value: token, name: 'HF_TOKEN' },
  });
  const source = { huggingFace: { repository: name, revision: commit } };
  const resolved = await resolveModel(aSpec({ 'model.source': source }).model, environment, never);
  t.deepEqual(
    resolved.files.map(({ path, sha256 }) => [path, sha256]),
    files.map(({ path, sha256 }) => [path, sha256]),
  );
  const place = await locate(
    aSpec({ 'model.source': source }).model.source,
    { type: 'model', field: 'spec.model.source' },
    environment,
    never,
  );
  t.is(place.listing.version, commit);
});

const refusal = test.macro({
  title: (given = '') => given,
  async exec(
    t,
    facts: {
      readonly token?: string;
      readonly repository?: string;
      readonly status?: number;
      readonly code: string;
      readonly message: RegExp;
    },
  ) {
    await using hub = await aHub();
    await using folder = await temporaryFolder();
    hub.add({ name, files: { 'README.md': 'old' } });
    const files = await filesIn(folder.path, contents);
    const { repository = name, status } = facts;
    if (status !== undefined) hub.faults.plan('/commit/main', { type: 'Status', status });
    const target = destinationOn(hub, { token: facts.token ?? token, repository });
    const network = testNetwork();
    const error = await t.throwsAsync(uploadToHub(target, push(files, network), never));
    t.is(Reflect.get(error, 'code'), facts.code);
    t.regex(error.message, facts.message);
    t.deepEqual(network.waits, []);
    t.deepEqual(hub.writes.titles, []);
    t.false(/-token/.test(`${error.message} ${Reflect.get(error, 'hint')}`));
  },
});

test('a token that the hub does not know is named', refusal, {
  token: 'other-token',
  code: 'E_HUB_UNAUTHORIZED',
  message: /^HF_TOKEN is not accepted by 127\.0\.0\.1:\d+ for owner\/result \(Invalid credentials/,
});
test('a token that may only read is told so', refusal, {
  token: 'read-token',
  code: 'E_HUB_FORBIDDEN',
  message:
    /^HF_TOKEN may not write to owner\/result; the hub answered 403 \(You don't have the rights/,
});
test('a new repository of somebody else is refused', refusal, {
  repository: 'other/result',
  code: 'E_HUB_FORBIDDEN',
  message: /^HF_TOKEN may not write to other\/result; the hub answered 403/,
});
test('a repository that goes away is told', refusal, {
  status: 404,
  code: 'E_PUBLISH_FAILED',
  message: /^owner\/result does not exist on 127\.0\.0\.1:\d+, or HF_TOKEN may not see it$/,
});
test('a conflict that waiting does not cure is told', refusal, {
  status: 409,
  code: 'E_PUBLISH_FAILED',
  message: /^127\.0\.0\.1:\d+ refused the result for owner\/result with 409$/,
});

test('a private repository of somebody else looks as if it did not exist, and says so', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  hub.add({ name, files: {}, access: 'private', granted: [] });
  const files = await filesIn(folder.path, contents);
  const network = testNetwork();
  const error = await t.throwsAsync(uploadToHub(destinationOn(hub), push(files, network), never));
  t.is(Reflect.get(error, 'code'), 'E_PUBLISH_FAILED');
  t.regex(error.message, /^owner\/result does not exist on .*, or HF_TOKEN may not see it$/);
});

test('a hub that stays away is given up after the budget', async (t) => {
  await using hub = await aHub();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, contents);
  hub.faults.plan('/revision/main', { type: 'Status', status: 503 }, 1000);
  const network = testNetwork();
  const error = await t.throwsAsync(uploadToHub(destinationOn(hub), push(files, network), never));
  t.is(Reflect.get(error, 'code'), 'E_HUB_UNAVAILABLE');
  t.regex(error.message, /answered 503 while the result was uploaded to owner\/result$/);
  t.true(network.waits.length > 10);
});
