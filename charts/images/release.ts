// Builds the images, pushes them, lists what they are made of and signs both: `node
// charts/images/release.ts --registry HOST/PATH --key FILE`. The folder `--out` (release/ unless
// given) then holds an SBOM of each image, and values for the chart that name the images by digest.
//
// Docker and cosign do the work. A step of theirs that fails ends the release; run again, it begins
// anew, and pushing the same changes nothing.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { UserError } from '../../crds/failures/errors.ts';
import { piecesOf } from './assemble.ts';
import { debianFormat, debianPieces, type Piece } from './contents.ts';
import type { PartName } from './parts.ts';
import { sbom } from './sbom.ts';

const checkout = join(import.meta.dirname, '../..');

interface Target {
  /** Stage of the Dockerfile. */
  readonly stage: string;
  readonly part: PartName;
  readonly suffix: string;
  readonly withCuda: boolean;
}

const targets: readonly Target[] = [
  { stage: 'operator', part: 'operator', suffix: '', withCuda: false },
  { stage: 'worker', part: 'worker', suffix: '', withCuda: false },
  { stage: 'worker-cuda', part: 'worker', suffix: '-cuda', withCuda: true },
];

export interface ReleaseOptions {
  readonly registry: string;
  readonly version: string;
  /**
   * Key of cosign, a file or an address of a key service; without one, cosign asks who you are in
   * the browser.
   */
  readonly key: string | undefined;
  /** No line in the public log of signatures: for sites that keep to themselves. */
  readonly isPrivate: boolean;
  readonly withCuda: boolean;
  readonly out: string;
}

/** What the images are built and looked at with; a test has no Docker. */
export interface Builder {
  build(stage: string, reference: string): Promise<void>;
  /** Digest under which the registry has it. */
  push(reference: string): Promise<string>;
  debian(reference: string): Promise<readonly Piece[]>;
}

export async function release(
  options: ReleaseOptions,
  builder: Builder,
  run: Run = runTool,
): Promise<void> {
  const { registry, version, out, withCuda } = options;
  await requireTool(run, 'cosign', 'version', 'cosign signs the images');
  await mkdir(out, { recursive: true });
  const values: Record<string, Record<string, object>> = {};
  for (const target of targets.filter((each) => withCuda || !each.withCuda)) {
    const repository = `${registry}/anneal-${target.part}`;
    const reference = `${repository}:${version}${target.suffix}`;
    await builder.build(target.stage, reference);
    const digest = await builder.push(reference);
    const list = join(out, `anneal-${target.stage}.cdx.json`);
    const pieces = [
      ...(await piecesOf(target.part, target.withCuda)),
      ...(await builder.debian(reference)),
    ];
    await writeFile(list, sbom(`anneal-${target.stage}`, version, pieces));
    await sign(options, `${repository}@${digest}`, list, run);
    const image = { image: { repository, digest } };
    const value = chartValue[target.part];
    values[value] = { ...values[value], ...(target.withCuda ? { devices: image } : image) };
  }
  await writeFile(join(out, 'values.yaml'), stringify(values));
}

const chartValue = { operator: 'operator', worker: 'jobs' } as const satisfies Record<
  PartName,
  string
>;

/** By digest: a tag may be moved to another image later. */
async function sign(options: ReleaseOptions, image: string, list: string, run: Run) {
  const { key, isPrivate } = options;
  const how = [
    ...['--yes', `--tlog-upload=${!isPrivate}`],
    ...(key === undefined ? [] : ['--key', key]),
  ];
  await cosign(run, ['sign', ...how, image]);
  await cosign(run, ['attest', ...how, '--type', 'cyclonedx', '--predicate', list, image]);
}

async function cosign(run: Run, args: readonly string[]): Promise<void> {
  const ran = await run('cosign', args);
  if (!ran.failed) return;
  throw new UserError({
    code: 'E_SETUP',
    message: `cosign ${args[0]} failed: ${ran.output.trim().split('\n').at(-1) ?? ''}`,
    hint: 'the image is pushed and not signed; mend what it says and release again',
  });
}

interface Ran {
  readonly failed: boolean;
  readonly isMissing: boolean;
  readonly output: string;
}

export type Run = (name: string, args: readonly string[]) => Promise<Ran>;

export const runTool: Run = async (name, args) => {
  const ran = await execa(name, [...args], { reject: false, stdin: 'ignore', all: true });
  return { failed: ran.failed, isMissing: ran.code === 'ENOENT', output: ran.all ?? '' };
};

async function requireTool(run: Run, name: string, asked: string, what: string): Promise<void> {
  if (!(await run(name, [asked])).isMissing) return;
  throw new UserError({
    code: 'E_SETUP',
    message: `${name} is not on the PATH; ${what}, and a release is built and signed`,
    hint: `install ${name}, or build the images without a release, as docs/chart.md says`,
  });
}

export const docker: Builder = {
  async build(stage, reference) {
    const file = join(checkout, 'charts/images/Dockerfile');
    const args = ['build', '-f', file, '--target', stage, '-t', reference, checkout];
    await execa('docker', args, { stdout: 'inherit', stderr: 'inherit' });
  },
  async push(reference) {
    await execa('docker', ['push', reference], { stdout: 'inherit', stderr: 'inherit' });
    const format = '{{range .RepoDigests}}{{println .}}{{end}}';
    const { stdout } = await execa('docker', ['inspect', '--format', format, reference]);
    return digestOf(stdout, reference);
  },
  async debian(reference) {
    const look = ['run', '--rm', '--entrypoint', 'dpkg-query', reference];
    const { stdout } = await execa('docker', [...look, '--show', '-f', debianFormat]);
    return debianPieces(stdout);
  },
};

/** An image may have been pushed to several registries; each has its line. */
export function digestOf(repoDigests: string, reference: string): string {
  const repository = reference.replace(/:[^:/]+$/, '');
  const found = repoDigests.split('\n').find((line) => line.startsWith(`${repository}@sha256:`));
  if (found === undefined) throw new Error(`the registry did not tell the digest of ${reference}`);
  return found.slice(repository.length + 1).trim();
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      registry: { type: 'string' },
      key: { type: 'string' },
      private: { type: 'boolean', default: false },
      cuda: { type: 'boolean', default: false },
      out: { type: 'string', default: 'release' },
    },
  });
  try {
    if (values.registry === undefined) {
      throw new UserError({
        code: 'E_USAGE',
        message:
          '--registry is missing; it must be where the images go, such as registry.example.com/anneal',
      });
    }
    await requireTool(runTool, 'docker', '--version', 'Docker builds the images');
    const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
    const { registry, key, out } = values;
    const flags = { isPrivate: values.private, withCuda: values.cuda };
    await release({ registry, version, key, ...flags, out }, docker);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`);
    process.exitCode = 1;
  }
}
