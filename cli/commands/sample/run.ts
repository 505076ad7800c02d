// `anneal sample`: from its flags to a folder with pictures.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Bug, UserError } from '../../../crds/failures/errors.ts';
import type { DeviceName } from '../../../crds/names/device-name.ts';
import { sampleRecord, sampleRecordFile } from '../../../crds/sample/record.ts';
import {
  defaultSteps,
  type SampleSettings,
  sampleFile,
  sampleSettings,
} from '../../../crds/sample/settings.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { endOf, startRole } from '../../client/local-role.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { readWhole } from '../../client/whole-json.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import type { Surroundings } from '../../process/context.ts';
import { checkout } from '../local-work/place.ts';
import { deviceOf, namedBeside, sourceOf } from '../serve/base-of.ts';
import type { SampleFlags } from './command.ts';
import { madeLines } from './text.ts';

export async function sampleFromTerminal(
  base: string,
  flags: SampleFlags,
  config: CliConfig,
  { out, err }: Pick<Surroundings, 'out' | 'err'>,
): Promise<number> {
  const { device, variables } = await deviceOf(flags.device);
  const settings = sampleOf(base, flags, config, device);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-sample-'));
  try {
    await writeFile(join(folder, sampleFile), JSON.stringify(settings));
    const signals = stopSignals();
    const onSignal = (): void => void signals.press(now());
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    const started = startRole({
      ...{ worker: join(checkout, 'worker/main.ts'), role: 'sample', folder, variables },
      onMessage: (message) => {
        const words = wordsOf(message);
        if (words !== undefined) err(`${sanitize(words)}\n`);
      },
    });
    const ended = await endOf(started, signals);
    if (ended.type === 'Failed') throw ended.error;
    if (ended.type === 'Stopped') return 130;
    const record = await readWhole(settings.to, sampleRecordFile, sampleRecord);
    if (record === null) throw new Bug(`${settings.to} has no ${sampleRecordFile}`);
    if (flags.output === 'json') out(`${JSON.stringify(record)}\n`);
    else for (const line of madeLines(record, settings.to)) out(`${sanitize(line)}\n`);
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function sampleOf(
  base: string,
  flags: SampleFlags,
  config: CliConfig,
  device: DeviceName,
): SampleSettings {
  const { compositions, ...named } = namedBeside(base, flags, false);
  const { count, steps, guidance, seed, cache: caches } = flags;
  if (!caches && !compositions.some(({ mode }) => mode === 'dominant')) {
    throw new UserError({
      code: 'E_USAGE',
      message: '--no-cache is given, and only the mode dominant keeps anything of blocks',
      hint: 'leave it out, or compose with mode=dominant',
    });
  }
  return sampleSettings.parse({
    ...{ version: 1, folder: process.cwd(), cache: config.cache, device },
    model: { source: sourceOf(base), task: 'Denoising' },
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    ...{ ...named, anyBase: flags.anyBase === true, to: resolve(flags.to) },
    compositions: compositions.map((one, i) => {
      const otherwise = one.mode === 'dominant' ? null : defaultSteps;
      return { ...one, span: flags.compose?.[i]?.span ?? otherwise };
    }),
    pictures: { count, classes: flags.classes ?? [], steps, guidance, seed, caches },
  });
}

function wordsOf(message: Telemetry): string | undefined {
  if (message.type === 'warning') return message.message;
  if (message.type !== 'stage' || message.stage !== 'Export') return undefined;
  const { subject, done, total } = message;
  return `${subject}: ${done} of ${total} pictures`;
}
