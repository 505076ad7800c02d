// The role `collect`: adapters of all tasks as vectors of one form, and the vectors of the tasks.
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Bug, UserError } from '../../crds/failures/errors.ts';
import {
  type CollectedRecord,
  collectedRecord,
  type GeneratorRun,
  generatorFiles,
} from '../../crds/wire/generator.ts';
import { openModel } from '../decoder/model-files.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import type { Role, RoleContext } from '../role.ts';
import { readRecord, writeRecord } from '../run-folder.ts';
import { keep, scope } from '../tensor/scope.ts';
import { tensor } from '../tensor/tensor.ts';
import {
  examplesFolder,
  openTask,
  type PreparedTask,
  placeOf,
  preparedTask,
  readGeneratorRun,
  recordsOf,
  taskFolder,
} from './generator-run.ts';
import { openSiblingModel, type SiblingModel, taskVector } from './sibling-model.ts';
import { readSibling, type SiblingForm } from './siblings.ts';
import { conditionsOf, slotsOf, statisticsOf } from './vector.ts';

/** Of all adapters together: 4 GiB. */
const mostNumbers = 2 ** 30;

export const collectRole: Role = async (context) => {
  const { folder } = context;
  if ((await readRecord(folder, generatorFiles.collected, collectedRecord)) !== null) return;
  const run = await readGeneratorRun(folder);
  const { tasks } = run.spec;
  const first = await preparedTask(taskFolder(folder, tasks[0]?.name ?? ''));
  await requireApart(run, first.prepared.model.path);
  const read = await readAll(context, run, first);
  using model = openSiblingModel(first, read.form, run.spec.precision);
  const found = await vectorsOfTasks(context, run, model, read);
  const { form, sources, adapterBytes, vectors } = read;
  const slots = slotsOf(form.layers, form.rank);
  const record: CollectedRecord = {
    version: 1,
    form: {
      ...{ ...form, base: first.prepared.model.digest },
      statistics: statisticsOf(slots, vectors),
      conditions: conditionsOf(found.vectors.slice(0, tasks.length)),
    },
    ...{ sources, adapterBytes, prompts: [...found.prompts] },
  };
  const [rows, numbers] = [vectors.length, vectors[0]?.length ?? 0];
  const width = found.vectors[0]?.length ?? 0;
  const tensors = scope(
    () =>
      new Map([
        ['vectors', keep(tensor(joined(vectors, numbers), [rows, numbers]))],
        [
          'taskVectors',
          keep(tensor(Float64Array.from(found.vectors.flat()), [found.vectors.length, width])),
        ],
      ]),
  );
  await writeSafetensors(join(folder, generatorFiles.collectedTensors), tensors);
  for (const one of tensors.values()) one.dispose();
  await writeRecord(folder, generatorFiles.collected, collectedRecord, record);
};

interface Adapters extends Pick<CollectedRecord, 'sources' | 'adapterBytes'> {
  readonly form: SiblingForm;
  /** In the order of tasks, and of the adapters of a task. */
  readonly vectors: readonly Float32Array[];
}

async function readAll(
  { emit, stop }: RoleContext,
  run: GeneratorRun,
  { prepared }: PreparedTask,
): Promise<Adapters> {
  const { tasks } = run.spec;
  using files = openModel(prepared.model.path);
  const base = { config: files.config, digest: prepared.model.digest };
  const sources: CollectedRecord['sources'] = [];
  const vectors: Float32Array[] = [];
  let form: SiblingForm | null = null;
  let adapterBytes = 0;
  const total = tasks.reduce((sum, { adapters }) => sum + adapters.length, 0);
  emit({ type: 'stage', stage: 'Load', state: 'Started', subject: 'adapters', total });
  for (const { name, adapters } of tasks) {
    for (const place of adapters) {
      stop.throwIfAborted();
      const sibling = await readSibling(placeOf(place, run), base, form);
      form ??= sibling.form;
      if (total * sibling.vector.length > mostNumbers) throw tooMany(total, sibling.vector.length);
      sources.push({ task: name, sha256: sibling.sha256 });
      vectors.push(sibling.vector);
      adapterBytes += sibling.bytes;
    }
  }
  emit({ type: 'stage', stage: 'Load', state: 'Done', subject: 'adapters', done: total, total });
  if (form === null) throw new Bug('a generator has no adapters');
  return { form, sources, vectors, adapterBytes };
}

function tooMany(adapters: number, numbers: number): UserError {
  return new UserError({
    code: 'E_INVALID_SPEC',
    message: `${adapters} adapters of ${numbers} numbers are ${adapters * numbers}; a generator learns from at most ${mostNumbers}`,
    hint: 'name fewer adapters, or smaller ones',
  });
}

interface TaskVectors {
  /** Of tasks, then of asked adapters with examples. */
  readonly vectors: readonly (readonly number[])[];
  readonly prompts: readonly number[];
}

async function vectorsOfTasks(
  context: RoleContext,
  { spec }: GeneratorRun,
  model: SiblingModel,
  { vectors, sources }: Adapters,
): Promise<TaskVectors> {
  const { folder } = context;
  const isOwn = spec.taskVectors.model === 'OwnAdapter';
  const questions = [
    ...spec.tasks.map(({ name }) => ({
      name,
      from: taskFolder(folder, name),
      adapter: isOwn ? vectors[sources.findLastIndex(({ task }) => task === name)] : undefined,
    })),
    ...spec.generate.flatMap(({ name, examples }) =>
      examples === undefined
        ? []
        : [{ name, from: examplesFolder(folder, name), adapter: undefined }],
    ),
  ];
  const found: { readonly vector: readonly number[]; readonly prompts: number }[] = [];
  for (const { name, from, adapter } of questions) {
    context.stop.throwIfAborted();
    context.emit({ type: 'stage', stage: 'Evaluate', state: 'Started', subject: name });
    using feed = await openTask(await preparedTask(from), context.stop);
    const prompts = [...recordsOf(feed, spec.taskVectors.examples)];
    model.put(adapter ?? null);
    found.push({ vector: taskVector(model.model, prompts), prompts: prompts.length });
  }
  context.emit({ type: 'stage', stage: 'Evaluate', state: 'Done', subject: 'task vectors' });
  return {
    vectors: found.map(({ vector }) => vector),
    prompts: found.map(({ prompts }) => prompts),
  };
}

function joined(vectors: readonly Float32Array[], numbers: number): Float32Array {
  const all = new Float32Array(vectors.length * numbers);
  for (const [i, vector] of vectors.entries()) all.set(vector, i * numbers);
  return all;
}

/** A result replaces the folder of its name, and so what is read from there. */
async function requireApart(run: GeneratorRun, model: string): Promise<void> {
  const { spec } = run;
  const destination = placeOf(spec.destination, run);
  const read = [
    model,
    ...spec.tasks.flatMap(({ adapters }) => adapters.map((place) => placeOf(place, run))),
  ];
  const reals = await Promise.all(read.map((path) => realpath(path).catch(() => path)));
  const into = await realpath(destination).catch(() => destination);
  for (const name of [generatorFiles.generator, ...spec.generate.map((one) => one.name)]) {
    const to = join(into, name);
    const hit = reals.find((path) => path === to || path.startsWith(`${to}${sep}`));
    if (hit === undefined) continue;
    throw new UserError({
      code: 'E_PUBLISH_FAILED',
      message: `the result ${name} would replace ${to}, and ${hit} is read from there`,
      hint: 'set another spec.destination, or give the adapter another name',
    });
  }
}
