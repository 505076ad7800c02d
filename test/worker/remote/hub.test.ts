import { downloadFile, listFiles } from '@huggingface/hub';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import {
  type HubRepository,
  listEntries,
  listHub,
  resolveCommit,
} from '../../../worker/remote/hub.ts';
import { readAll } from '../../../worker/remote/source-files.ts';
import { listen } from '../../doubles/http-server.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { someBytes, testNetwork } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const name = 'owner/model';

function repositoryOf(endpoint: string, facts: Partial<HubRepository> = {}): HubRepository {
  return { endpoint, type: 'model', repository: name, revision: 'main', ...facts };
}

test('A listing that comes in pages is read to its end', async (t) => {
  await using hub = await HubServer.start();
  hub.pageSize = 3;
  const paths = Array.from({ length: 10 }, (_, i) => `part-${i}.jsonl`);
  const commit = hub.add({ name, files: Object.fromEntries(paths.map((path) => [path, path])) });
  const repository = repositoryOf(hub.endpoint);
  t.is(await resolveCommit(repository, testNetwork(), never), commit);
  const entries = await listEntries(repository, commit, testNetwork(), never);
  t.deepEqual(
    entries.map(({ path }) => path),
    paths,
  );
});

test('A page that fails is asked for again, not the pages before it', async (t) => {
  await using hub = await HubServer.start();
  hub.pageSize = 1;
  const commit = hub.add({ name, files: { 'a.json': '1', 'b.json': '2' } });
  hub.faults.plan(`/tree/${commit}`, { type: 'Status', status: 503 });
  const network = testNetwork();
  const entries = await listEntries(repositoryOf(hub.endpoint), commit, network, never);
  t.is(entries.length, 2);
  t.is(network.waits.length, 1);
  t.is(hub.requests.length, 3);
});

test('A branch or tag with a slash is one name', async (t) => {
  await using hub = await HubServer.start();
  const commit = hub.add({ name, files: {}, revisions: ['refs/pr/1'] });
  const repository = repositoryOf(hub.endpoint, { revision: 'refs/pr/1' });
  t.is(await resolveCommit(repository, testNetwork(), never), commit);
});

test('The token goes to the hub and never to where the hub redirects', async (t) => {
  await using hub = await HubServer.start();
  hub.tokens.add('hf_secret');
  const weights = someBytes(1000);
  const commit = hub.add({
    name,
    files: { 'model.safetensors': weights },
    access: 'gated',
    granted: ['hf_secret'],
  });
  const repository = repositoryOf(hub.endpoint, { token: 'hf_secret', tokenName: 'HF_TOKEN' });
  const network = testNetwork();
  const entries = await listEntries(repository, commit, network, never);
  const [file] = listHub(repository, commit, entries, network).files;
  t.deepEqual(await readAll(await file!.read(10, 20, never)), weights.subarray(10, 20));
  const sent = hub.requests.map(({ authorization }) => authorization);
  t.deepEqual(sent.slice(-2), ['Bearer hf_secret', undefined]);
});

test('Ranges of a small file come from the hub itself', async (t) => {
  await using hub = await HubServer.start();
  const commit = hub.add({ name, type: 'dataset', files: { 'data/a b.jsonl': '0123456789' } });
  const repository = repositoryOf(hub.endpoint, { type: 'dataset' });
  const network = testNetwork();
  const entries = await listEntries(repository, commit, network, never);
  const [file] = listHub(repository, commit, entries, network).files;
  t.is((await readAll(await file!.read(3, 7, never))).toString(), '3456');
  t.is(file!.bytes, 10);
});

interface Case {
  readonly access?: 'gated' | 'private';
  readonly token?: string;
  readonly repository?: string;
  readonly revision?: string;
  readonly code: string;
  readonly message: RegExp;
  readonly hint: RegExp;
}

const refusal = test.macro({
  title: (given = '') => given,
  async exec(t, facts: Case) {
    await using hub = await HubServer.start();
    hub.tokens.add('hf_stranger');
    hub.add({ name, files: {}, access: facts.access ?? 'public', granted: ['hf_owner'] });
    const repository = repositoryOf(hub.endpoint, {
      repository: facts.repository ?? name,
      revision: facts.revision ?? 'main',
      field: 'spec.model.source.huggingFace',
      ...(facts.token ? { token: facts.token, tokenName: 'Secret hub, key token' } : {}),
    });
    const network = testNetwork();
    const error = await t.throwsAsync(resolveCommit(repository, network, never), {
      instanceOf: UserError,
    });
    t.is(error.code as string, facts.code);
    t.regex(error.message, facts.message);
    t.regex(error.hint, facts.hint);
    t.is(error.path, 'spec.model.source.huggingFace');
    t.deepEqual(network.waits, [], 'what no wait will cure is not tried again');
    t.false(`${error.message} ${error.hint}`.includes('hf_'));
  },
});

test(
  'A gated repository without a token says that terms must be accepted and a token set',
  refusal,
  {
    access: 'gated',
    code: 'E_LICENSE_NOT_ACCEPTED',
    message: /^owner\/model is gated and no token is set/,
    hint: /accept the terms at http:.*\/owner\/model, then set tokenSecretRef/,
  },
);

test('A gated repository with a token names the Secret, never the token', refusal, {
  access: 'gated',
  token: 'hf_stranger',
  code: 'E_LICENSE_NOT_ACCEPTED',
  message: /^owner\/model is gated and the owner of Secret hub, key token was not given access/,
  hint: /^accept the terms at/,
});

test(
  'A private repository cannot be told from a missing one, and the sentence says both',
  refusal,
  {
    access: 'private',
    token: 'hf_stranger',
    code: 'E_SOURCE_NOT_FOUND',
    message: /does not exist on 127.0.0.1:\d+, or Secret hub, key token may not see it/,
    hint: /check the name/,
  },
);

test('A repository that does not exist says that a token may be missing', refusal, {
  repository: 'owner/modle',
  code: 'E_SOURCE_NOT_FOUND',
  message: /^model owner\/modle does not exist on .*, or it is private and no token is set$/,
  hint: /tokenSecretRef/,
});

test('An unknown revision is named', refusal, {
  revision: 'mian',
  code: 'E_SOURCE_NOT_FOUND',
  message: /^owner\/model has no revision mian$/,
  hint: /revision/,
});

test('A token that the hub does not know is named by where it came from', refusal, {
  token: 'hf_expired',
  code: 'E_HUB_UNAUTHORIZED',
  message: /^Secret hub, key token is not accepted by 127.0.0.1:\d+ for owner\/model \(Invalid/,
  hint: /put a valid token into Secret hub, key token/,
});

const oddAnswers = test.macro({
  title: (given = '') => given,
  async exec(t, answer: unknown, headers: Record<string, string>, message: RegExp) {
    await using server = await listen((_, response) => {
      response.writeHead(200, headers).end(JSON.stringify(answer));
    });
    const listing = listEntries(repositoryOf(server.origin), 'a'.repeat(40), testNetwork(), never);
    const error = await t.throwsAsync(listing, { instanceOf: UserError });
    t.is(error.code, 'E_SOURCE_NOT_FOUND');
    t.regex(error.message, message);
  },
});

const entry = { type: 'file', path: 'a', size: 1, oid: 'a'.repeat(40) };

test(
  'A path that leads out of the folder is refused',
  oddAnswers,
  [{ ...entry, path: '../a' }],
  {},
  /a file named \.\.\/a/,
);
test('An entry without a digest is refused', oddAnswers, [{ ...entry, oid: 'x' }], {}, /oid/);
test(
  'A listing that goes on at another host is refused before the token travels there',
  oddAnswers,
  [entry],
  { link: '<http://127.0.0.1:1/next>; rel="next"' },
  /continues at http:\/\/127.0.0.1:1\/next/,
);

test('The package @huggingface/hub reads the double as it reads a hub', async (t) => {
  await using hub = await HubServer.start();
  hub.pageSize = 1;
  const weights = someBytes(100_000);
  hub.add({ name, files: { 'config.json': '{"a":1}', 'model.safetensors': weights } });
  const facts = { repo: name, hubUrl: hub.endpoint };
  const paths: string[] = [];
  for await (const { path } of listFiles({ ...facts, recursive: true })) paths.push(path);
  t.deepEqual(paths, ['config.json', 'model.safetensors']);
  const config = await downloadFile({ ...facts, path: 'config.json' });
  t.is(await config!.text(), '{"a":1}');
  const file = await downloadFile({ ...facts, path: 'model.safetensors' });
  t.true(weights.equals(Buffer.from(await file!.arrayBuffer())));
  t.is(await downloadFile({ ...facts, path: 'nothing' }), null);
});
