// The role `generate`: makes each asked adapter, writes it in PEFT's format, reads it back, and
// compares it with the own adapter of its task.
import { join } from 'node:path';
import type { AskedAdapter } from '../../crds/api/adapter-generator.ts';
import { Bug } from '../../crds/failures/errors.ts';
import {
  collectedRecord,
  type GeneratedAdapter,
  type GeneratorRun,
  generatedRecord,
  generatorFiles,
} from '../../crds/wire/generator.ts';
import { matrix, productNorm, stackedColumns, stackedRows, times } from '../federate/matrix.ts';
import { relativeError } from '../federate/mean.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { peftArtifact } from '../publish/peft.ts';
import { tensorFile } from '../publish/peft-files.ts';
import { checkLogits } from '../publish/reload-check.ts';
import { copyIn, requireSame } from '../publish/require-same.ts';
import { replaceFolder } from '../remote/destination.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { keep, scope } from '../tensor/scope.ts';
import { toArray } from '../tensor/tensor.ts';
import { generated } from './fit.ts';
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
import { type OpenNetwork, openNetwork, writeNetwork } from './network-files.ts';
import { lossOn, openSiblingModel, type SiblingModel } from './sibling-model.ts';
import { conditionOf, restored, type Slot, slotsOf } from './vector.ts';

export const generateRole: Role = async (context) => {
  const { folder, emit } = context;
  const run = await readGeneratorRun(folder);
  const { spec, name } = run;
  const first = await preparedTask(taskFolder(folder, spec.tasks[0]?.name ?? ''));
  const collected = await requireRecord(folder, generatorFiles.collected, collectedRecord);
  using model = openSiblingModel(first, collected.form, spec.precision);
  using network = await openNetwork(join(folder, generatorFiles.generator), run.device);
  const destination = placeOf(spec.destination, run);
  const { bytes, adapterBytes } = network.record;
  const { bytes: _bytes, tensors: _tensors, ...record } = network.record;
  await replaceFolder(join(destination, generatorFiles.generator), (partial) =>
    writeNetwork(partial, network, record),
  );
  using file = openSafetensors(join(folder, generatorFiles.collectedTensors));
  const adapters: GeneratedAdapter[] = [];
  for (const asked of spec.generate) {
    emit({ type: 'stage', stage: 'Export', state: 'Started', subject: asked.name });
    const at = { context, run, first, model, network, file, asked };
    adapters.push(await materialised(at, join(destination, asked.name)));
    emit({ type: 'stage', stage: 'Export', state: 'Done', subject: asked.name });
  }
  const written = { version: 1 as const, name, bytes, adapterBytes, adapters };
  await writeRecord(folder, generatorFiles.generated, generatedRecord, written);
  await writeRecord(destination, generatorFiles.generated, generatedRecord, written);
};

interface Asked {
  readonly context: RoleContext;
  readonly run: GeneratorRun;
  readonly first: PreparedTask;
  readonly model: SiblingModel;
  readonly network: OpenNetwork;
  readonly file: SafetensorsFile;
  readonly asked: AskedAdapter;
}

async function materialised(at: Asked, folder: string): Promise<GeneratedAdapter> {
  const { context, run, network, model, asked, file } = at;
  const { form } = network.record;
  const slots = slotsOf(form.layers, form.rank);
  const condition = conditionOf(
    rowOf(file, 'taskVectors', conditionRow(run, asked)),
    form.conditions,
  );
  const x = generated(network.shape, network, condition, asked.seed, run.device);
  const vector = Float32Array.from(restored(x, slots, form.statistics));
  model.put(vector);
  await write(at, folder);
  const { task, name, seed } = asked;
  const from = task === undefined ? examplesFolder : taskFolder;
  using feed = await openTask(await preparedTask(from(context.folder, task ?? name)), context.stop);
  const loss = () => lossOn(context, model.model, recordsOf(feed));
  const losses = { generated: await loss(), base: await lossWith(model, null, loss) };
  const row = task === undefined ? -1 : ownRow(network, task);
  const own = row < 0 ? null : rowOf(file, 'vectors', row);
  return {
    ...{ name, seed, tensors: await sha256OfFile(join(folder, tensorFile)) },
    ...(task !== undefined && { task }),
    losses: own === null ? losses : { ...losses, own: await lossWith(model, own, loss) },
    ...(own !== null && { error: changeError(slots, vector, own) }),
  };
}

async function write({ context, first, model, asked }: Asked, folder: string): Promise<void> {
  const { method, files, model: trained } = model;
  const initial = (): never => {
    throw new Bug('a generated adapter begins with nothing');
  };
  const facts = { ...first, files, model: trained, method, initial };
  const writer = peftArtifact(facts, 'PEFTAdapter');
  using reference = keep(checkLogits(trained));
  context.stop.throwIfAborted();
  await replaceFolder(folder, async (partial) => {
    await writer.write(partial);
    const copy = await copyIn(partial, writer, trained.dtype);
    using _parameters = copy.parameters;
    requireSame(writer, reference, copy);
  });
  context.emit({ type: 'stage', stage: 'Verify', state: 'Done', subject: asked.name });
}

async function lossWith(
  model: SiblingModel,
  vector: ArrayLike<number> | null,
  loss: () => Promise<number | null>,
): Promise<number | null> {
  model.put(vector);
  return await loss();
}

/** Of the row of `taskVectors`: tasks first, then asked adapters with examples. */
function conditionRow({ spec }: GeneratorRun, { name, task }: AskedAdapter): number {
  if (task !== undefined) return spec.tasks.findIndex((one) => one.name === task);
  const withExamples = spec.generate.filter(({ examples }) => examples !== undefined);
  return spec.tasks.length + withExamples.findIndex((one) => one.name === name);
}

/** The last adapter of a task is its own. */
function ownRow({ record }: OpenNetwork, task: string): number {
  return record.sources.findLastIndex((source) => source.task === task);
}

function rowOf(file: SafetensorsFile, name: string, row: number): readonly number[] {
  return scope(() => toArray(file.load(name, { rows: [row, row + 1] })));
}

/** Over all layers, of `B A`: what factors are of one change is no difference. */
export function changeError(
  slots: readonly Slot[],
  vector: ArrayLike<number>,
  own: ArrayLike<number>,
): number {
  const factor = ({ shape, begin, count }: Slot, of: ArrayLike<number>) =>
    matrix(
      ...shape,
      Array.from({ length: count }, (_, i) => of[begin + i] ?? 0),
    );
  const gaps = slots.flatMap((slotA, i) => {
    const slotB = slots[i + 1];
    if (i % 2 === 1 || slotB === undefined) return [];
    const [A, B] = [factor(slotA, own), factor(slotB, own)];
    const left = stackedColumns([factor(slotB, vector), times(B, -1)]);
    const right = stackedRows([factor(slotA, vector), A]);
    return [{ error: productNorm(left, right), size: productNorm(B, A) }];
  });
  return relativeError(gaps);
}
