// A release with a real cosign and a registry: what it signs is verified by the key, and by no
// other; the list that it attests is the one that it wrote. Only Docker has a double: an image of
// one small layer.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { debianPieces } from '../../charts/images/contents.ts';
import { type Builder, type Run, release } from '../../charts/images/release.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { ensureCosign } from '../setup/cosign.ts';

const env = { COSIGN_PASSWORD: '', COSIGN_YES: 'true' };

async function aRegistry(t: ExecutionContext, program: string): Promise<string> {
  const server = spawn(program, ['-port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => server.kill());
  const lines = createInterface({ input: server.stderr });
  for await (const line of lines) {
    const [, port] = /serving on port (\d+)/.exec(line) ?? [];
    if (port !== undefined) return `localhost:${port}`;
  }
  throw new Error('the registry did not start');
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function put(url: string, type: string, body: Buffer): Promise<void> {
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}

/** Pushes an image that holds the reference as its only layer. */
async function pushed(reference: string): Promise<string> {
  const [, host = '', name = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
  const base = `http://${host}/v2/${name}`;
  const parts = [Buffer.from('{"architecture":"amd64","os":"linux"}'), Buffer.from(reference)];
  for (const part of parts) {
    const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(begun.headers.get('location') ?? '', base);
    place.searchParams.set('digest', digestOf(part));
    await put(place.href, 'application/octet-stream', part);
  }
  const oci = 'application/vnd.oci.image';
  const [config, layer] = parts.map((part) => ({ digest: digestOf(part), size: part.length }));
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: `${oci}.manifest.v1+json` },
      config: { mediaType: `${oci}.config.v1+json`, ...config },
      layers: [{ mediaType: `${oci}.layer.v1.tar`, ...layer }],
    }),
  );
  await put(`${base}/manifests/${tag}`, `${oci}.manifest.v1+json`, manifest);
  return digestOf(manifest);
}

test('what a release signs is verified by its key, and its list can be read from the registry', async (t) => {
  t.timeout(3_600_000, 'cosign is compiled the first time');
  const tools = await ensureCosign();
  await using folder = await temporaryFolder();
  const host = await aRegistry(t, tools.registry);
  const keys = ['ours', 'theirs'].map((name) => join(folder.path, name));
  for (const cwd of keys) {
    await mkdir(cwd);
    await execa(tools.cosign, ['generate-key-pair'], { cwd, env });
  }
  const [ours = '', theirs = ''] = keys;
  const cosign = (args: readonly string[]) =>
    execa(tools.cosign, [...args], { env, reject: false, all: true });
  const run: Run = async (name, args) => {
    t.is(name, 'cosign');
    const ran = await cosign(args);
    return { failed: ran.failed, isMissing: false, output: ran.all };
  };
  const builder: Builder = {
    build: async () => undefined,
    push: pushed,
    debian: async () => debianPieces('libc6\t2.36-9\tamd64\n'),
  };
  const out = join(folder.path, 'release');
  const registry = `${host}/team`;
  const key = join(ours, 'cosign.key');
  const flags = { isPrivate: true, withCuda: false };
  await release({ registry, version: '1.2.3', key, ...flags, out }, builder, run);

  const values = await readFile(join(out, 'values.yaml'), 'utf8');
  for (const part of ['operator', 'worker']) {
    const [, digest = ''] = new RegExp(`anneal-${part}\\s+digest: (\\S+)`).exec(values) ?? [];
    const image = `${registry}/anneal-${part}@${digest}`;
    const verify = (verb: string, by: string, what = image) =>
      cosign([
        ...[verb, '--insecure-ignore-tlog=true', '--key', join(by, 'cosign.pub')],
        ...(verb === 'verify' ? [] : ['--type', 'cyclonedx']),
        what,
      ]);
    const good = await verify('verify', ours);
    t.is(good.exitCode, 0, good.all);
    t.not((await verify('verify', theirs)).exitCode, 0, 'another key');
    const other = await pushed(`${registry}/anneal-${part}:other`);
    const unsigned = await verify('verify', ours, `${registry}/anneal-${part}@${other}`);
    t.not(unsigned.exitCode, 0, 'an image that was not released');

    const attested = await verify('verify-attestation', ours);
    t.is(attested.exitCode, 0, attested.all);
    const { payload } = JSON.parse(attested.stdout) as { payload: string };
    const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString());
    const written = await readFile(join(out, `anneal-${part}.cdx.json`), 'utf8');
    t.deepEqual(predicate, JSON.parse(written));
    t.not((await verify('verify-attestation', theirs)).exitCode, 0);
  }
});
