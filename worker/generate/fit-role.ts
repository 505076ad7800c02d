// The role `fit`: trains the network on what was collected, from its checkpoint where there is one,
// and writes it.
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import {
  type CollectedRecord,
  collectedRecord,
  generatorFiles,
  networkRecord,
} from '../../crds/wire/generator.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import { openSafetensors } from '../files/safetensors.ts';
import { replaceFolder } from '../remote/destination.ts';
import type { Role, RoleContext } from '../role.ts';
import { readRecord, requireRecord } from '../run-folder.ts';
import type { Device } from '../tensor/device.ts';
import { keep, scope } from '../tensor/scope.ts';
import { onDevice, tensor, toArray } from '../tensor/tensor.ts';
import { setThreads } from '../tensor/threads.ts';
import { exactly, openDevice } from '../train/open-device.ts';
import type { CvaeShape } from './cvae-shape.ts';
import { type FitData, type FitLoss, type FitSettings, fitEpoch, freshFit } from './fit.ts';
import { readGeneratorRun } from './generator-run.ts';
import { openFit, saveFit, shapeOfNetwork, writeNetwork } from './network-files.ts';
import { conditionOf, slotsOf, standardised } from './vector.ts';

export const fitRole: Role = async (context) => {
  const { folder } = context;
  const into = join(folder, generatorFiles.generator);
  if ((await readRecord(into, generatorFiles.network, networkRecord)) !== null) return;
  const run = await readGeneratorRun(folder);
  const collected = await requireRecord(folder, generatorFiles.collected, collectedRecord);
  setThreads(run.threads);
  const device = openDevice(run.device, exactly);
  const { network: sizes, training } = run.spec;
  const { form, sources, adapterBytes } = collected;
  const shape = shapeOfNetwork({ form, sizes });
  const settings: FitSettings = {
    ...{ epochs: training.epochs, batch: training.batchSize, seed: training.seed },
    learningRate: Number(training.learningRate),
    divergence: Number(training.divergenceWeight),
  };
  const data = dataOf(folder, collected, run.spec.tasks, shape, device);
  using _vectors = data.vectors;
  using _conditions = data.conditions;
  const digest = digestOf({
    ...{ settings, shape },
    data: await sha256OfFile(join(folder, generatorFiles.collectedTensors)),
  });
  const trained = await trainAll(context, {
    ...{ shape, settings, data, digest, device, every: training.checkpointEpochs },
  });
  using state = trained.state;
  const { epochs } = settings;
  await replaceFolder(into, (partial) =>
    writeNetwork(partial, state, {
      ...{ version: 1, form, sizes, sources, adapterBytes, epochs, loss: trained.loss },
    }),
  );
};

interface Fitting {
  readonly shape: CvaeShape;
  readonly settings: FitSettings;
  readonly data: FitData;
  readonly digest: string;
  readonly device: Device;
  readonly every: number;
}

async function trainAll(
  { folder, emit, stop }: RoleContext,
  { shape, settings, data, digest, device, every }: Fitting,
) {
  const { epochs, seed } = settings;
  const report = { type: 'stage', stage: 'Train', subject: 'generator', total: epochs } as const;
  let state = openFit(folder, shape, digest, device) ?? freshFit(shape, seed, device);
  let loss: FitLoss = { error: Number.NaN, divergence: Number.NaN };
  emit({ ...report, state: 'Started', done: state.epoch });
  // The loss of the last epoch is in the record, so that epoch is computed again after a kill.
  while (state.epoch < epochs) {
    ({ state, loss } = await fitEpoch(shape, state, data, settings, device));
    const { epoch } = state;
    requireFinite(loss, epoch);
    if (isWorthALine(epoch, epochs)) {
      emit({ ...report, state: 'Running', done: epoch, note: `error ${loss.error.toFixed(4)}` });
    }
    if (epoch < epochs && (epoch % every === 0 || stop.aborted))
      await saveFit(folder, state, digest);
    if (epoch < epochs) stop.throwIfAborted();
  }
  emit({ ...report, state: 'Done', done: epochs, note: `error ${loss.error.toFixed(4)}` });
  return { state, loss };
}

function requireFinite({ error, divergence }: FitLoss, epoch: number): void {
  if (Number.isFinite(error) && Number.isFinite(divergence)) return;
  throw new TerminalError({
    code: 'E_DIVERGED',
    message: `the loss of the generator is not finite in epoch ${epoch}`,
    hint: 'lower spec.training.learningRate, and run the same command again',
  });
}

/** Some twenty times, whatever the number of epochs. */
function isWorthALine(epoch: number, epochs: number): boolean {
  return epoch % Math.max(1, Math.round(epochs / 20)) === 0;
}

function dataOf(
  folder: string,
  { form, sources }: CollectedRecord,
  tasks: readonly { readonly name: string }[],
  shape: CvaeShape,
  device: Device,
): FitData {
  using file = openSafetensors(join(folder, generatorFiles.collectedTensors));
  const slots = slotsOf(form.layers, form.rank);
  const rows = sources.length;
  const vectors = new Float32Array(rows * shape.padded);
  const conditions = new Float32Array(rows * shape.condition);
  for (const [row, { task }] of sources.entries()) {
    const vector = scope(() => toArray(file.load('vectors', { rows: [row, row + 1] })));
    vectors.set(standardised(vector, slots, form.statistics, shape.padded), row * shape.padded);
    const at = tasks.findIndex(({ name }) => name === task);
    const raw = scope(() => toArray(file.load('taskVectors', { rows: [at, at + 1] })));
    conditions.set(conditionOf(raw, form.conditions), row * shape.condition);
  }
  const placed = (values: Float32Array, width: number) =>
    keep(
      scope(() =>
        onDevice(
          scope(() => tensor(values, [rows, width]), 'cpu'),
          device,
        ),
      ),
    );
  return {
    vectors: placed(vectors, shape.padded),
    conditions: placed(conditions, shape.condition),
  };
}
