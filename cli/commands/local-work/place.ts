// Where work of this machine computes, and the folders that stand for its claims.
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { FineTuneJobSpec } from '../../../crds/index.ts';
import type { DeviceName } from '../../../crds/wire/device.ts';
import { type AskedDevice, chooseDevices, needsLooking } from '../../devices/choose-devices.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import { thisMachine } from '../../setup/machine.ts';

export const checkout = join(import.meta.dirname, '../../..');

interface PlaceFlags {
  readonly device?: AskedDevice;
  readonly threads?: number;
  readonly volume?: Readonly<Record<string, string>>;
}

/** What a record of such work has in common. */
interface Place {
  /** Of the file. */
  readonly folder: string;
  readonly volumes: Record<string, string>;
  readonly cache: string;
  readonly device: DeviceName;
  readonly threads: number;
  readonly createdAt: string;
}

interface Placed {
  readonly place: Place;
  /** For the environment of workers. */
  readonly variables: Readonly<Record<string, string>>;
}

/** `job` says which devices the work asks for. */
export async function placeOf(
  file: string,
  job: FineTuneJobSpec,
  flags: PlaceFlags,
  config: CliConfig,
): Promise<Placed> {
  const asked = flags.device ?? 'auto';
  const found = needsLooking(asked, job) ? await findDevices(thisMachine(), checkout) : undefined;
  const { devices, note } = chooseDevices(asked, job, 1, found);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  const [device = 'cpu'] = devices;
  const { devicesPerWorker } = job.worker;
  if (device !== 'cpu' && devicesPerWorker > 1) {
    const words = `spec.worker.devicesPerWorker is ${devicesPerWorker}, and this trains on one device: ${device}`;
    process.stderr.write(`${words}\n`);
  }
  const volumes = Object.entries(flags.volume ?? {});
  const place: Place = {
    folder: dirname(resolve(file)),
    volumes: Object.fromEntries(volumes.map(([name, folder]) => [name, resolve(folder)])),
    cache: config.cache,
    device,
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    createdAt: now().toISOString(),
  };
  return { place, variables: device === 'cpu' ? {} : (found?.variables ?? {}) };
}
