import { chmod, mkdir, writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import test from 'ava';
import { stringify } from 'yaml';
import { readKubeconfig } from '../../../cli/client/kubeconfig.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const inBase64 = (text: string) => Buffer.from(text).toString('base64');

/** A kubeconfig with one context, in a folder with the files that it may name. */
async function aKubeconfig(folder: string, parts: { user?: object; cluster?: object } = {}) {
  await mkdir(join(folder, 'keys'), { recursive: true });
  await writeFile(join(folder, 'keys/ca.crt'), 'the authority');
  await writeFile(join(folder, 'keys/me.crt'), 'the certificate');
  await writeFile(join(folder, 'keys/me.key'), 'the key');
  await writeFile(join(folder, 'keys/token'), 'from a file');
  const plugin = join(folder, 'keys/plugin');
  const status = { token: 'from a plugin', clientCertificateData: 'c', clientKeyData: 'k' };
  const credential = JSON.stringify({ kind: 'ExecCredential', status });
  await writeFile(plugin, `#!/bin/sh\necho '${credential}'\n`);
  await chmod(plugin, 0o755);
  const file = join(folder, 'config');
  const cluster = { server: 'https://cluster.test:6443', ...parts.cluster };
  const config = {
    'current-context': 'prod',
    contexts: [{ name: 'prod', context: { cluster: 'c', user: 'u', namespace: 'team-a' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: parts.user ?? {} }],
  };
  await writeFile(file, stringify(config));
  return file;
}

async function byUs(file: string): Promise<RequestOptions> {
  const access = await readKubeconfig({ file, defaults: [], context: undefined });
  return access.authorize();
}

async function byOfficialClient(file: string): Promise<RequestOptions> {
  const config = new KubeConfig();
  config.loadFromFile(file);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  delete options.agent;
  return options;
}

const people: Readonly<Record<string, { user?: object; cluster?: object }>> = {
  'a token': { user: { token: 'secret' } },
  'a name and a password': { user: { username: 'me', password: 'word' } },
  'keys in the file': {
    user: { 'client-certificate-data': inBase64('c'), 'client-key-data': inBase64('k') },
    cluster: { 'certificate-authority-data': inBase64('a'), 'tls-server-name': 'other.test' },
  },
  'keys in files beside it': {
    user: { 'client-certificate': 'keys/me.crt', 'client-key': 'keys/me.key' },
    cluster: { 'certificate-authority': 'keys/ca.crt' },
  },
  'somebody else': { user: { token: 'secret', as: 'another' } },
  'no look at certificates': { user: {}, cluster: { 'insecure-skip-tls-verify': true } },
  nobody: {},
};

for (const [who, parts] of Object.entries(people)) {
  test(`${who}: requests carry what the official client lets them carry`, async (t) => {
    await using folder = await temporaryFolder();
    const file = await aKubeconfig(folder.path, parts);
    t.deepEqual(await byUs(file), await byOfficialClient(file));
  });
}

test('a plugin is asked for keys and a token, and a token in a file is read from beside the kubeconfig', async (t) => {
  await using folder = await temporaryFolder();
  const exec = { command: join(folder.path, 'keys/plugin'), apiVersion: 'v1' };
  const byPlugin = await aKubeconfig(folder.path, { user: { exec } });
  t.like(await byUs(byPlugin), {
    ...{ cert: 'c', key: 'k', headers: { Authorization: 'Bearer from a plugin' } },
  });
  const byFile = await aKubeconfig(folder.path, { user: { tokenFile: 'keys/token' } });
  t.like(await byUs(byFile), { headers: { Authorization: 'Bearer from a file' } });
});

test('an old way to log in and a proxy are left to the official client', async (t) => {
  await using folder = await temporaryFolder();
  const config = { tokenFile: join(folder.path, 'keys/token') };
  const file = await aKubeconfig(folder.path, {
    user: { 'auth-provider': { name: 'tokenFile', config } },
  });
  t.like(await byUs(file), { headers: { Authorization: 'Bearer from a file' } });
  const behind = await aKubeconfig(folder.path, { cluster: { 'proxy-url': 'http://127.0.0.1:9' } });
  t.is((await byUs(behind)).agent?.constructor.name, 'HttpsProxyAgent');
});

test('of several files the first that has a name decides, as for kubectl', async (t) => {
  await using folder = await temporaryFolder();
  const [one, two] = [join(folder.path, 'one'), join(folder.path, 'two')];
  await mkdir(one);
  await mkdir(two);
  const first = await aKubeconfig(one, { cluster: { server: 'https://first.test/' } });
  const second = await aKubeconfig(two, { cluster: { server: 'https://second.test' } });
  const missing = join(folder.path, 'missing');
  const defaults = [missing, first, second];
  const access = await readKubeconfig({ file: undefined, defaults, context: undefined });
  t.like(access, { server: 'https://first.test', contextName: 'prod', namespace: 'team-a' });
});

test('what is wrong with a kubeconfig is told in a sentence', async (t) => {
  await using folder = await temporaryFolder();
  const file = await aKubeconfig(folder.path);
  const ask = (more: { file?: string; context?: string }) =>
    readKubeconfig({ file, defaults: [], context: undefined, ...more });
  await t.throwsAsync(ask({ context: 'prodd' }), {
    message: 'the kubeconfig has no context "prodd"',
  });
  await t.throwsAsync(ask({ file: join(folder.path, 'no') }), { message: /no does not exist$/ });
  const broken = join(folder.path, 'broken');
  await writeFile(broken, 'clusters: [{ name: c }]');
  await t.throwsAsync(ask({ file: broken }), {
    message: /broken cannot be read: clusters\[0\]\.cluster is missing$/,
  });
  await writeFile(broken, '{}');
  await t.throwsAsync(ask({ file: broken }), { message: /names no cluster/ });
  const open = await aKubeconfig(folder.path, { cluster: { server: 'http://cluster.test' } });
  await t.throwsAsync(ask({ file: open }), {
    message: /http: would send credentials unencrypted$/,
  });
});
