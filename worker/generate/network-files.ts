// The network of a generator as files: one of tensors and one that says what they are of; and its
// checkpoint, which has the moments of the optimizer too.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { generatorFiles, type NetworkRecord, networkRecord } from '../../crds/wire/generator.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '../files/safetensors.ts';
import type { OptimizerState } from '../methods/optimizers/optimizer.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { onDevice, type Tensor } from '../tensor/tensor.ts';
import { normsOf, parametersOf } from './cvae.ts';
import { type CvaeShape, shapeOf } from './cvae-shape.ts';
import { type FitState, fitState } from './fit.ts';
import { numbersIn, slotsOf } from './vector.ts';

const momentNames = ['exp_avg', 'exp_avg_sq'] as const;
const [epochKey, digestKey] = ['epoch', 'digest'] as const;

/** `digest`: of all that decides the bits. */
export async function saveFit(folder: string, state: FitState, digest: string): Promise<void> {
  const moments = [...state.moments].flatMap(([name, own]) =>
    momentNames.flatMap((moment) => {
      const value = own[moment];
      return value === undefined ? [] : [[`${moment}.${name}`, value] as const];
    }),
  );
  const metadata = { format: 'pt', [epochKey]: String(state.epoch), [digestKey]: digest };
  const path = join(folder, generatorFiles.checkpoint);
  await writeSafetensors(path, new Map([...tensorsOf(state), ...moments]), metadata);
}

/** Null where there is none of these settings. */
export function openFit(
  folder: string,
  shape: CvaeShape,
  digest: string,
  device: Device,
): FitState | null {
  const path = join(folder, generatorFiles.checkpoint);
  if (!existsSync(path)) return null;
  using file = openSafetensors(path);
  if (file.header.metadata.get(digestKey) !== digest) return null;
  const load = loaderOf(file, device);
  const { parameters, averages } = networkOf(shape, load);
  const moments = new Map(
    [...parametersOf(shape)].map(([name, own]): [string, OptimizerState] => [
      name,
      Object.fromEntries(momentNames.map((moment) => [moment, load(`${moment}.${name}`, own)])),
    ]),
  );
  const epoch = Number(file.header.metadata.get(epochKey));
  return fitState(epoch, parameters, averages, moments);
}

interface Network {
  readonly parameters: Map<string, Tensor>;
  readonly averages: Map<string, Tensor>;
}

export interface OpenNetwork extends Network, Disposable {
  readonly record: NetworkRecord;
  readonly shape: CvaeShape;
}

/** Bytes and SHA-256 of the tensors. */
export async function writeNetwork(
  folder: string,
  network: Network,
  record: Omit<NetworkRecord, 'tensors' | 'bytes'>,
): Promise<NetworkRecord> {
  const path = join(folder, generatorFiles.networkTensors);
  const { bytes, sha256 } = await writeSafetensors(path, tensorsOf(network));
  const written = { ...record, bytes, tensors: sha256 };
  await writeRecord(folder, generatorFiles.network, networkRecord, written);
  return written;
}

/** Refuses tensors that are not those that the record names. */
export async function openNetwork(folder: string, device: Device): Promise<OpenNetwork> {
  const record = await requireRecord(folder, generatorFiles.network, networkRecord);
  const path = join(folder, generatorFiles.networkTensors);
  const found = await sha256OfFile(path);
  if (found !== record.tensors) {
    throw new TerminalError({
      code: 'E_CHECKPOINT_CORRUPTED',
      message: `${path} has the SHA-256 ${found}; ${generatorFiles.network} says ${record.tensors}`,
      hint: 'put the file back, or train the generator again with --fresh',
    });
  }
  const shape = shapeOfNetwork(record);
  using file = openSafetensors(path);
  const network = networkOf(shape, loaderOf(file, device));
  return {
    ...{ ...network, record, shape },
    [Symbol.dispose]() {
      for (const one of tensorsOf(network).values()) one.dispose();
    },
  };
}

export function shapeOfNetwork({ form, sizes }: Pick<NetworkRecord, 'form' | 'sizes'>): CvaeShape {
  return shapeOf({
    ...{ ...sizes, condition: form.conditions.mean.length },
    numbers: numbersIn(slotsOf(form.layers, form.rank)),
  });
}

type Load = (name: string, shape: readonly number[]) => Tensor;

/** Copies on the device, kept. */
function loaderOf(file: SafetensorsFile, device: Device): Load {
  return (name, shape) => {
    const found = file.header.tensors.get(name);
    if (found?.type !== 'F32' || String(found.shape) !== String(shape)) {
      throw new TerminalError({
        code: 'E_CHECKPOINT_CORRUPTED',
        message: `${file.path}: tensor ${name} is ${found === undefined ? 'missing' : `${found.type} [${found.shape.join(', ')}]`}; it must be F32 [${shape.join(', ')}]`,
        hint: 'train the generator again with --fresh',
      });
    }
    return keep(
      scope(() => {
        const own = scope(() => ops.clone(file.load(name)), 'cpu');
        return onDevice(own, device);
      }),
    );
  };
}

function networkOf(shape: CvaeShape, load: Load): Network {
  const averages = [...normsOf(shape)].flatMap(([name, channels]) =>
    (['mean', 'variance'] as const).map((average): [string, Tensor] => [
      `${name}.${average}`,
      load(averageName(`${name}.${average}`), [channels]),
    ]),
  );
  return {
    parameters: new Map([...parametersOf(shape)].map(([name, own]) => [name, load(name, own)])),
    averages: new Map(averages),
  };
}

function tensorsOf({ parameters, averages }: Network): Map<string, Tensor> {
  const named = [...averages].map(([name, value]) => [averageName(name), value] as const);
  return new Map([...parameters, ...named]);
}

function averageName(name: string): string {
  return `running.${name}`;
}
