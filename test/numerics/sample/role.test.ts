// The role that makes pictures: from settings to a folder with pictures and a record.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { AnnealError } from '../../../crds/failures/errors.ts';
import { sampleRecord, sampleRecordFile } from '../../../crds/sample/record.ts';
import { type SampleSettings, sampleFile, sampleSettings } from '../../../crds/sample/settings.ts';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { imageLimits } from '../../../worker/data/images/image.ts';
import { decodePng } from '../../../worker/data/images/png.ts';
import { firstNoise, samplePictures } from '../../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { linearSampler } from '../../../worker/diffusion/sampler-config.ts';
import { requireRecord } from '../../../worker/run-folder.ts';
import { sampleRole } from '../../../worker/sample/role.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aSampling, classes } from '../../toy/sampling.ts';

test.before(() => setThreads(1));

type Changes = Partial<Omit<SampleSettings, 'pictures'>> & {
  readonly pictures?: Partial<SampleSettings['pictures']>;
};

/** A base with adapters of the digest that the role finds, and how the role is run on it. */
async function aRole(t: ExecutionContext) {
  const sampling = await aSampling(t);
  const { folder, path, write } = sampling;
  const at = (name: string): string => join(folder, name);
  const messages: TelemetryBody[] = [];
  const stop = new AbortController();
  let runs = 0;
  const run = async (to: string, { pictures, ...changes }: Changes = {}) => {
    runs += 1;
    const place = at(`run${runs}`);
    await mkdir(place);
    const settings = sampleSettings.parse({
      ...{ version: 1, name: 'base', folder, cache: at('cache'), device: 'cpu', threads: 1 },
      ...{ model: { source: { local: { path } }, task: 'Denoising' }, anyBase: false },
      ...{ adapters: [], compositions: [], to: at(to), ...changes },
      pictures: {
        ...{ count: 3, classes: [...classes], steps: 6, guidance: 1.5, seed: 4, caches: true },
        ...pictures,
      },
    });
    await writeFile(join(place, sampleFile), JSON.stringify(settings));
    await sampleRole({
      ...{ folder: place, config: { cache: at('cache'), variables: {} }, clock: systemClock },
      ...{ emit: (message: TelemetryBody) => void messages.push(message), stop: stop.signal },
    });
    return await requireRecord(settings.to, sampleRecordFile, sampleRecord);
  };
  const { base } = await run('found');
  const adapters = ['one', 'three'].map((name) => ({ name, folder: at(name) }));
  for (const { name } of adapters) await write(name, { baseDigest: base.digest });
  const png = (...names: readonly string[]) => readFile(at(join(...names)));
  return { ...sampling, at, run, adapters, png, digest: base.digest, messages, stop };
}

function dominant(...names: readonly string[]) {
  const parts = names.map((adapter) => ({ adapter, weight: 1 }));
  return { name: 'both', mode: 'dominant', parts, span: null } as const;
}

test.serial('pictures of the base are those of the sampler, in grey of 8 bits', async (t) => {
  const { run, at, png, base } = await aRole(t);
  const config = diffusionConfig(base.config);
  const first = firstNoise(config, 3, 4);
  const asked = { classes, sampler: linearSampler, steps: 6, guidance: 1.5 };
  const made = samplePictures(base, first, asked);
  for (const [n] of classes.entries()) {
    const own = made.subarray(64 * n, 64 * (n + 1));
    const { image } = decodePng(await png('found', 'base', `${n + 1}.png`), imageLimits);
    t.is(image.width, 8);
    const values = Array.from(image.pixels, (value) => value / 127.5 - 1);
    const clipped = Array.from(own, (value) => Math.min(1, Math.max(-1, value)));
    t.true(values.every((value, i) => Math.abs(value - (clipped[i] ?? 9)) <= 0.5 / 127.5 + 1e-6));
  }
  t.deepEqual((await readdir(at('found'))).toSorted(), ['base', 'sample.json']);
  const again = await run('again');
  t.deepEqual(await png('again', 'base', '2.png'), await png('found', 'base', '2.png'));
  t.is(again.made[0]?.blocks.passed, 30);
  await run('other', { pictures: { seed: 5 } });
  t.notDeepEqual(await png('other', 'base', '2.png'), await png('found', 'base', '2.png'));
});

test.serial('a picture is the same whatever is made beside it', async (t) => {
  const { run, adapters, png } = await aRole(t);
  const compositions = [dominant('one', 'three')];
  await run('few', { adapters, compositions });
  const pictures = { count: 11 };
  await run('many', {
    adapters: adapters.toReversed(),
    compositions: [dominant('three', 'one')],
    pictures,
  });
  for (const file of ['1.png', '3.png']) {
    t.deepEqual(await png('many', 'both', file), await png('few', 'both', file));
  }
  t.is((await png('many', 'both', '11.png')).length > 0, true);
});

test.serial('adapters by their names, and compositions where they are asked for', async (t) => {
  const { run, adapters, at, digest, messages } = await aRole(t);
  const each = await run('each', { adapters });
  t.deepEqual(
    each.made.map(({ name }) => name),
    ['one', 'three'],
  );
  const record = await run('composed', { adapters, compositions: [dominant('one', 'three')] });
  t.is(record.base.digest, digest);
  t.deepEqual(
    record.adapters.map(({ tensors }) => tensors.length),
    [64, 64],
  );
  const [made] = record.made;
  t.deepEqual(
    made?.composition?.parts.map(({ adapter }) => adapter),
    ['one', 'three'],
  );
  const { early = [], late = [], frequencies = {}, turns = [] } = made?.sequencing ?? {};
  t.deepEqual([...early, ...late].toSorted(), ['one', 'three']);
  t.true((frequencies[early[0] ?? ''] ?? 0) >= (frequencies[late[0] ?? ''] ?? 0));
  const { changesAt = 0 } = made?.sequencing ?? {};
  t.deepEqual(
    turns.map(({ leader }) => leader),
    turns.map(({ step }) => (step < changesAt ? early : late)[0] ?? ''),
  );
  // Turns of 6 steps begin at 0, 2 and 5; the first step computes all, others deep blocks of one.
  t.deepEqual(
    turns.map(({ step }) => step),
    [0, 2, 5],
  );
  t.deepEqual(made?.blocks, { passed: 2 * 6 * 2 + 4 * 3, all: 60 });
  t.true((await readdir(at('composed/both'))).includes('3.png'));
  t.true(messages.some((message) => message.type === 'stage' && message.subject === 'both'));
});

test.serial('what cannot be sampled is refused in a sentence, and leaves nothing', async (t) => {
  const { run, adapters, write, at } = await aRole(t);
  await write('foreign', { baseDigest: `sha256:${'b'.repeat(64)}` });
  const refused = async (changes: Changes, words: RegExp, to = 'refused'): Promise<void> => {
    const error = await t.throwsAsync(run(to, changes), { message: words });
    t.true(error instanceof AnnealError);
  };
  const only = (name: string) => ({ adapters: [{ name, folder: at(name) }] });
  await refused(only('foreign'), /adapter foreign in .* was trained on the base sha256:b/);
  await write('nameless', { baseDigest: '' });
  await refused(only('nameless'), /does not say which base/);
  await run('allowed', { ...only('nameless'), anyBase: true });
  await refused(
    { pictures: { classes: [0, 7] } },
    /^--classes has 7; the model has 5 classes, 0 to 4$/,
  );
  await refused({ pictures: { steps: 1001 } }, /^--steps is 1001; .* has 1000$/);
  await refused({ adapters }, /found has 2 files; pictures need a folder/, 'found');
  t.false((await readdir(at('.'))).some((name) => name.startsWith('refused')));
});

test.serial('a stop leaves no pictures', async (t) => {
  const { run, stop, at } = await aRole(t);
  stop.abort();
  await t.throwsAsync(run('stopped'), { name: 'AbortError' });
  t.false((await readdir(at('.'))).some((name) => name.startsWith('stopped')));
});
