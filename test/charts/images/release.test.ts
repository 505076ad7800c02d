// A release step by step, without Docker and without cosign. test/release runs it with a real
// cosign and a registry.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { debianPieces } from '../../../charts/images/contents.ts';
import { type Builder, digestOf, type Run, release } from '../../../charts/images/release.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const digest = `sha256:${'a'.repeat(64)}`;

function fixture(cosign: Partial<Awaited<ReturnType<Run>>> = {}) {
  const done: string[] = [];
  const builder: Builder = {
    build: async (stage, reference) => void done.push(`build ${stage} ${reference}`),
    push: async (reference) => {
      done.push(`push ${reference}`);
      return digest;
    },
    debian: async () => debianPieces('libc6\t2.36\tamd64\n'),
  };
  const run: Run = async (name, [verb = '', ...args]) => {
    done.push([name, verb, ...args].join(' '));
    const ends = { failed: false, isMissing: false, output: '' };
    return verb === 'version' && cosign.failed ? ends : { ...ends, ...cosign };
  };
  return { done, builder, run };
}

const options = {
  ...{ registry: 'registry.test/team', version: '1.2.3', key: 'cosign.key' },
  ...{ isPrivate: false, withCuda: false },
};

test('each image is built, pushed, signed by digest and attested with its list; values name both by digest', async (t) => {
  await using folder = await temporaryFolder();
  const { done, builder, run } = fixture();
  await release({ ...options, out: folder.path }, builder, run);
  const operator = `registry.test/team/anneal-operator`;
  const list = join(folder.path, 'anneal-operator.cdx.json');
  const how = '--yes --tlog-upload=true --key cosign.key';
  t.deepEqual(done.slice(0, 5), [
    'cosign version',
    `build operator ${operator}:1.2.3`,
    `push ${operator}:1.2.3`,
    `cosign sign ${how} ${operator}@${digest}`,
    `cosign attest ${how} --type cyclonedx --predicate ${list} ${operator}@${digest}`,
  ]);
  t.is(done.filter((each) => each.startsWith('cosign sign')).length, 2);
  const { components } = JSON.parse(await readFile(list, 'utf8'));
  const names = components.map(({ name }: { name: string }) => name);
  t.true(['libc6', 'node', 'prom-client'].every((name) => names.includes(name)));
  t.deepEqual(parse(await readFile(join(folder.path, 'values.yaml'), 'utf8')), {
    operator: { image: { repository: operator, digest } },
    jobs: { image: { repository: 'registry.test/team/anneal-worker', digest } },
  });
});

test('images with CUDA are released when they are asked for, and a private release tells no public log', async (t) => {
  await using folder = await temporaryFolder();
  const { done, builder, run } = fixture();
  const quiet = { ...options, key: undefined, isPrivate: true, withCuda: true };
  await release({ ...quiet, out: folder.path }, builder, run);
  t.true(done.includes('build worker-cuda registry.test/team/anneal-worker:1.2.3-cuda'));
  const signed = done.filter((each) => each.startsWith('cosign sign'));
  t.is(signed.length, 3);
  for (const each of signed) t.regex(each, /--tlog-upload=false registry/);
  const list = await readFile(join(folder.path, 'anneal-worker-cuda.cdx.json'), 'utf8');
  t.regex(list, /pkg:pypi\/nvidia-cublas@/);
  const image = { repository: 'registry.test/team/anneal-worker', digest };
  const { jobs } = parse(await readFile(join(folder.path, 'values.yaml'), 'utf8'));
  t.deepEqual(jobs, { image, devices: { image } });
});

test('without cosign nothing is built, and the sentence says what is missing', async (t) => {
  await using folder = await temporaryFolder();
  const { done, builder, run } = fixture({ failed: true, isMissing: true });
  const missing: Run = async (name, args) => ({ ...(await run(name, args)), isMissing: true });
  await t.throwsAsync(release({ ...options, out: folder.path }, builder, missing), {
    message:
      'cosign is not on the PATH; cosign signs the images, and a release is built and signed',
  });
  t.deepEqual(done, ['cosign version']);
  t.deepEqual(await readdir(folder.path), []);
});

test('a signature that fails ends the release with the words of cosign', async (t) => {
  await using folder = await temporaryFolder();
  const { done, builder, run } = fixture({ failed: true, output: 'Error: a\nkey is locked\n' });
  await t.throwsAsync(release({ ...options, out: folder.path }, builder, run), {
    message: 'cosign sign failed: key is locked',
  });
  t.is(done.filter((each) => each.startsWith('build')).length, 1);
});

test('the digest is the one of the registry that was pushed to', (t) => {
  const lines = `other.test/x@sha256:1\nregistry.test:5000/x@${digest}\n\n`;
  t.is(digestOf(lines, 'registry.test:5000/x:1.2.3'), digest);
  t.throws(() => digestOf(lines, 'nowhere.test/x:1'), { message: /did not tell the digest/ });
});
