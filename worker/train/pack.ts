// Several runs that train in one process. Their base is loaded once; each has an adapter, an
// optimizer, a schedule, checkpoints and failures of its own. A step is computed without a pause,
// and the runs take turns between steps, so that each ends with the bits of training alone, and
// activations exist of one run at a time. The process ends with the last of them.
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import type { PackedMessage } from '../../crds/wire/packed.ts';
import { preparedRecord, runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { openModel } from '../decoder/model-files.ts';
import { SharedBase } from '../engine/shared-base.ts';
import { readOptionsOf } from '../families/read-options.ts';
import { perform } from '../perform.ts';
import type { RoleContext } from '../role.ts';
import { requireRecord } from '../run-folder.ts';
import { emitter, type Parent } from '../telemetry/emit.ts';
import { PackedRuns } from './packed-runs.ts';
import { trainRole } from './role.ts';

interface Parental {
  say(message: PackedMessage): void;
  onStderr(stack: string): void;
}

/** Trains the runs of these folders, which are prepared and have one base, to their ends. */
export async function trainPacked(
  folders: readonly string[],
  common: Pick<RoleContext, 'config' | 'clock' | 'stop'>,
  { say, onStderr }: Parental,
): Promise<void> {
  const [first = ''] = folders;
  const { model } = await requireRecord(first, runFiles.prepared, preparedRecord);
  const { spec } = await requireRecord(first, runFiles.run, runRecord);
  using base = new SharedBase(openModel(model.path, readOptionsOf(spec)), model.digest);
  const packed = new PackedRuns(base, folders.length);
  const train = async (folder: string, run: number): Promise<void> => {
    const parent: Parent = {
      connected: true,
      send(message: Telemetry) {
        say({ run, message });
        return true;
      },
    };
    using messages = emitter(join(folder, runFiles.telemetry), parent, common.clock);
    const context = { ...common, folder, packed, emit: messages.emit };
    const role = async () => {
      await requireBase(folder, base);
      return trainRole;
    };
    say({ run, exitCode: await perform(role, context, onStderr) });
  };
  await Promise.all(folders.map(train));
}

async function requireBase(folder: string, { digest }: SharedBase): Promise<void> {
  const { model } = await requireRecord(folder, runFiles.prepared, preparedRecord);
  if (model.digest === digest) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `${model.name} is not the base that the other runs train on; runs that train together have one base`,
    hint: 'run it by itself',
  });
}
