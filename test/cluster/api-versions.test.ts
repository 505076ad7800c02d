// The way to v1beta1 that docs/upgrades.md describes, and the way back from each of its steps: a
// definition of two versions without a webhook, rehearsed under a name of its own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { aWrittenJob } from '../builders/job.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, kubectl } from './access.ts';

const group = 'rehearsal.anneal.dev';
const file = join(import.meta.dirname, '../../crds/finetunejob.yaml');

interface Version {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
}

interface Definition {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly names: Readonly<Record<string, unknown>>;
    readonly versions: readonly [Version & Readonly<Record<string, unknown>>];
  };
}

function definitionOf(versions: readonly Version[]): object {
  const { metadata, spec, ...rest } = parse(readFileSync(file, 'utf8')) as Definition;
  const { shortNames: _, categories: __, ...names } = spec.names;
  return {
    ...rest,
    metadata: { ...metadata, name: `finetunejobs.${group}` },
    spec: {
      ...{ ...spec, group, names },
      versions: versions.map((version) => ({ ...spec.versions[0], ...version })),
      conversion: { strategy: 'None' },
    },
  };
}

const old = { name: 'v1alpha1', served: true, deprecated: true } as const;
const next = { name: 'v1beta1', served: true } as const;
const steps = {
  now: [{ ...old, deprecated: false, storage: true }],
  both: [
    { ...old, storage: true },
    { ...next, storage: false },
  ],
  stored: [
    { ...old, storage: false },
    { ...next, storage: true },
  ],
  one: [{ ...next, storage: true }],
} satisfies Record<string, readonly Version[]>;

const resource = (version: string) => `finetunejobs.${version}.${group}`;

async function define(versions: readonly Version[], mayFail = false) {
  const apply = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
  return kubectl(apply, { input: JSON.stringify(definitionOf(versions)), mayFail });
}

test('jobs live through the way to v1beta1 and back, without a webhook', async (t) => {
  t.timeout(300_000);
  const namespace = await aNamespace(t);
  t.teardown(() => kubectl(['delete', 'crd', `finetunejobs.${group}`, '--ignore-not-found']));
  const at = ['-n', namespace];
  const read = async (version: string) => {
    const ran = await kubectl([...at, 'get', resource(version), 'first', '-o', 'json'], {
      mayFail: true,
    });
    return ran.failed ? undefined : (JSON.parse(ran.stdout) as Record<string, unknown>);
  };
  const serves = (version: string) =>
    eventually(`${version} is served`, async () => (await read(version)) !== undefined, {
      ...{ withinMs: 60_000, everyMs: 500 },
    });

  await define(steps.now);
  const job = JSON.stringify({ ...aWrittenJob(), apiVersion: `${group}/v1alpha1` });
  const created = async () =>
    !(await kubectl([...at, 'apply', '-f', '-'], { input: job, mayFail: true })).failed;
  await eventually('the job is there', created, { withinMs: 60_000, everyMs: 500 });
  const before = await read('v1alpha1');
  t.truthy(before?.['spec']);

  // Both are served; what was written in one is the same in the other, and the release can be taken
  // back.
  await define(steps.both);
  await serves('v1beta1');
  t.deepEqual((await read('v1beta1'))?.['spec'], before?.['spec']);
  const warned = await kubectl([...at, 'get', resource('v1alpha1')]);
  t.regex(warned.stderr, /deprecated/);
  await define(steps.now);
  await eventually('v1beta1 is gone', async () => (await read('v1beta1')) === undefined, {
    ...{ withinMs: 60_000, everyMs: 500 },
  });
  t.deepEqual((await read('v1alpha1'))?.['spec'], before?.['spec']);

  // The new one is stored. Both are in storedVersions then, so the release before, which knows
  // both, can come back; one that knows one cannot.
  await define(steps.both);
  await define(steps.stored);
  await serves('v1beta1');
  const change = JSON.stringify({ metadata: { labels: { rewritten: 'yes' } } });
  await kubectl([...at, 'patch', resource('v1beta1'), 'first', '--type=merge', '-p', change]);
  const stored = ['get', 'crd', `finetunejobs.${group}`, '-o', 'jsonpath={.status.storedVersions}'];
  t.is((await kubectl(stored)).stdout, '["v1alpha1","v1beta1"]');
  t.regex(
    (await define(steps.now, true)).stderr,
    /storedVersions.*v1beta1|v1beta1.*storedVersions/s,
  );
  t.regex((await define(steps.one, true)).stderr, /storedVersions/);
  await define(steps.both);
  t.deepEqual((await read('v1alpha1'))?.['spec'], before?.['spec']);
  await define(steps.stored);

  // Every job was rewritten: the old version can go.
  const only = JSON.stringify({ status: { storedVersions: ['v1beta1'] } });
  const patch = ['patch', 'crd', `finetunejobs.${group}`, '--subresource=status', '--type=merge'];
  await kubectl([...patch, '-p', only]);
  await define(steps.one);
  await eventually('v1alpha1 is gone', async () => (await read('v1alpha1')) === undefined, {
    ...{ withinMs: 60_000, everyMs: 500 },
  });
  t.deepEqual((await read('v1beta1'))?.['spec'], before?.['spec']);
});
